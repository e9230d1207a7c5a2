"""The syntax tree of an expression, and how it is written.

`str(tree)` is the canonical spelling; parsing it gives an equal tree. Offsets count characters from the start of
the text that the expression was parsed from; they are no part of equality.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Expression:
    """Base of all nodes.

    Args:
        offset: of its first character.
    """

    offset: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Expression):
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


@dataclass(frozen=True, slots=True)
class Reference(Expression):
    """A path into the context: `inputs.env`, `matrix['python version']`, `steps.list.outputs.files[0]`.

    Args:
        parts: the name of a context, then keys and indexes.
    """

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return dotted(self.parts)


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A call of one of the few functions."""

    function: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """`!operand`."""

    operand: Expression

    def __str__(self) -> str:
        return f"!{_wrapped(self.operand)}"


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`left == right` and its like; comparisons do not chain."""

    operator: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{_wrapped(self.left)} {self.operator} {_wrapped(self.right)}"


@dataclass(frozen=True, slots=True)
class Logical(Expression):
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
