"""The functions of expressions. There are few on purpose: what needs more belongs into a script.

contains(text, part)      part occurs in the text; also contains(list, item)
starts_with(text, part)   the text begins with part
ends_with(text, part)     the text ends with part
join(list, separator)     the items of a list of strings as one text
default(value, other)     value, or other where it is null
to_json(value)            the value as JSON on one line
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from opsctl.config.expressions.types import BOOLEAN, STRING, Type, kind_of, list_of

__all__ = ["FUNCTIONS", "Function", "type_of"]


class Function(msgspec.Struct, frozen=True):
    """A function.

    Args:
        usage: how a call looks, for messages.
        arity: how many arguments it takes.
        result: type of the result for the types of the arguments; None when they do not fit.
        run: compute the value. Gets only what `result` accepted.
    """

    usage: str
    arity: int
    result: Callable[..., Type | None]
    run: Callable[..., Any]

    def accept(self, types: Sequence[Type]) -> Type | None:
        """Return the type of the result, or None when the function does not take such arguments."""
        return self.result(*types) if len(types) == self.arity else None


def type_of(value: Any) -> Type:
    """Return the type of a value of a context."""
    kind = kind_of(value)
    if kind == "list":
        return list_of(type_of(value[0])) if value else Type("list")
    return Type(kind)


def _two_strings(text: Type, part: Type) -> Type | None:
    return BOOLEAN if text.kind == part.kind == "string" else None


def _contains(whole: Type, part: Type) -> Type | None:
    if whole.kind == "list" and part.is_scalar:
        return BOOLEAN if whole.item is None or whole.item.kind == part.kind else None
    return _two_strings(whole, part)


def _has(whole: str | Sequence[Any], part: Any) -> bool:
    return part in whole


def _join(items: Type, separator: Type) -> Type | None:
    strings = items.kind == "list" and (items.item is None or items.item.kind == "string")
    return STRING if strings and separator.kind == "string" else None


def _default(value: Type, other: Type) -> Type | None:
    if value.kind == "null":
        return other
    return other if other.kind == value.kind and other.is_scalar else None


def _first_present(value: Any, other: Any) -> Any:
    return other if value is None else value


def _json_type(value: Type) -> Type | None:
    # A guarded map (the environment) is read key by key, or not at all.
    return None if value.guard else STRING


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_dict)


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


FUNCTIONS: Final[dict[str, Function]] = {
    "contains": Function("contains(text, part) or contains(list, item)", 2, _contains, _has),
    "default": Function("default(value, other)", 2, _default, _first_present),
    "ends_with": Function("ends_with(text, part)", 2, _two_strings, str.endswith),
    "join": Function("join(list, separator)", 2, _join, lambda items, separator: separator.join(items)),
    "starts_with": Function("starts_with(text, part)", 2, _two_strings, str.startswith),
    "to_json": Function("to_json(value)", 1, _json_type, _to_json),
}
