"""Shapes of lists, maps, models and unions."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from opsctl.config import yaml
from opsctl.config.nodes import Fault, MappingNode, Node, Origin, Path, ScalarNode, SequenceNode
from opsctl.config.shapes.base import UNBOUND, Report, Shape, mismatch, short
from opsctl.config.shapes.leaves import (
    Boolean,
    Choice,
    Float,
    Integer,
    Nothing,
    Special,
    String,
    quote_it,
    scalar_value,
)
from opsctl.errors import ConfigError

__all__ = ["Field", "ListOf", "MapOf", "Model", "Union", "place_of"]


def _opened(node: Node, report: Report) -> Node | None:
    """Return the node; text from a flag or the environment is read as the list or map that it spells.

    None: it cannot be read; that has been reported.
    """
    if not isinstance(node, ScalarNode) or not node.loose or node.text[:1] not in {"[", "{"}:
        return node
    try:
        return yaml.load(node.text.encode(), name=node.origin.source).root
    except ConfigError as error:
        for problem in error.problems:
            report.fault(Origin(problem.file, problem.line, problem.column), problem.message, problem.hint)
        return None


class ListOf(msgspec.Struct, frozen=True):
    """A list.

    Args:
        item: shape of each item.
        make: list or tuple.
        shortest: items.
        longest: items.
    """

    item: Shape
    make: Callable[[list[Any]], Any]
    shortest: int = 0
    longest: int | None = None
    expected: str = "a list"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the list of the bound items."""
        del at
        opened = _opened(node, report)
        if not isinstance(opened, SequenceNode):
            return UNBOUND if opened is None else mismatch(opened, self.expected, report, _in_brackets(opened))
        if len(opened.items) < self.shortest:
            report.fault(opened, f"needs at least {self.shortest} item{'s' * (self.shortest > 1)}")
        if self.longest is not None and len(opened.items) > self.longest:
            report.fault(opened, f"has at most {self.longest} items")
        return self.make([self.item.bind(item, item.origin, report) for item in opened.items])


def _in_brackets(node: Node) -> str:
    is_text = isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value
    return "write a list: [a, b], or one '- item' a line" if is_text else ""


