"""The tree of a YAML file with the place of every value, before it is bound to a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

__all__ = ["Fault", "MappingNode", "Node", "Origin", "Path", "ScalarError", "ScalarNode", "SequenceNode", "plain"]

Path = tuple[str | int, ...]
"""Where a value is in its file: keys and indexes from the top."""


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a value came from.

    Args:
        source: path of a file as the user gave it, "env NAME", "flag --set KEY", or "default".
        line: from 1; 0 when the source is not a file.
        column: from 1, in characters; 0 when the source is not a file.
    """

    source: str
    line: int = 0
    column: int = 0


class Node(msgspec.Struct, frozen=True, gc=False):
    """One value of the file. A model field of this type is handed on unbound.

    Nodes are Structs, which are made ten times as fast as dataclasses, and untracked by the garbage collector, which
    would otherwise walk the growing tree again and again; a tree has no cycles.
    """

    origin: Origin


class ScalarNode(Node, frozen=True, gc=False):
    """A scalar.

    Args:
        value: by the YAML 1.2 core schema: None, bool, int, float or str.
        text: what the file says, without quotes.
        quoted: it is quoted or a block scalar, so it is a string whatever it looks like.
        first: where the first character of `text` is written, when the file holds the text as it is (each line
            break of the text then continues in the same column of the next line); None otherwise.
        loose: it comes from a flag or the environment, where nothing tells a string from a number: it is
            whatever the model expects.
    """

    value: bool | int | float | str | None
    text: str
    quoted: bool
    first: Origin | None = None
    loose: bool = False

    def place(self, offset: int) -> Origin:
        """Return where character `offset` of the text is written, as exactly as the file allows."""
        if self.first is None or not offset:
            return self.first or self.origin
        before = self.text[:offset]
        line_start = before.rfind("\n") + 1
        column = self.first.column + offset - line_start
        return Origin(self.first.source, self.first.line + before.count("\n"), column)


class SequenceNode(Node, frozen=True, gc=False):
    """A list."""

    items: Sequence[Node]


class MappingNode(Node, frozen=True, gc=False):
    """A map; keys are strings, in the order of the file.

    Args:
        items: key -> value.
        keys: key -> where the key itself is written.
    """

    items: Mapping[str, Node]
    keys: Mapping[str, Origin]

    def pick(self, names: Collection[str]) -> MappingNode:
        """Return the map with only these keys, as far as it has them."""
        return MappingNode(self.origin, {k: v for k, v in self.items.items() if k in names}, self.keys)

    def drop(self, names: Collection[str]) -> MappingNode:
        """Return the map without these keys."""
        return MappingNode(self.origin, {k: v for k, v in self.items.items() if k not in names}, self.keys)


class Fault(msgspec.Struct, frozen=True):
    """What a model finds wrong with itself.

    Args:
        path: relative to the model, to the value at fault; () for the model as a whole.
        message: one line.
        hint: one line, or "".
    """

    path: Path
    message: str
    hint: str = ""


class ScalarError(ValueError):
    """A text that is not what its type asks for.

    Args:
        message: one line; never holds the text of what may be a secret.
        hint: one line, or "".
        offset: of the character at fault, in the text.
    """

    def __init__(self, message: str, *, hint: str = "", offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset


def plain(node: Node) -> Any:
    """Return the value of a tree as None, bool, int, float, str, list and dict."""
    match node:
        case MappingNode(items=items):
            return {key: plain(value) for key, value in items.items()}
        case SequenceNode(items=entries):
            return [plain(item) for item in entries]
        case ScalarNode(value=value):
            return value
        case _:  # pragma: no cover - the three kinds above are all there are
            raise TypeError(type(node).__name__)
