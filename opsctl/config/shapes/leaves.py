"""Shapes of single values."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opsctl.config.dynamic import Dynamic
from opsctl.config.expressions import OPENING
from opsctl.config.nodes import Node, Origin, ScalarError, ScalarNode, plain
from opsctl.config.shapes.base import UNBOUND, Report, mismatch, short
from opsctl.config.yamltext import resolve

__all__ = [
    "Anything",
    "Boolean",
    "Choice",
    "Float",
    "Integer",
    "Nothing",
    "Raw",
    "Special",
    "String",
    "quote_it",
    "scalar_value",
]

_BOOLEAN_WORDS: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")


def scalar_value(node: ScalarNode) -> object:
    """Return the value of a scalar; one from a flag or the environment is read as if it stood in a file."""
    return resolve(node.text) if node.loose else node.value


class Raw(msgspec.Struct, frozen=True):
    """A node, handed on as it is."""

    expected: str = "a value"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Hand the node on."""
        del self, at, report
        return node


class Anything(msgspec.Struct, frozen=True):
    """Any value, as plain Python."""

    expected: str = "a value"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the plain value of any node."""
        del self, at, report
        return plain(node)


class Nothing(msgspec.Struct, frozen=True):
    """Null."""

    expected: str = "nothing"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return None for null."""
        del at
        if isinstance(node, ScalarNode) and scalar_value(node) is None:
            return None
        return mismatch(node, self.expected, report)


class Boolean(msgspec.Struct, frozen=True):
    """True or false."""

    expected: str = "true or false"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the boolean."""
        del at
        value = scalar_value(node) if isinstance(node, ScalarNode) else None
        if isinstance(value, bool):
            return value
        word = isinstance(value, str) and value.lower() in _BOOLEAN_WORDS
        return mismatch(node, self.expected, report, "write true or false, without quotes" if word else "")


class Bounds(msgspec.Struct, frozen=True):
    """Limits of a number; None where there is none."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def fault(self, value: float) -> str:
        """Say which limit the value breaks, or ""."""
        low = (self.ge is not None and value < self.ge) or (self.gt is not None and value <= self.gt)
        high = (self.le is not None and value > self.le) or (self.lt is not None and value >= self.lt)
        return f"must be {self}, found {value}" if low or high else ""

    def __str__(self) -> str:
        if self.ge is not None and self.le is not None:
            return f"from {self.ge:g} to {self.le:g}"
        words = (("at least", self.ge), ("more than", self.gt), ("at most", self.le), ("less than", self.lt))
        return " and ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)


class Integer(msgspec.Struct, frozen=True):
    """A whole number."""

    bounds: Bounds = Bounds()
    expected: str = "a whole number"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the whole number, if it is within bounds."""
        del at
        value = scalar_value(node) if isinstance(node, ScalarNode) else None
        if not isinstance(node, ScalarNode) or not isinstance(value, int) or isinstance(value, bool):
            return mismatch(node, self.expected, report, _unquote(node))
        if _LEADING_ZERO.fullmatch(node.text):
            cure = f"write {value}, or 0o{node.text.lstrip('+-0') or 0} for an octal number"
            report.fault(node, f"{short(node.text)} is ambiguous: other YAML tools read it as octal", cure)
            return UNBOUND
        return _bounded(value, self.bounds, node, report)


class Float(msgspec.Struct, frozen=True):
    """A number."""

    bounds: Bounds = Bounds()
    expected: str = "a number"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the number, if it is finite and within bounds."""
        del at
        value = scalar_value(node) if isinstance(node, ScalarNode) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return mismatch(node, self.expected, report, _unquote(node))
        return _bounded(float(value), self.bounds, node, report)


def _bounded(value: float, bounds: Bounds, node: Node, report: Report) -> Any:
    if fault := bounds.fault(value):
        report.fault(node, fault)
        return UNBOUND
    return value


def _unquote(node: Node) -> str:
    quoted = isinstance(node, ScalarNode) and node.quoted and isinstance(resolve(node.text), (int, float))
    return "remove the quotes" if quoted else ""


