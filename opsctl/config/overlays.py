"""Values from the environment and from flags, laid over the tree of a file before it is bound.

Because they become nodes of the tree, they are checked by the same models, and every value keeps its origin.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode
from opsctl.config.shapes import Shape
from opsctl.config.shapes.collections import ListOf, MapOf, Model, Union
from opsctl.config.shapes.leaves import Raw
from opsctl.errors import Problem, UsageError

__all__ = ["VARIABLES", "Overlay", "from_environment", "from_flags", "lay"]

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "OPSCTL_PROJECT": ("project",),
    "OPSCTL_STATE": ("state",),
}
"""Environment variable -> the value that it replaces. `OPSCTL_CONFIG` names the file itself."""


class Overlay(msgspec.Struct, frozen=True):
    """One value from outside the file.

    Args:
        path: dotted path, as the user wrote it.
        text: the value.
        origin: "env NAME" or "flag --set PATH".
    """

    path: str
    text: str
    origin: Origin

    @property
    def node(self) -> ScalarNode:
        """The value as a node; whatever the model expects decides what it means."""
        return ScalarNode(self.origin, self.text, self.text, quoted=False, loose=True)


def from_environment(env: Mapping[str, str]) -> list[Overlay]:
    """Return what the environment says; an empty variable says nothing."""
    return [
        Overlay(".".join(path), env[name], Origin(f"env {name}")) for name, path in VARIABLES.items() if env.get(name)
    ]


def from_flags(flags: Sequence[str]) -> list[Overlay]:
    """Return what `--set PATH=VALUE` flags say.

    Raises:
        UsageError: one has no path or no `=`.
    """
    overlays = []
    for flag in flags:
        path, equals, text = flag.partition("=")
        if not equals or not path:
            raise UsageError(f"--set takes PATH=VALUE, found {flag!r}", hint="--set services.web.retain=5")
        overlays.append(Overlay(path, text, Origin(f"flag --set {path}")))
    return overlays


class _RefusedError(Exception):
    """The path leads nowhere."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def lay(root: Node, overlays: Sequence[Overlay], shape: Shape) -> tuple[Node, list[Problem]]:
    """Return the tree with the overlays in it, the later ones on top, and the problems with their paths.

    Args:
        root: tree of the file; it is not changed.
        overlays: what to put there.
        shape: of the tree, which says what exists.
    """
    problems = []
    for overlay in overlays:
        try:
            root = _put(root, overlay.path.split("."), overlay, shape)
        except _RefusedError as refused:
            problems.append(Problem(overlay.origin.source, 0, 0, refused.message, refused.hint))
    return root, problems


def _put(node: Node | None, parts: list[str], overlay: Overlay, shape: Shape) -> Node:
    if not parts:
        return overlay.node
    inner = _mapping_shape(shape)
    if isinstance(inner, ListOf):
        raise _RefusedError("a list is replaced as a whole", "--set PATH='[a, b]'")
    if not isinstance(inner, (Model, MapOf, Raw)):
        raise _RefusedError(f"there is no {parts[0]!r}: the value is {shape.expected}")
    items = node.items if isinstance(node, MappingNode) else {}
    keys = node.keys if isinstance(node, MappingNode) else {}
    key, rest = _next_key(parts, items)
    child_shape = _child_shape(inner, key, items, last=not rest)
    child = _put(items.get(key), rest, overlay, child_shape)
    origin = node.origin if isinstance(node, MappingNode) else overlay.origin
    return MappingNode(origin, {**items, key: child}, {**keys, key: keys.get(key, overlay.origin)})


def _mapping_shape(shape: Shape) -> Shape:
    if isinstance(shape, Union):
        return next((member for member in shape.members if isinstance(member, (Model, MapOf, ListOf))), shape)
    return shape


def _next_key(parts: list[str], items: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Take the next key off a path: the longest one that the file has, because keys may hold dots (`s3://a.b`)."""
    for length in range(len(parts), 1, -1):
        if (joined := ".".join(parts[:length])) in items:
            return joined, parts[length:]
    return parts[0], parts[1:]


def _child_shape(shape: Shape, key: str, items: Mapping[str, Any], *, last: bool) -> Shape:
    if isinstance(shape, Raw):
        return shape
    if isinstance(shape, Model):
        if key in shape.later:
            raise _RefusedError(f"{key!r} is not yet known to this version of opsctl")
        if key not in shape.fields:
            raise _RefusedError(f"there is no {key!r}", _near(key, shape.fields))
        return shape.fields[key].shape
    assert isinstance(shape, MapOf)  # noqa: S101 - the caller lets nothing else through
    if not last and key not in items and not isinstance(shape.value, Raw):
        raise _RefusedError(f"there is no {key!r}", _near(key, items))
    return shape.value


def _near(key: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(known)}" if known else ""
