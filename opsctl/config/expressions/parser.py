"""From text to syntax tree: a Pratt parser with a depth cap. Nothing is ever evaluated here.

expression = or;  or = and {"||" and};  and = comparison {"&&" comparison}
comparison = unary [("==" | "!=" | "<" | "<=" | ">" | ">=") unary]
unary = "!" unary | primary
primary = literal | name "(" [expression {"," expression}] ")" | path | "(" expression ")"
path = name {"." name | "[" (text | whole number) "]"}
"""

from __future__ import annotations

from typing import Final

from opsctl.config.expressions.syntax import (
    Call,
    Comparison,
    Expression,
    ExpressionError,
    Literal,
    Logical,
    Not,
    Reference,
)
from opsctl.config.expressions.tokens import Token, scan

__all__ = ["MAX_DEPTH", "parse", "parse_at"]

MAX_DEPTH: Final = 32
"""Nested parentheses, negations and calls; far from the recursion limit, and more than anybody reads."""

_BINDING: Final = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3}
_COMPARISON: Final = 3
_KEYWORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_MAX_DIGITS: Final = 15
"""Every number up to here is exact both as int and as float, in every tool that reads it."""


def parse(text: str) -> Expression:
    """Parse a whole text as one expression, without `${{ }}` around it.

    Raises:
        ExpressionError: it is none.
    """
    expression, end = parse_at(text, 0)
    if end.text:
        raise ExpressionError("'}}' cannot stand here", offset=end.offset)
    return expression


def parse_at(text: str, start: int) -> tuple[Expression, Token]:
    """Parse the expression that begins at `start`; return it and the "end" word that closes it.

    Raises:
        ExpressionError: there is none.
    """
    parser = _Parser(scan(text, start))
    expression = parser.expression(0)
    end = parser.take()
    if end.kind != "end":
        raise ExpressionError(f"{end.text!r} cannot stand here", hint=_stray(end), offset=end.offset)
    return expression, end


def _stray(token: Token) -> str:
    if _BINDING.get(token.text) == _COMPARISON:
        return "comparisons do not chain: write a == b && b == c"
    return "expected an operator or }}"


class _Parser:
    """A cursor over the words; one method per rule of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def peek(self) -> Token:
        return self._tokens[self._next]

    def take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def expression(self, power: int) -> Expression:
        """Parse everything that binds tighter than `power`."""
        left = self._unary()
        while (binding := self._operator()) > power:
            operator = self.take()
            if binding == _COMPARISON:
                left = Comparison(left.offset, operator.text, left, self.expression(binding))
                if self._operator() == _COMPARISON:
                    stray = self.peek()
                    raise ExpressionError(f"{stray.text!r} cannot stand here", hint=_stray(stray), offset=stray.offset)
            else:
                left = self._chain(left, operator, binding)
        return left

    def _operator(self) -> int:
        token = self.peek()
        return _BINDING.get(token.text, 0) if token.kind == "operator" else 0

    def _chain(self, first: Expression, operator: Token, binding: int) -> Expression:
        operands = [first, self.expression(binding)]
        while self.peek().kind == "operator" and self.peek().text == operator.text:
            self.take()
            operands.append(self.expression(binding))
        return Logical(first.offset, operator.text, tuple(operands))

    def _unary(self) -> Expression:
        self._depth += 1
        token = self.take()
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels", offset=token.offset)
        if token.kind == "operator" and token.text == "!":
            result: Expression = Not(token.offset, self._unary())
        else:
            result = self._primary(token)
        self._depth -= 1
        return result

    def _primary(self, token: Token) -> Expression:
        if token.kind == "text":
            return Literal(token.offset, token.text)
        if token.kind == "number":
            return Literal(token.offset, _number(token))
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            inner = self.expression(0)
            self._expect(")", token)
            return inner
        found = repr(token.text) if token.text else "the end of the text"
        raise ExpressionError(f"expected a value, found {found}", offset=token.offset)

    def _named(self, token: Token) -> Expression:
        if token.text in _KEYWORDS:
            return Literal(token.offset, _KEYWORDS[token.text])
        if self._at("("):
            return Call(token.offset, token.text, self._arguments(self.take()))
        return Reference(token.offset, self._path(token))

    def _arguments(self, opening: Token) -> tuple[Expression, ...]:
        arguments: list[Expression] = []
        while not self._at(")"):
            if arguments:
                self._expect(",", opening)
            arguments.append(self.expression(0))
        self.take()
        return tuple(arguments)

    def _path(self, root: Token) -> tuple[str | int, ...]:
        parts: list[str | int] = [root.text]
        while self._at(".") or self._at("["):
            if self.take().text == ".":
                parts.append(self._key())
            else:
                parts.append(self._index())
        return tuple(parts)

    def _key(self) -> str:
        token = self.take()
        if token.kind != "name":
            cure = "write a['1'] for a key, a[1] for an item of a list" if token.kind == "number" else ""
            raise ExpressionError("a name must follow '.'", hint=cure, offset=token.offset)
        return token.text

    def _index(self) -> str | int:
        token = self.take()
        whole = token.kind == "number" and token.text.isdecimal()
        if token.kind != "text" and not whole:
            hint = "write a['key'] or a[0]"
            raise ExpressionError("an index is a text or a whole number", hint=hint, offset=token.offset)
        self._expect("]", token)
        return int(_number(token)) if whole else token.text

    def _at(self, text: str) -> bool:
        token = self.peek()
        return token.kind == "operator" and token.text == text

    def _expect(self, text: str, opening: Token) -> None:
        token = self.take()
        if token.kind != "operator" or token.text != text:
            found = repr(token.text) if token.text else "the end of the text"
            hint = "" if text == "," else f"close what begins with {opening.text!r}"
            raise ExpressionError(f"expected {text!r}, found {found}", hint=hint, offset=token.offset)


def _number(token: Token) -> int | float:
    if sum(char.isdigit() for char in token.text) > _MAX_DIGITS:
        raise ExpressionError(f"a number has at most {_MAX_DIGITS} digits", offset=token.offset)
    return float(token.text) if "." in token.text else int(token.text)
