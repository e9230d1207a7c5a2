"""Inputs: typed, required unless they have a default, and refused before anything happens."""

from __future__ import annotations

import pytest

from opsctl.config.expressions import BOOLEAN, NUMBER, STRING
from opsctl.errors import UsageError
from opsctl.pipeline.inputs import Input, resolve_inputs

SPECS = {
    "env": Input(type="enum", values=["dev", "prod"], default="dev"),
    "version": Input(pattern=r"\d+\.\d+", default="1.0", description="what to ship"),
    "count": Input(type="number", default=3),
    "dry": Input(type="boolean", default=False),
    "note": Input(required=False),
}


def refusal(*given: str, specs: dict[str, Input] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        resolve_inputs(SPECS if specs is None else specs, given)
    return f"{caught.value.message} | {caught.value.hint}"


def test_values_are_typed_and_defaults_fill_in() -> None:
    assert resolve_inputs(SPECS, ()) == {"env": "dev", "version": "1.0", "count": 3, "dry": False, "note": None}
    given = ("env=prod", "version=2.10", "count=0.5", "dry=true", "note=a=b")
    assert resolve_inputs(SPECS, given) == {"env": "prod", "version": "2.10", "count": 0.5, "dry": True, "note": "a=b"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("evn=prod", "there is no input 'evn' | did you mean 'env'?"),
        ("zzz=1", "there is no input 'zzz' | inputs: env, version, count, dry, note"),
        ("env", "--input takes NAME=VALUE, not 'env' | "),
        ("=x", "--input takes NAME=VALUE, not '=x' | "),
        ("env=test", "input env: 'test' is not one of dev, prod | --input env=dev|prod"),
        ("version=v1", r"input version: 'v1' does not match \d+\.\d+ | --input version=TEXT (what to ship)"),
        (
            "version=1.0\n",
            r"input version: 'of 4 characters' does not match \d+\.\d+ | --input version=TEXT (what to ship)",
        ),
        ("count=three", "input count: 'three' is not a number | --input count=NUMBER"),
        ("count=.inf", "input count: '.inf' is not a number | --input count=NUMBER"),
        ("dry=yes", "input dry: 'yes' is not true or false | --input dry=true|false"),
        ("note=a\0b", "input note: 'of 3 characters' holds a NUL character | --input note=TEXT"),
    ],
)
def test_what_does_not_fit_is_refused(given: str, told: str) -> None:
    assert refusal(given) == told


def test_a_required_input_must_be_given() -> None:
    assert refusal(specs={"v": Input()}) == "input 'v' is missing | --input v=TEXT"
    assert resolve_inputs({"v": Input()}, ["v="]) == {"v": ""}


def test_an_input_is_given_once() -> None:
    assert refusal("env=dev", "env=prod") == "an input is given twice | give each --input once"


def test_a_pipeline_without_inputs_says_so() -> None:
    assert refusal("a=1", specs={}) == "there is no input 'a' | the pipeline has no inputs"


def test_expressions_know_the_types() -> None:
    types = {name: spec.expression_type for name, spec in SPECS.items()}
    assert types == {"env": STRING, "version": STRING, "count": NUMBER, "dry": BOOLEAN, "note": STRING.optional()}