class MapOf(msgspec.Struct, frozen=True):
    """A map with keys of the user's choice.

    Args:
        key: shape of the keys.
        value: shape of the values.
        shortest: entries.
        longest: entries.
    """

    key: Shape
    value: Shape
    shortest: int = 0
    longest: int | None = None
    expected: str = "a map"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the dict of the bound values."""
        opened = _opened(node, report)
        if not isinstance(opened, MappingNode):
            return UNBOUND if opened is None else mismatch(opened, self.expected, report)
        if len(opened.items) < self.shortest:
            report.fault(at, f"needs at least {self.shortest} entr{'ies' if self.shortest > 1 else 'y'}")
        if self.longest is not None and len(opened.items) > self.longest:
            report.fault(at, f"has at most {self.longest} entries")
        bound: dict[Any, Any] = {}
        for key, child in opened.items.items():
            place = opened.keys[key]
            bound[self._key(key, place, report)] = self.value.bind(child, place, report)
        return bound

    def _key(self, key: str, place: Origin, report: Report) -> Any:
        if isinstance(self.key, String):
            if fault := self.key.fault(key):
                report.fault(place, fault)
            return key
        bound = self.key.bind(ScalarNode(place, key, key, quoted=True), place, report)
        return key if bound is UNBOUND else bound


class Field(msgspec.Struct, frozen=True):
    """One key of a model.

    Args:
        name: of the attribute.
        shape: of the value.
        required: the file must have it.
    """

    name: str
    shape: Shape
    required: bool


class Model(msgspec.Struct, eq=False):
    """A msgspec Struct. Its fields are filled in after it is made, because a model may contain itself.

    Args:
        cls: the class.
        later: keys that a later version will know.
        fields: key -> field.
    """

    cls: type
    later: frozenset[str]
    fields: Mapping[str, Field]
    expected: str = "a map"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the Struct; one with holes when something in it is wrong."""
        opened = _opened(node, report)
        if not isinstance(opened, MappingNode):
            return UNBOUND if opened is None else mismatch(opened, self.expected, report)
        before = report.count
        values = self._values(opened, report)
        for key, field in self.fields.items():
            if field.required and key not in opened.items:
                report.fault(at, f"missing key {key!r}", f"add {key}: with {field.shape.expected}")
                values[field.name] = UNBOUND
        bound = self.cls(**values)
        self._check(bound, opened, at, report, whole=report.count == before)
        return bound

    def _values(self, node: MappingNode, report: Report) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, child in node.items.items():
            field = self.fields.get(key)
            if field is None:
                self._unknown(key, node.keys[key], report)
            else:
                values[field.name] = field.shape.bind(child, node.keys[key], report)
        return values

    def _unknown(self, key: str, place: Origin, report: Report) -> None:
        if key in self.later:
            report.fault(place, f"{key!r} is not yet known to this version of opsctl", "remove it, or update opsctl")
            return
        close = difflib.get_close_matches(key, self.fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else self._known()
        report.fault(place, f"unknown key {short(key)!r}", hint)

    def _known(self) -> str:
        return f"known keys: {', '.join(self.fields)}" if self.fields else "there is nothing to set here"

    def _check(self, bound: Any, node: MappingNode, at: Origin, report: Report, *, whole: bool) -> None:
        """Ask the model what else is wrong.

        A model with holes is asked too, so that one run shows as many faults as possible; what it then stumbles
        over is a consequence of a hole that has been reported.
        """
        check = getattr(bound, "check", None)
        if check is None:
            return
        with contextlib.nullcontext() if whole else contextlib.suppress(Exception):
            for fault in check():
                # A key that is not known is likely the one that the model as a whole is said to lack.
                if fault.path or node.items.keys() <= self.fields.keys():
                    self._fault(fault, node, at, report)

    def _fault(self, fault: Fault, node: MappingNode, at: Origin, report: Report) -> None:
        keys = {field.name: key for key, field in self.fields.items()}
        path = (keys.get(str(fault.path[0]), fault.path[0]), *fault.path[1:]) if fault.path else ()
        report.fault(place_of(path, node, at), fault.message, fault.hint)


def place_of(path: Path, node: Node, at: Origin) -> Origin:
    """Return where the value at `path` is written: its key, or its start in a list; as deep as the file goes."""
    place = at
    for part in path:
        if isinstance(node, MappingNode) and part in node.items:
            place, node = node.keys[str(part)], node.items[str(part)]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.origin
        else:
            break
    return place


class Union(msgspec.Struct, frozen=True):
    """One of several shapes, told apart by the kind of node.

    None among them only says that the key may be left out: a key without a value is a slip, and refused.

    Args:
        members: at most one for maps and one for lists.
    """

    members: Sequence[Shape]

    @property
    def expected(self) -> str:
        """What belongs there, for messages."""
        words = [member.expected for member in self.members if not isinstance(member, Nothing)]
        return " or ".join(words)

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return what the member says that fits the kind of the node."""
        opened = _opened(node, report)
        if opened is None:
            return UNBOUND
        member = self._member(opened)
        if member is None:
            texts = any(isinstance(member, String) for member in self.members)
            return mismatch(opened, self.expected, report, quote_it(opened) if texts else "")
        return member.bind(opened, at, report)

    def _member(self, node: Node) -> Shape | None:
        if not isinstance(node, ScalarNode):
            kinds: tuple[type, ...] = (ListOf,) if isinstance(node, SequenceNode) else (MapOf, Model)
            return next((member for member in self.members if isinstance(member, kinds)), None)
        value = scalar_value(node)
        for kind in _FITTING[type(value)]:
            found = next((member for member in self.members if isinstance(member, kind)), None)
            if found is not None:
                return found
        return None


_FITTING: dict[type, tuple[type, ...]] = {
    type(None): (),
    bool: (Boolean, Special),
    int: (Integer, Float, Choice, Special),
    float: (Float, Special),
    str: (Choice, Special, String, Boolean, Integer, Float),
}
"""Type of a scalar -> which member takes it, or is best at saying why not."""
