"""The words of an expression."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from opsctl.config.expressions.syntax import ExpressionError

__all__ = ["MAX_TOKENS", "Token", "scan"]

MAX_TOKENS: Final = 1000
"""More words than anybody reads; bounds what one field can cost."""

Kind = Literal["name", "number", "text", "operator", "end"]


class Token(msgspec.Struct, frozen=True, gc=False):
    """One word.

    Args:
        kind: "end" is the `}}`, or the end of the text.
        text: as written; without quotes, and with `''` undone, for "text".
        offset: of its first character.
        stop: of the character after it.
    """

    kind: Kind
    text: str
    offset: int
    stop: int


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<end>\}\})
      | (?P<text>'(?:[^']|'')*')
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!().,\[\]])
    )""",
    re.VERBOSE,
)

_CURES: Final = {
    '"': "strings are in single quotes: 'text'",
    "'": "the string has no closing quote; a quote inside is written ''",
    "=": "compare with ==",
    "&": "write && for and",
    "|": "write || for or",
    "$": "names stand alone inside ${{ }}: inputs.env, not $env or ${env}",
    "-": "there is no arithmetic",
    "+": "there is no arithmetic; put two ${{ }} side by side to join texts",
    "*": "there is no arithmetic and no wildcard",
    "{": "close the expression with }}",
    "}": "close the expression with }}",
}


def scan(text: str, start: int = 0) -> list[Token]:
    """Return the words from `start` up to the first `}}` outside a string, or to the end of the text.

    The last one is always the "end".

    Raises:
        ExpressionError: a character that begins no word, or too many words.
    """
    tokens: list[Token] = []
    position = start
    while len(tokens) < MAX_TOKENS:
        match = _TOKEN.match(text, position)
        if match is None:
            tokens.append(_end_of_text(text, position))
            return tokens
        position = match.end()
        tokens.append(_token(match))
        if tokens[-1].kind == "end":
            return tokens
    raise ExpressionError(f"the expression has more than {MAX_TOKENS} words", offset=start)


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup
    assert kind is not None  # noqa: S101 - every alternative is a named group
    word = match[kind]
    if kind == "text":
        word = word[1:-1].replace("''", "'")
    return Token(kind, word, match.start(kind), match.end())  # type: ignore[arg-type] # the groups are the kinds


def _end_of_text(text: str, position: int) -> Token:
    rest = text[position:]
    offset = position + len(rest) - len(rest.lstrip())
    if offset == len(text):
        return Token("end", "", offset, offset)
    char = text[offset]
    if char.isdigit() or (char == "-" and text[offset + 1 : offset + 2].isdigit()):
        raise ExpressionError("not a number", hint="numbers are like 12, -3, 0.5", offset=offset)
    raise ExpressionError(f"{char!r} cannot stand here", hint=_CURES.get(char, ""), offset=offset)
