"""The syntax tree of an expression, and how it is written.

`str(tree)` is the canonical spelling; parsing it gives an equal tree. Offsets count characters from the start of
the text that the expression was parsed from; they are no part of equality.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

__all__ = [
    "NAME",
    "Call",
    "Comparison",
    "Expression",
    "ExpressionError",
    "Literal",
    "Logical",
    "MissingValue",
    "Not",
    "Reference",
    "dotted",
    "number_text",
    "quote",
    "references",
]

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""A name; `-` belongs to it, because steps and services are called like that and nothing is subtracted."""


class ExpressionError(ValueError):
    """An expression cannot be read, does not fit its scope, or has no value.

    Args:
        message: one line.
        hint: one line, or "".
        offset: of the character at fault, in the text that holds the expression.
    """

    def __init__(self, message: str, *, hint: str = "", offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset


class MissingValue(KeyError):  # noqa: N818 - it is a KeyError, for mappings that know more than the key
    """Raised by a mapping in a context that can say why it has no value.

    Args:
        message: what is wrong, to follow "git.sha: ".
        hint: the cure.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Expression(msgspec.Struct, frozen=True, eq=False):
    """Base of all nodes.

    Args:
        offset: of its first character; no part of equality.
    """

    offset: int

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash((type(self), self._told()))

    def _told(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "offset")


class Literal(Expression, frozen=True, eq=False):
    """`'text'`, `12`, `0.5`, `true`, `false`, `null`."""

    value: str | int | float | bool | None

    def __str__(self) -> str:
        match self.value:
            case None:
                return "null"
            case bool():
                return "true" if self.value else "false"
            case str():
                return quote(self.value)
            case number:
                return number_text(number)


class Reference(Expression, frozen=True, eq=False):
    """A path into the context: `inputs.env`, `matrix['python version']`, `steps.list.outputs.files[0]`.

    Args:
        parts: the name of a context, then keys and indexes.
    """

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return dotted(self.parts)


class Call(Expression, frozen=True, eq=False):
    """A call of one of the few functions."""

    function: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


class Not(Expression, frozen=True, eq=False):
    """`!operand`."""

    operand: Expression

    def __str__(self) -> str:
        return f"!{_wrapped(self.operand)}"


class Comparison(Expression, frozen=True, eq=False):
    """`left == right` and its like; comparisons do not chain."""

    operator: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{_wrapped(self.left)} {self.operator} {_wrapped(self.right)}"


class Logical(Expression, frozen=True, eq=False):
    """`a && b && c` or `a || b`: flat, so that a long chain is not a deep tree."""

    operator: str
    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return f" {self.operator} ".join(map(_wrapped, self.operands))


def references(expression: Expression) -> Iterator[Reference]:
    """Yield every path that the expression mentions."""
    match expression:
        case Reference():
            yield expression
        case Call(arguments=children) | Logical(operands=children):
            for child in children:
                yield from references(child)
        case Not(operand=child):
            yield from references(child)
        case Comparison(left=left, right=right):
            yield from references(left)
            yield from references(right)


def dotted(parts: tuple[str | int, ...]) -> str:
    """Return a path as it is written in an expression."""
    text = str(parts[0])
    for part in parts[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if NAME.fullmatch(part) else f"[{quote(part)}]"
    return text


def quote(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def number_text(number: float) -> str:
    """Return the one text of a number: no exponent, no fraction where there is none."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer():
        return str(int(number))
    from decimal import Decimal  # noqa: PLC0415 - 2 ms, and fractions are rare

    return f"{Decimal(repr(number)):f}"


def _wrapped(expression: Expression) -> str:
    inner = str(expression)
    return f"({inner})" if isinstance(expression, (Comparison, Logical)) else inner
