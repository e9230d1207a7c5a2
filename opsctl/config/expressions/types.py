"""The types of expressions, and scopes: what an expression may mention and of which type it is.

A scope is a plain mapping from the names of contexts to types:

    scope = {"inputs": map_of({"env": STRING}), "git": map_of({"sha": STRING, "tag": STRING.optional()})}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

__all__ = ["BOOLEAN", "NULL", "NUMBER", "STRING", "Kind", "Scope", "Type", "kind_of", "list_of", "map_of"]

Kind = Literal["string", "number", "boolean", "null", "list", "map"]


class Type(msgspec.Struct, frozen=True):
    """A type.

    Args:
        kind: the sort of value.
        nullable: it may be null as well.
        item: of a list: the type of its items.
        fields: of a map: the keys it always has.
        rest: of a map: the type of every other key; None when it has no others.
        guard: of a map: says why a key may not be read, "" when it may.
    """

    kind: Kind
    nullable: bool = False
    item: Type | None = None
    fields: Mapping[str, Type] | None = None
    rest: Type | None = None
    guard: Callable[[str], str] | None = None

    def optional(self) -> Type:
        """Return the type that may be null as well."""
        return replace(self, nullable=True)

    def present(self) -> Type:
        """Return the type without null."""
        return replace(self, nullable=False)

    @property
    def is_scalar(self) -> bool:
        """It is a string, a number, a boolean or null."""
        return self.kind not in {"list", "map"}

    def __str__(self) -> str:
        name = f"list of {self.item}" if self.item else self.kind
        return f"{name} or null" if self.nullable else name


STRING: Final = Type("string")
NUMBER: Final = Type("number")
BOOLEAN: Final = Type("boolean")
NULL: Final = Type("null")

Scope = Mapping[str, Type]
"""The contexts that an expression may mention, by name."""


def list_of(item: Type) -> Type:
    """Return the type of a list."""
    return Type("list", item=item)


def map_of(fields: Mapping[str, Type], *, rest: Type | None = None, guard: Callable[[str], str] | None = None) -> Type:
    """Return the type of a map.

    Args:
        fields: the keys it always has.
        rest: the type of every other key; None when it has no others.
        guard: says why a key may not be read, "" when it may.
    """
    return Type("map", fields=fields, rest=rest, guard=guard)


def kind_of(value: Any) -> Kind:
    """Return the kind of a value of a context.

    Raises:
        TypeError: no value of this type may be in a context.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "list"
    if isinstance(value, Mapping):
        return "map"
    raise TypeError(f"{type(value).__name__} in the context of an expression")
