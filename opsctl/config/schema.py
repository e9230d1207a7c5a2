"""JSON Schema (draft 2020-12) of the files people write, for editors and checkers.

It is made from the same shapes that bind the files, so that the two cannot say different things; descriptions are
the `Args` of the models' docstrings. (msgspec's own generator cannot encode defaults of custom types, and knows
neither docstring fields nor `${{ }}`.)

What no schema can say stays with the binder: what other keys of the same file it depends on, expressions, units that
overflow.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import NODEFAULT, Struct, structs

from opsctl.config.models import Project
from opsctl.config.scalars import unbind
from opsctl.config.shapes import Shape, shape_of
from opsctl.config.shapes.collections import ListOf, MapOf, Model, Union
from opsctl.config.shapes.leaves import Boolean, Bounds, Choice, Float, Integer, Nothing, Raw, Special, String

__all__ = ["DIALECT", "SchemaBuilder", "project_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

PROJECT_ID: Final = "opsctl.v1.schema.json"

_PLAIN: Final = {"type": "string", "not": {"pattern": r"\$\{\{"}}
"""A text in which an expression would have no meaning."""


class SchemaBuilder:
    """Collects the definitions of one schema document.

    Attributes:
        definitions: what `$defs` will hold.
        raw: "Model.field" -> schema of a field that the model leaves unbound (`Node`); any value by default.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        self.raw: dict[str, Mapping[str, Any]] = {}
        self._names: dict[type, str] = {}

    def schema(self, annotation: Any) -> dict[str, Any]:
        """Return the schema of a type; models become references to definitions."""
        return self._schema(shape_of(annotation))

    def object(self, model: type[Struct], *, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the schema of a model in place, not as a reference.

        Args:
            model: the Struct.
            extra: further properties, all of them required; for a key that tells plug-ins apart.
        """
        shape = shape_of(model)
        assert isinstance(shape, Model)  # noqa: S101 - that is the shape of a Struct
        schema = self._object(shape)
        schema["properties"] = {**(extra or {}), **schema["properties"]}
        schema["required"] = [*(extra or {}), *schema["required"]]
        return schema

    def document(self, model: type[Struct], *, name: str, title: str) -> dict[str, Any]:
        """Return the whole document.

        Args:
            model: of the file.
            name: `$id`.
            title: one line.
        """
        root = self.object(model)
        head = {"$schema": DIALECT, "$id": name, **root, "title": title}
        return {**head, "$defs": dict(sorted(self.definitions.items()))}

    def _schema(self, shape: Shape) -> dict[str, Any]:  # noqa: PLR0911 - one line for each kind of shape
        match shape:
            case Model():
                return self._reference(shape)
            case ListOf(item=item):
                limits = _limits(minItems=shape.shortest or None, maxItems=shape.longest)
                return {"type": "array", "items": self._schema(item), **limits}
            case MapOf():
                return self._map(shape)
            case Union(members=members):
                found = [self._schema(member) for member in members if not isinstance(member, Nothing)]
                return found[0] if len(found) == 1 else {"anyOf": found}
            case String():
                return self._string(shape)
            case Special(type=cls):
                self.definitions.setdefault(cls.__name__, cls.schema())
                return {"$ref": f"#/$defs/{cls.__name__}"}
            case _:
                return _simple(shape)

    def _string(self, shape: String) -> dict[str, Any]:
        self.definitions.setdefault("PlainText", dict(_PLAIN))
        described = {"description": shape.allowed} if shape.allowed else {}
        pattern = shape.pattern.pattern.replace(r"\Z", "$") if shape.pattern else None
        limits = _limits(pattern=pattern, minLength=shape.shortest or None, maxLength=shape.longest)
        return {"$ref": "#/$defs/PlainText", **limits, **described}

    def _map(self, shape: MapOf) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self._schema(shape.value)}
        if isinstance(shape.key, String):
            schema["propertyNames"] = self._string(shape.key)
        return {**schema, **_limits(minProperties=shape.shortest or None, maxProperties=shape.longest)}

    def _reference(self, shape: Model) -> dict[str, Any]:
        name = self._names.get(shape.cls)
        if name is None:
            name = self._names[shape.cls] = self._free_name(shape.cls)
            self.definitions[name] = {}  # taken before its fields are visited: a model may contain itself
            self.definitions[name] = self._object(shape)
        return {"$ref": f"#/$defs/{name}"}

    def _free_name(self, cls: type) -> str:
        name, number = cls.__name__, 2
        while name in self.definitions:
            name, number = f"{cls.__name__}{number}", number + 1
        return name

    def _object(self, shape: Model) -> dict[str, Any]:
        summary, described = _documentation(shape.cls)
        defaults = {field.encode_name: _default(field) for field in structs.fields(shape.cls)}
        properties = {}
        for key, field in shape.fields.items():
            raw = self.raw.get(f"{shape.cls.__name__}.{field.name}") if isinstance(field.shape, Raw) else None
            schema = dict(raw) if raw is not None else self._schema(field.shape)
            if described.get(field.name):
                schema["description"] = described[field.name]
            if defaults[key] is not None:
                schema["default"] = defaults[key]
            properties[key] = schema
        return {
            "type": "object",
            **({"description": summary} if summary else {}),
            "properties": properties,
            "required": [key for key, field in shape.fields.items() if field.required],
            "additionalProperties": False,
            **getattr(shape.cls, "rules", {}),
        }


def project_schema(targets: Mapping[str, type[Struct]]) -> dict[str, Any]:
    """Return the JSON Schema of `opsctl.yaml`.

    Args:
        targets: kind of deploy target -> model of its options.
    """
    builder = SchemaBuilder()
    kinds = [builder.object(model, extra={"type": {"const": kind}}) for kind, model in sorted(targets.items())]
    builder.raw["Environment.target"] = {"oneOf": kinds} if kinds else {"type": "object", "required": ["type"]}
    return builder.document(Project, name=PROJECT_ID, title="opsctl.yaml: a project of opsctl")


def _simple(shape: Shape) -> dict[str, Any]:
    match shape:
        case Integer(bounds=bounds):
            return {"type": "integer", **_bounds(bounds)}
        case Float(bounds=bounds):
            return {"type": "number", **_bounds(bounds)}
        case Boolean():
            return {"type": "boolean"}
        case Choice(values=values):
            return {"enum": list(values)} if len(values) > 1 else {"const": next(iter(values))}
        case _:
            return {}


def _bounds(bounds: Bounds) -> dict[str, Any]:
    return _limits(minimum=bounds.ge, exclusiveMinimum=bounds.gt, maximum=bounds.le, exclusiveMaximum=bounds.lt)


def _limits(**limits: Any) -> dict[str, Any]:
    return {name: value for name, value in limits.items() if value is not None}


def _default(field: structs.FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return unbind(field.default_factory())
    # The default of a nested model is what its own fields say; null is how a model spells "not given".
    given = field.default is not NODEFAULT and not isinstance(field.default, Struct)
    return unbind(field.default) if given else None


_ARGUMENT: Final = re.compile(r"(\w+): (.+)")


def _documentation(cls: type) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and its `Args` by name."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    body, _, arguments = text.partition("Args:\n")
    described: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(arguments).split("\n"):
        if match := _ARGUMENT.fullmatch(line):
            name, described[match[1]] = match[1], match[2]
        elif name and line.startswith(" "):
            described[name] += f" {line.strip()}"
        elif not line.strip():
            break
    return " ".join(body.strip().split("\n\n")[0].split()), described
