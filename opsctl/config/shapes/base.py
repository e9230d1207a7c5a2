"""What all shapes share: how a node is bound, described and found wanting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode, SequenceNode

__all__ = ["UNBOUND", "Report", "Shape", "describe", "mismatch", "short"]


class Report(Protocol):
    """Where shapes put what they find; the binder is one."""

    def fault(self, place: Node | Origin, message: str, hint: str = "") -> None:
        """Note that something is wrong."""

    def note(self, value: Any) -> None:
        """Note a value of a scalar type that was bound."""

    @property
    def count(self) -> int:
        """How much is wrong so far."""


class Shape(Protocol):
    """A type, compiled into what binds nodes to it."""

    @property
    def expected(self) -> str:
        """What belongs there, for messages: "a whole number"."""

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the value of a node, or `UNBOUND` after having reported why there is none.

        Args:
            node: what the file holds.
            at: where the key is written that the node belongs to; the node itself where there is none.
            report: takes everything that is wrong.
        """


class _Unbound:
    """Stands for a value that could not be bound, so that the model around it can still be checked.

    It is false, empty, has every attribute and is equal to nothing, so that a model's `check` tends to find nothing
    wrong with it.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> _Unbound:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_args: object, **_options: object) -> _Unbound:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __repr__(self) -> str:
        return "UNBOUND"


UNBOUND: Final = _Unbound()


def describe(node: Node) -> str:
    """Return what a node is, in words; a text is not quoted, because it may be a secret in the wrong place."""
    match node:
        case MappingNode():
            return "a map"
        case SequenceNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool() as value):
            return "true" if value else "false"
        case ScalarNode(value=int() | float()):
            return f"the number {short(node.text)}"
        case _:
            return "text"


def mismatch(node: Node, expected: str, report: Report, hint: str = "") -> Any:
    """Report that a node is of another kind than expected; return `UNBOUND`."""
    if not hint and isinstance(node, ScalarNode) and node.value is None:
        hint = "give it a value or remove the key"
    report.fault(node, f"expected {expected}, found {describe(node)}", hint)
    return UNBOUND


def short(text: str) -> str:
    """Return a text that fits into a message of one line."""
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - a message stays one line
