"""The static check: does an expression fit its scope, whatever the values will be?"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from opsctl.config.expressions.functions import FUNCTIONS
from opsctl.config.expressions.syntax import (
    Call,
    Comparison,
    Expression,
    ExpressionError,
    Literal,
    Logical,
    Not,
    Reference,
    dotted,
)
from opsctl.config.expressions.types import BOOLEAN, Scope, Type, kind_of

__all__ = ["check"]


def check(expression: Expression, scope: Scope) -> tuple[Type | None, list[ExpressionError]]:
    """Return the type of the expression and everything wrong with it; the type is None where that hides it."""
    checker = _Checker(scope)
    return checker.visit(expression), checker.errors


class _Checker:
    """Collects errors; a sub-expression that has one has the type None and causes no further ones."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.errors: list[ExpressionError] = []

    def visit(self, expression: Expression) -> Type | None:
        match expression:
            case Literal(value=value):
                return Type(kind_of(value))
            case Reference():
                return self._reference(expression)
            case Not(operand=operand):
                return self._boolean(operand, "!")
            case Logical(operator=operator, operands=operands):
                kinds = [self._boolean(operand, operator) for operand in operands]
                return BOOLEAN if all(kinds) else None
            case Comparison():
                return self._comparison(expression)
            case Call():
                return self._call(expression)
            case _:  # pragma: no cover - the six kinds above are all there are
                raise TypeError(type(expression).__name__)

    def _error(self, at: Expression, message: str, hint: str = "") -> None:
        self.errors.append(ExpressionError(message, hint=hint, offset=at.offset))

    def _reference(self, reference: Reference) -> Type | None:
        root = str(reference.parts[0])
        found = self._scope.get(root)
        if found is None:
            self._error(reference, f"there is no {root!r} here", _near(root, self._scope))
        for index, part in enumerate(reference.parts[1:], start=1):
            if found is None:
                return None
            found = self._step(reference, found, reference.parts[:index], part)
        return found

    def _step(self, at: Reference, parent: Type, path: tuple[str | int, ...], part: str | int) -> Type | None:
        where = dotted(path)
        if parent.nullable:
            self._error(at, f"{where} may be null, so nothing can be taken from it")
            return None
        if isinstance(part, int):
            if parent.kind == "list" and parent.item:
                return parent.item
            self._error(at, f"{where} is a {parent.kind}, not a list")
            return None
        if parent.kind != "map":
            self._error(at, f"{where} is a {parent.kind} and has no {part!r}")
            return None
        return self._key(at, parent, where, part)

    def _key(self, at: Reference, parent: Type, where: str, part: str) -> Type | None:
        refusal = parent.guard(part) if parent.guard else ""
        if refusal:
            self._error(at, f"{where}.{part} cannot be read: {refusal}")
            return None
        fields = parent.fields or {}
        found = fields.get(part, parent.rest)
        if found is None:
            self._error(at, f"{where} has no {part!r}", _near(part, fields))
        return found

    def _boolean(self, operand: Expression, operator: str) -> Type | None:
        found = self.visit(operand)
        if found is None or found == BOOLEAN:
            return found
        self._error(operand, f"{operator} needs true or false, found a {found}", _compare_hint(operand, found))
        return None

    def _comparison(self, comparison: Comparison) -> Type | None:
        left, right = self.visit(comparison.left), self.visit(comparison.right)
        if left is None or right is None:
            return None
        fault = _unlike(left, right) if comparison.operator in {"==", "!="} else _unordered(left, right)
        if fault:
            self._error(comparison, f"{comparison.operator} {fault}")
            return None
        return BOOLEAN

    def _call(self, call: Call) -> Type | None:
        function = FUNCTIONS.get(call.function)
        types = [self.visit(argument) for argument in call.arguments]
        if function is None:
            self._error(call, f"there is no function {call.function!r}", _near(call.function, FUNCTIONS))
            return None
        known = [found for found in types if found is not None]
        if len(known) < len(types):
            return None
        result = function.accept(known)
        if result is None:
            given = ", ".join(map(str, known)) or "nothing"
            self._error(call, f"{call.function} cannot take ({given})", f"use it as {function.usage}")
        return result


def _unlike(left: Type, right: Type) -> str:
    """Say why two values can never be equal, or are not compared; "" when they may be."""
    if not left.is_scalar or not right.is_scalar:
        return "does not compare lists and maps"
    for one, other in ((left, right), (right, left)):
        if one.kind == "null":
            return "" if other.nullable or other.kind == "null" else f"with null is never true: a {other} is never null"
    return "" if left.kind == right.kind else f"compares a {left} with a {right}"


def _unordered(left: Type, right: Type) -> str:
    fit = left.kind == right.kind == "number" and not left.nullable and not right.nullable
    return "" if fit else f"compares numbers, found a {left} and a {right}"


def _compare_hint(operand: Expression, found: Type) -> str:
    if found.kind == "boolean":
        return f"say what null means: default({operand}, false)"
    if found.kind == "string":
        return f"compare it: {operand} != ''"
    return "compare it with something" if found.kind == "number" else ""


def _near(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(sorted(known))}" if known else ""
