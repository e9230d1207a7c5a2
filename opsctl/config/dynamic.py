"""Fields whose value may depend on a context: texts, flags and numbers with `${{ }}` in them.

A value is parsed once, when its file is read; `check` proves it against a scope before anything runs; `evaluate`
computes it. A field that is nothing but one `${{ }}` keeps the type of its expression: `Flag` and `Number` take
nothing else, beside a plain `true` or `3`. `Text` is a text in the end, whatever its expressions are.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import msgspec

from opsctl.config.expressions import (
    OPENING,
    Context,
    Expression,
    ExpressionError,
    Scope,
    Type,
    as_text,
    check,
    evaluate,
    kind_of,
    references,
    split,
)
from opsctl.config.nodes import ScalarError, ScalarNode
from opsctl.config.yamltext import resolve
from opsctl.errors import ConfigError, Problem

__all__ = ["Dynamic", "Flag", "Number", "Text"]

Value = str | int | float | bool


class Dynamic(msgspec.Struct, frozen=True, eq=False):
    """What the three have in common.

    Args:
        parts: constants and expressions, in order.
        node: where it is written; None for a value that no file holds. No part of equality.
    """

    parts: tuple[Value | Expression, ...]
    node: ScalarNode | None = None

    noun: ClassVar[str]
    numeric: ClassVar[bool] = False
    kinds: ClassVar[frozenset[str]]
    """What an expression may be here."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((type(self), self.parts))

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the constant `value`; `${{` in it means nothing."""
        return cls((value,))

    @property
    def is_constant(self) -> bool:
        """It depends on no context."""
        return not any(isinstance(part, Expression) for part in self.parts)

    @property
    def references(self) -> frozenset[tuple[str | int, ...]]:
        """The paths that it mentions, for example ("git", "sha")."""
        return frozenset(
            reference.parts for part in self.parts if isinstance(part, Expression) for reference in references(part)
        )

    def mentions(self, root: str) -> bool:
        """Tell whether it reads from the context `root`."""
        return any(path[0] == root for path in self.references)

    def written_in(self, node: ScalarNode) -> Self:
        """Return the same value, which now knows where it is written."""
        return type(self)(self.parts, node)

    def check(self, scope: Scope) -> list[Problem]:
        """Return everything that cannot be right in this scope, whatever the values will be."""
        problems: list[Problem] = []
        for part in self.parts:
            if isinstance(part, Expression):
                found, errors = check(part, scope)
                if found is not None and not self._fits(found):
                    errors.append(ExpressionError(f"expected {self.noun}, found a {found}", offset=part.offset))
                problems += [self._problem(error) for error in errors]
        return problems

    @classmethod
    def _fits(cls, found: Type) -> bool:
        return found.kind in cls.kinds and not found.nullable

    def _value(self, part: Value | Expression, context: Context) -> Any:
        """Return the value of one part; any trouble gets the place where it is written."""
        if not isinstance(part, Expression):
            return part
        try:
            value = evaluate(part, context)
        except ExpressionError as error:
            raise ConfigError([self._problem(error)]) from error
        if kind_of(value) in self.kinds:
            return value
        hint = "say what stands for null: default(value, other)" if value is None else ""
        misfit = ExpressionError(f"{part} is {kind_of(value)}, expected {self.noun}", hint=hint, offset=part.offset)
        raise ConfigError([self._problem(misfit)])

    def _problem(self, error: ExpressionError) -> Problem:
        if self.node is None:
            return Problem(str(self), 0, 0, error.message, error.hint)
        place = self.node.place(error.offset)
        return Problem(place.source, place.line, place.column, error.message, error.hint)

    def __str__(self) -> str:
        if self.node is not None:
            return self.node.text
        return "".join(
            f"{OPENING} {part} }}}}" if isinstance(part, Expression) else as_text(part) for part in self.parts
        )


class Text(Dynamic, frozen=True, eq=False):
    """A text, with any number of `${{ }}` in it; numbers and booleans become their one text."""

    noun: ClassVar[str] = "a text"
    kinds: ClassVar[frozenset[str]] = frozenset({"string", "number", "boolean"})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the text with its expressions parsed.

        Raises:
            ScalarError: an expression cannot be read.
        """
        return cls(_split(text))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {"type": "string", "description": "text, may hold ${{ }}"}

    def evaluate(self, context: Context) -> str:
        """Return the text in this context.

        Raises:
            ConfigError: something that it mentions is missing or has no text; names the place.
        """
        return "".join(as_text(self._value(part, context)) for part in self.parts)

    @classmethod
    def _fits(cls, found: Type) -> bool:
        # Null is only known when it is there; `default(value, 'text')` is how a file says what stands for it.
        return found.kind in cls.kinds


class Flag(Dynamic, frozen=True, eq=False):
    """`true`, `false`, or one `${{ }}` that is a boolean."""

    noun: ClassVar[str] = "true or false"
    kinds: ClassVar[frozenset[str]] = frozenset({"boolean"})
    native: ClassVar[tuple[type, ...]] = (bool,)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the flag that is the expression in `text`.

        Raises:
            ScalarError: the text is not exactly one expression.
        """
        return cls((_whole(text, cls.noun),))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {"anyOf": [{"type": "boolean"}, _WHOLE], "description": "true, false or one ${{ }} that is a boolean"}

    @property
    def constant(self) -> bool:
        """The value of a constant one."""
        return self.parts[0] is True

    def evaluate(self, context: Context) -> bool:
        """Return the value in this context.

        Raises:
            ConfigError: something that it mentions is missing, or it is no boolean; names the place.
        """
        return bool(self._value(self.parts[0], context))


class Number(Dynamic, frozen=True, eq=False):
    """A number, or one `${{ }}` that is a number."""

    noun: ClassVar[str] = "a number"
    kinds: ClassVar[frozenset[str]] = frozenset({"number"})
    native: ClassVar[tuple[type, ...]] = (int, float)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the number that is the expression in `text`.

        Raises:
            ScalarError: the text is not exactly one expression.
        """
        return cls((_whole(text, cls.noun),))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {"anyOf": [{"type": "number"}, _WHOLE], "description": "a number or one ${{ }} that is a number"}

    @property
    def constant(self) -> float:
        """The value of a constant one."""
        value = self.parts[0]
        return value if isinstance(value, (int, float)) else 0

    def evaluate(self, context: Context) -> float:
        """Return the value in this context; an int where it is whole.

        Raises:
            ConfigError: something that it mentions is missing, or it is no number; names the place.
        """
        value: float = self._value(self.parts[0], context)
        return value


_WHOLE: Final = {"type": "string", "pattern": r"^\$\{\{[\s\S]*\}\}$"}


def _split(text: str) -> tuple[str | Expression, ...]:
    try:
        return split(text)
    except ExpressionError as error:
        raise ScalarError(error.message, hint=error.hint, offset=error.offset) from error


def _whole(text: str, noun: str) -> Expression:
    parts = _split(text)
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return parts[0]
    raise ScalarError(f"expected {noun} or one ${{{{ }}}}, found text", hint=_cure(text))


def _cure(text: str) -> str:
    if OPENING in text:
        return f"write one {OPENING} }}}} with nothing around it"
    if isinstance(resolve(text), (bool, int, float)):
        return "remove the quotes"
    if text.lower() in {"yes", "no", "on", "off"}:
        return "write true or false"
    return f"write it as {OPENING} {text} }}}}"
