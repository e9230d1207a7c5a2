"""Texts with `${{ }}` in them.

There is no escape for `${{` but the language itself: `${{ '${{' }}`.
"""

from __future__ import annotations

from typing import Final

from opsctl.config.expressions.parser import parse_at
from opsctl.config.expressions.syntax import Expression, ExpressionError

__all__ = ["OPENING", "Part", "split"]

OPENING: Final = "${{"

Part = str | Expression


def split(text: str) -> tuple[Part, ...]:
    """Return the parts of a text: what stands as it is, and the expressions between `${{` and `}}`.

    Raises:
        ExpressionError: an expression cannot be read or is not closed; its offset counts from the start of `text`.
    """
    parts: list[Part] = []
    position = 0
    while (opening := text.find(OPENING, position)) >= 0:
        if opening > position:
            parts.append(text[position:opening])
        expression, end = parse_at(text, opening + len(OPENING))
        if not end.text:
            raise ExpressionError("'${{' is not closed", hint="close it with }}", offset=opening)
        parts.append(expression)
        position = end.stop
    if position < len(text):
        parts.append(text[position:])
    return tuple(parts)
