"""Typed inputs of a pipeline: what a run is given, checked before anything happens."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field

from opsctl.config.expressions import BOOLEAN, NUMBER, STRING, Type
from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.config.yaml import resolve
from opsctl.errors import UsageError
from opsctl.pipeline.texts import is_text

__all__ = ["Input", "InputValue", "resolve_inputs"]

InputValue = str | int | float | bool | None
"""None: not given, and not required."""


class Input(Model, frozen=True, kw_only=True):
    """One input.

    Args:
        type: of the value.
        default: the value when none is given; without one, an input is required.
        values: what an enum can be.
        pattern: regular expression that all of a string must match.
        required: false: without a value the input is null.
        description: one line for people.
    """

    type: Literal["string", "number", "boolean", "enum"] = "string"
    default: str | int | float | bool | None = None
    values: Annotated[list[str], Meta(max_length=1000)] = field(default_factory=list)
    pattern: str = ""
    required: bool | None = None
    description: str = ""

    def check(self) -> Iterator[Fault]:
        """The keys fit the type, and so does the default."""
        yield from self._check_enum()
        yield from self._check_pattern()
        if self.default is None:
            return
        if self.required:
            yield Fault(("required",), "an input with a default is never missing", "remove one of the two")
        if fault := self.fault(self.default):
            yield Fault(("default",), f"the default {fault}", self._cure())

    def _check_enum(self) -> Iterator[Fault]:
        if self.type == "enum" and not self.values:
            yield Fault((), "an enum needs values", "add values: [a, b]")
        if self.type != "enum" and self.values:
            yield Fault(("values",), f"a {self.type} has no list of values", "write type: enum")
        if len(set(self.values)) < len(self.values):
            yield Fault(("values",), "a value is listed twice")

    def _check_pattern(self) -> Iterator[Fault]:
        if self.pattern and self.type != "string":
            yield Fault(("pattern",), f"a {self.type} has no pattern", "only strings do")
        try:
            re.compile(self.pattern)
        except re.error as error:
            yield Fault(("pattern",), f"not a regular expression: {error}")

    def _cure(self) -> str:
        if self.type in {"string", "enum"} and not isinstance(self.default, str):
            return "quote it"
        return "write true or false" if self.type == "boolean" else ""

    def fault(self, value: InputValue) -> str:
        """Say why a value does not fit, "" when it does."""
        match self.type:
            case "boolean":
                return "" if isinstance(value, bool) else "is not true or false"
            case "number":
                return "" if _is_number(value) else "is not a number"
            case "enum":
                return "" if value in self.values else f"is not one of {', '.join(self.values)}"
            case "string":
                return self._string_fault(value)

    def _string_fault(self, value: InputValue) -> str:
        if not isinstance(value, str):
            return "is not a text"
        if "\0" in value or not is_text(value):
            return "holds a NUL character" if "\0" in value else "is not UTF-8 text"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"does not match {self.pattern}"
        return ""

    def parse(self, text: str) -> InputValue:
        """Return the value that a text from the command line spells; what it spells may still not fit."""
        if self.type == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if self.type == "number":
            value = resolve(text)
            return value if _is_number(value) else text
        return text

    @property
    def expression_type(self) -> Type:
        """What expressions take it for."""
        types = {"string": STRING, "enum": STRING, "number": NUMBER, "boolean": BOOLEAN}
        found = types[self.type]
        return found.optional() if self.default is None and self.required is False else found


def resolve_inputs(inputs: Mapping[str, Input], given: Sequence[str]) -> dict[str, InputValue]:
    """Return the value of every input.

    Args:
        inputs: of the pipeline.
        given: `NAME=VALUE` from the command line.

    Raises:
        UsageError: an unknown name, a value that does not fit, or a required input without one.
    """
    texts = dict(_split(pair, inputs) for pair in given)
    if len(texts) < len(given):
        raise UsageError("an input is given twice", hint="give each --input once")
    values: dict[str, InputValue] = {}
    for name, spec in inputs.items():
        if name in texts:
            values[name] = _value(name, spec, texts[name])
        elif spec.default is None and spec.required is not False:
            raise UsageError(f"input {name!r} is missing", hint=_example(name, spec))
        else:
            values[name] = spec.default
    return values


def _split(pair: str, inputs: Mapping[str, Input]) -> tuple[str, str]:
    name, equals, text = pair.partition("=")
    if not equals or not name:
        raise UsageError(f"--input takes NAME=VALUE, not {pair!r}")
    if name not in inputs:
        close = difflib.get_close_matches(name, inputs, n=1)
        known = f"inputs: {', '.join(inputs)}" if inputs else "the pipeline has no inputs"
        raise UsageError(f"there is no input {name!r}", hint=f"did you mean {close[0]!r}?" if close else known)
    return name, text


def _value(name: str, spec: Input, text: str) -> InputValue:
    value = spec.parse(text)
    if fault := spec.fault(value):
        shown = text if len(text) <= 60 and text.isprintable() else f"of {len(text)} characters"  # noqa: PLR2004 - a message is one line
        raise UsageError(f"input {name}: {shown!r} {fault}", hint=_example(name, spec))
    return value


def _example(name: str, spec: Input) -> str:
    kinds = {"boolean": "true|false", "number": "NUMBER", "string": "TEXT", "enum": "|".join(spec.values)}
    about = f" ({spec.description})" if spec.description else ""
    return f"--input {name}={kinds[spec.type]}{about}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
