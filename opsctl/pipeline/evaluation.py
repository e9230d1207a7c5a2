"""Gives the expressions in bound options their values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct, structs

from opsctl.config.expressions import Context
from opsctl.config.scalars import Flag, Number, Text

__all__ = ["evaluate"]


def evaluate(value: Any, context: Context, *, unknown: Collection[str] = ()) -> Any:
    """Return the same value with constants in place of expressions.

    Args:
        value: a model, or anything that a field of one may hold.
        context: values that expressions may mention.
        unknown: contexts that have no values yet; an expression that mentions one of them stays as it is.

    Raises:
        ConfigError: an expression has no value; names the place.
    """
    match value:
        case Text() | Flag() | Number():
            known = not value.is_constant and not any(value.mentions(root) for root in unknown)
            return type(value).of(value.evaluate(context)) if known else value
        case Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return structs.replace(value, **evaluate(fields, context, unknown=unknown))
        case dict():
            return {key: evaluate(item, context, unknown=unknown) for key, item in value.items()}
        case list():
            return [evaluate(item, context, unknown=unknown) for item in value]
        case tuple():
            return tuple(evaluate(item, context, unknown=unknown) for item in value)
        case _:
            return value
