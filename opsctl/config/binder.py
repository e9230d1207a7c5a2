"""Binds the tree of a file to typed models and collects everything that is wrong with it.

    binder = Binder(yaml.read(path))
    project = binder.bind(binder.root, Project)
    binder.finish()                       # raises ConfigError with every problem of the file

Can be used piece by piece: split a map with `node.pick(keys)` and `node.drop(keys)`, bind the parts to different
models, and add faults of one's own, before the one `finish`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, overload

from opsctl.config.dynamic import Dynamic
from opsctl.config.expressions import Scope
from opsctl.config.nodes import Node, Origin
from opsctl.config.scalars import SecretRef
from opsctl.config.shapes import shape_of
from opsctl.config.yaml import Source
from opsctl.errors import ConfigError, Problem

__all__ = ["Binder"]

T = TypeVar("T")


class Binder:
    """Collects the problems of one file.

    Args:
        source: the file; its own problems are the first.
        scope: when given, every expression that is bound is checked against it. Where fields have different
            scopes, leave it out and check `dynamics` or the bound values.

    Attributes:
        problems: everything wrong so far.
        dynamics: every value that may hold expressions, in the order of binding.
        secrets: every reference to a secret, in the order of binding.
    """

    def __init__(self, source: Source, *, scope: Scope | None = None) -> None:
        self.root = source.root
        self.problems: list[Problem] = list(source.problems)
        self.dynamics: list[Dynamic] = []
        self.secrets: list[SecretRef] = []
        self._scope = scope

    @property
    def count(self) -> int:
        """How much is wrong so far."""
        return len(self.problems)

    @overload
    def bind(self, node: Node, model: type[T], *, at: Node | Origin | None = None) -> T | None: ...

    @overload
    def bind(self, node: Node, model: Any, *, at: Node | Origin | None = None) -> Any: ...

    def bind(self, node: Node, model: Any, *, at: Node | Origin | None = None) -> Any:
        """Return the value of a node, or None when anything in it is wrong.

        Args:
            node: a tree, or a part of one.
            model: a Struct, or any annotation that a field of one may have.
            at: where faults of the value as a whole belong, for example its key; the node by default.
        """
        before = self.count
        place = at.origin if isinstance(at, Node) else at or node.origin
        value = shape_of(model).bind(node, place, self)
        return value if self.count == before else None

    def fault(self, place: Node | Origin, message: str, hint: str = "") -> None:
        """Note that something is wrong.

        Args:
            place: where.
            message: one line.
            hint: one line, or "".
        """
        origin = place.origin if isinstance(place, Node) else place
        self.problems.append(Problem(origin.source, origin.line, origin.column, message, hint))

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems that something else has found, for example `Text.check`."""
        self.problems.extend(problems)

    def note(self, value: Any) -> None:
        """Note a value of a scalar type that was bound; one with expressions is checked when there is a scope."""
        if isinstance(value, SecretRef):
            self.secrets.append(value)
        elif isinstance(value, Dynamic):
            self.dynamics.append(value)
            if self._scope is not None:
                self.problems.extend(value.check(self._scope))

    def finish(self) -> None:
        """Raise everything that is wrong, if anything is.

        Raises:
            ConfigError: with every problem, in the order of the file.
        """
        if self.problems:
            raise ConfigError(self.problems)