class String(msgspec.Struct, frozen=True):
    """A text in which `${{ }}` has no meaning, and is refused for that.

    Args:
        pattern: what all of it must match.
        allowed: the same in words.
        shortest: characters.
        longest: characters.
        expression_hint: the cure where somebody wrote an expression.
    """

    pattern: re.Pattern[str] | None = None
    allowed: str = ""
    shortest: int = 0
    longest: int | None = None
    expression_hint: str = ""
    expected: str = "text"

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the text, if it is allowed here."""
        del at
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            return mismatch(node, self.expected, report, quote_it(node))
        text = node.value
        if (offset := text.find(OPENING)) >= 0:
            report.fault(node.place(offset), f"{OPENING} }}}} has no meaning in this field", self.expression_hint)
            return UNBOUND
        if fault := self.fault(text):
            report.fault(node, fault)
            return UNBOUND
        return text

    def fault(self, text: str) -> str:
        """Say what is wrong with a text or a key, or ""."""
        if OPENING in text:
            return f"{OPENING} }}}} has no meaning in {short(text)!r}"
        if self.pattern and not self.pattern.search(text):
            return f"{short(text)!r} is not allowed here: {self.allowed or f'must match {self.pattern.pattern}'}"
        if len(text) < self.shortest:
            return "must not be empty" if self.shortest == 1 else f"must have at least {self.shortest} characters"
        if self.longest is not None and len(text) > self.longest:
            return f"must have at most {self.longest} characters"
        return ""


def quote_it(node: Node) -> str:
    """Return the cure for a number or a boolean where a text belongs."""
    if isinstance(node, ScalarNode) and isinstance(node.value, (bool, int, float)):
        return f"quote it: '{short(node.text)}'"
    return ""


class Choice(msgspec.Struct, frozen=True):
    """One of a few values.

    Args:
        values: what the file says -> the value.
        hint: the cure for everything else; the nearest one by default.
    """

    values: Mapping[str | int | None, Any]
    hint: str = ""

    @property
    def expected(self) -> str:
        """What belongs there, for messages."""
        listed = ", ".join(str(value) for value in self.values)
        return f"one of {listed}" if len(self.values) > 1 else listed

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return what the choice stands for."""
        del at
        value = scalar_value(node) if isinstance(node, ScalarNode) else None
        for choice in (value, node.text if isinstance(node, ScalarNode) and node.loose else value):
            if isinstance(choice, (str, int)) and type(choice) is not bool and choice in self.values:
                return self.values[choice]
        if not isinstance(value, str):
            return mismatch(node, self.expected, report, self.hint)
        close = difflib.get_close_matches(value, [str(known) for known in self.values], n=1)
        hint = f"did you mean {close[0]!r}?" if close else ""
        report.fault(node, f"{short(value)!r} is not {self.expected}", self.hint or hint)
        return UNBOUND


class Special(msgspec.Struct, frozen=True):
    """A scalar type of `opsctl.config.scalars`, or one made like them.

    Args:
        type: the class.
    """

    type: Any

    @property
    def expected(self) -> str:
        """What belongs there, for messages."""
        noun: str = self.type.noun
        return noun

    def bind(self, node: Node, at: Origin, report: Report) -> Any:
        """Return the parsed value."""
        del at
        if not isinstance(node, ScalarNode):
            return mismatch(node, self.expected, report)
        try:
            value = self._parse(node)
        except ScalarError as error:
            report.fault(node.place(error.offset), error.message, error.hint)
            return UNBOUND
        if value is UNBOUND:
            return self._refuse(node, report)
        if isinstance(value, Dynamic):
            value = value.written_in(node)
        report.note(value)
        return value

    def _parse(self, node: ScalarNode) -> Any:
        value = scalar_value(node)
        if type(value) in getattr(self.type, "native", ()):
            return self.type.of(value)
        bare_number = self.type.numeric and isinstance(value, (int, float)) and not isinstance(value, bool)
        if isinstance(value, str) or bare_number or node.loose:
            return self.type.parse(node.text)
        return UNBOUND

    def _refuse(self, node: ScalarNode, report: Report) -> Any:
        if getattr(self.type, "private", False) and node.value is not None:
            report.fault(node, f"expected {self.expected}", "it begins with env:, file: or cmd:")
            return UNBOUND
        # Quotes make a text of it, which is no cure where a number or boolean belongs.
        return mismatch(node, self.expected, report, "" if hasattr(self.type, "native") else quote_it(node))
