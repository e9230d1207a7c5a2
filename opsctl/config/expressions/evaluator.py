"""The value of an expression in a context.

A context is a mapping from names to values (str, int, float, bool, None, lists and mappings of them). Mappings are
only ever asked for the keys that an expression mentions, so they may compute their values when asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from opsctl.config.expressions.functions import FUNCTIONS, type_of
from opsctl.config.expressions.syntax import (
    Call,
    Comparison,
    Expression,
    ExpressionError,
    Literal,
    Logical,
    MissingValue,
    Not,
    Reference,
    dotted,
    number_text,
)
from opsctl.config.expressions.types import kind_of

__all__ = ["Context", "as_text", "evaluate"]

Context = Mapping[str, Any]
"""The values that an expression may mention, by the name of their context."""

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(expression: Expression, context: Context) -> Any:
    """Return the value of the expression.

    Raises:
        ExpressionError: something that it mentions is missing, or values do not have the types it needs.
    """
    match expression:
        case Literal(value=value):
            return value
        case Reference():
            return _look_up(expression, context)
        case Not(operand=operand):
            return not _truth(operand, "!", context)
        case Logical(operator=word, operands=operands):
            # Both stop at the first operand that decides, so that `a != null && ...` can guard what follows.
            decide = any if word == "||" else all
            return decide(_truth(operand, word, context) for operand in operands)
        case Comparison():
            return _compare(expression, context)
        case Call():
            return _call(expression, context)
        case _:  # pragma: no cover - the six kinds above are all there are
            raise TypeError(type(expression).__name__)


def as_text(value: Any) -> str:
    """Return the one text of a string, a number or a boolean.

    Raises:
        ExpressionError: it is null, a list or a map, which have no obvious text.
    """
    kind = kind_of(value)
    if kind == "string":
        return str(value)
    if kind == "number":
        return number_text(value)
    if kind == "boolean":
        return "true" if value else "false"
    raise ExpressionError(f"{kind} has no text")


def _look_up(reference: Reference, context: Context) -> Any:
    value: Any = context
    for index, part in enumerate(reference.parts):
        try:
            value = value[part]
        except MissingValue as error:
            message = f"{dotted(reference.parts[: index + 1])}: {error.message}"
            raise ExpressionError(message, hint=error.hint, offset=reference.offset) from error
        except (KeyError, IndexError, TypeError):
            missing = dotted(reference.parts[: index + 1])
            raise ExpressionError(f"{missing} is not set", offset=reference.offset) from None
    return value


def _truth(operand: Expression, word: str, context: Context) -> bool:
    value = evaluate(operand, context)
    if isinstance(value, bool):
        return value
    raise ExpressionError(f"{word} needs true or false, found a {kind_of(value)}", offset=operand.offset)


def _compare(comparison: Comparison, context: Context) -> bool:
    word = comparison.operator
    left, right = evaluate(comparison.left, context), evaluate(comparison.right, context)
    kinds = {kind_of(left), kind_of(right)}
    # null equals only null; that is no confusion of types but what null is for.
    alike = len(kinds - {"null"}) <= 1 and not kinds & {"list", "map"}
    if not (alike if word in {"==", "!="} else kinds == {"number"}):
        raise ExpressionError(f"{word} cannot compare a {' with a '.join(sorted(kinds))}", offset=comparison.offset)
    return _COMPARE[word](left, right)


def _call(call: Call, context: Context) -> Any:
    function = FUNCTIONS.get(call.function)
    if function is None:
        raise ExpressionError(f"there is no function {call.function!r}", offset=call.offset)
    values = [evaluate(argument, context) for argument in call.arguments]
    types = [type_of(value) for value in values]
    if function.accept(types) is None:
        given = ", ".join(map(str, types)) or "nothing"
        raise ExpressionError(
            f"{call.function} cannot take ({given})", hint=f"use it as {function.usage}", offset=call.offset
        )
    return function.run(*values)
