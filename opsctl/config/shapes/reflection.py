"""From a type annotation to its shape, once per type.

msgspec reads the annotations (`msgspec.inspect.type_info`); this module turns what it says into shapes.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from msgspec import inspect

from opsctl.config.nodes import Node
from opsctl.config.shapes.base import Shape
from opsctl.config.shapes.collections import Field, ListOf, MapOf, Model, Union
from opsctl.config.shapes.leaves import (
    Anything,
    Boolean,
    Bounds,
    Choice,
    Float,
    Integer,
    Nothing,
    Raw,
    Special,
    String,
)

__all__ = ["shape_of"]


@functools.cache
def shape_of(annotation: Any) -> Shape:
    """Return the shape of a type.

    Args:
        annotation: a Struct, or any annotation that one of its fields may have.

    Raises:
        TypeError: the type has no form in a file (a mistake in a model, not in a file).
    """
    return _Compiler().compile(inspect.type_info(annotation))


class _Compiler:
    """Compiles one type; models are compiled once, so that one may contain itself."""

    def __init__(self) -> None:
        self._models: dict[type, Model] = {}

    def compile(self, info: inspect.Type, **meta: Any) -> Shape:  # noqa: PLR0911 - one line for each kind of type
        match info:
            case inspect.Metadata(type=inner):
                return self.compile(inner, **_meta(info))
            case inspect.StructType(cls=cls) if issubclass(cls, Node):
                return Raw()
            case inspect.StructType(cls=cls) if not _is_spelled(cls):
                return self._model(info)
            case inspect.ListType(item_type=item, min_length=low, max_length=high):
                return ListOf(self.compile(item), list, low or 0, high)
            case inspect.VarTupleType(item_type=item, min_length=low, max_length=high):
                return ListOf(self.compile(item), tuple, low or 0, high)
            case inspect.DictType(key_type=key, value_type=value, min_length=low, max_length=high):
                return MapOf(self.compile(key), self.compile(value), low or 0, high)
            case inspect.UnionType(types=members):
                return _union([self.compile(member) for member in members])
            case _:
                return _leaf(info, meta)

    def _model(self, info: inspect.StructType) -> Model:
        if info.cls in self._models:
            return self._models[info.cls]
        model = Model(info.cls, getattr(info.cls, "later", frozenset()), {})
        self._models[info.cls] = model
        model.fields = {
            field.encode_name: Field(field.name, self.compile(field.type), field.required) for field in info.fields
        }
        return model


def _union(members: list[Shape]) -> Shape:
    # What takes any node leaves nothing for the others.
    unbound = (member for member in members if isinstance(member, (Raw, Anything)))
    return next(unbound, Union(tuple(members)))


def _meta(info: inspect.Metadata) -> dict[str, Any]:
    described = (info.extra_json_schema or {}).get("description", "")
    return {"allowed": described, "expression_hint": (info.extra or {}).get("expression_hint", "")}


def _leaf(info: inspect.Type, meta: dict[str, Any]) -> Shape:  # noqa: PLR0911 - one line for each kind of type
    match info:
        case inspect.StrType(pattern=pattern, min_length=low, max_length=high):
            return String(_whole(pattern), shortest=low or 0, longest=high, **meta)
        case inspect.IntType(ge=ge, gt=gt, le=le, lt=lt):
            return Integer(Bounds(ge, gt, le, lt))
        case inspect.FloatType(ge=ge, gt=gt, le=le, lt=lt):
            return Float(Bounds(ge, gt, le, lt))
        case inspect.BoolType():
            return Boolean()
        case inspect.NoneType():
            return Nothing()
        case inspect.LiteralType(values=values):
            return Choice({value: value for value in values}, meta.get("allowed", ""))
        case inspect.EnumType(cls=cls):
            return Choice({member.value: member for member in cls}, meta.get("allowed", ""))
        case inspect.AnyType():
            return Anything()
        case inspect.CustomType(cls=cls) | inspect.StructType(cls=cls) | inspect.DataclassType(cls=cls) if _is_spelled(
            cls
        ):
            return Special(cls)
        case _:
            name = getattr(info, "cls", type(info)).__name__
            raise TypeError(f"{name} has no form in a file: it is no plain type, and has no parse() and noun")


def _is_spelled(cls: type) -> bool:
    return hasattr(cls, "parse") and hasattr(cls, "noun")


def _whole(pattern: str | None) -> re.Pattern[str] | None:
    """Compile a pattern so that `$` means the end, not also the place before a last line break."""
    if pattern is None:
        return None
    strict = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    return re.compile(strict)
