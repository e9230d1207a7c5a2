"""The tree of a YAML file with the place of every value, before it is bound to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Fault", "MappingNode", "Node", "Origin", "Path", "ScalarNode", "SequenceNode"]

Path = tuple[str | int, ...]
"""Where a value is in its file: keys and indexes from the top."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Args:
        source: path of a file as the user gave it, "env NAME", or "flag --set".
        line: from 1; 0 when the source is not a file.
        column: from 1, in characters; 0 when the source is not a file.
    """

    source: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file. A model field of this type is handed on unbound."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class ScalarNode(Node):
    """A scalar.

    Args:
        value: by the YAML 1.2 core schema: None, bool, int, float or str.
        text: what the file says, without quotes.
        quoted: it is quoted or a block scalar, so it is a string whatever it looks like.
    """

    value: None | bool | int | float | str
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class SequenceNode(Node):
    """A list."""

    items: Sequence[Node]


@dataclass(frozen=True, slots=True)
class MappingNode(Node):
    """A map; keys are strings, in the order of the file.

    Args:
        items: key -> value.
        keys: key -> where the key itself is written.
    """

    items: Mapping[str, Node]
    keys: Mapping[str, Origin]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a model finds wrong with itself.

    Args:
        path: relative to the model, to the value at fault; () for the model as a whole.
        message: one line.
        hint: one line, or "".
    """

    path: Path
    message: str
    hint: str = ""
