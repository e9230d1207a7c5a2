"""The one expression language of opsctl, `${{ }}`, of `opsctl.yaml` and of pipelines.

    '…' 12 0.5 true false null                    literals; '' is a quote inside a string
    inputs.env  matrix['python version']  a[0]    paths; a missing one is an error, never empty
    ==  !=                                        of two strings, two numbers or two booleans, or with null
    <  <=  >  >=                                  of numbers
    &&  ||  !  ( )                                of true and false only; && and || stop where it is decided
    contains starts_with ends_with join default to_json

Nothing is converted silently, nothing is evaluated by Python, and secrets are in no scope. `check` proves before
anything runs that an expression fits its scope; `evaluate` computes it. An expression stands for a value, never
for YAML or shell text.
"""

from opsctl.config.expressions.checker import check
from opsctl.config.expressions.evaluator import Context, as_text, evaluate
from opsctl.config.expressions.functions import FUNCTIONS
from opsctl.config.expressions.parser import parse
from opsctl.config.expressions.syntax import Expression, ExpressionError, MissingValue, Reference, references
from opsctl.config.expressions.template import OPENING, split
from opsctl.config.expressions.types import BOOLEAN, NULL, NUMBER, STRING, Scope, Type, kind_of, list_of, map_of

__all__ = [
    "BOOLEAN",
    "FUNCTIONS",
    "NULL",
    "NUMBER",
    "OPENING",
    "STRING",
    "Context",
    "Expression",
    "ExpressionError",
    "MissingValue",
    "Reference",
    "Scope",
    "Type",
    "as_text",
    "check",
    "evaluate",
    "kind_of",
    "list_of",
    "map_of",
    "parse",
    "references",
    "split",
]
