"""The plan: order, what is known to be skipped, and values as far as they are known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opsctl.errors import ConfigError
from opsctl.pipeline.plan import PipelinePlan
from opsctl.pipeline.service import PipelineRequest, plan

FILE = """\
opsctl: 1
inputs: {env: {type: enum, values: [dev, prod], default: dev}}
defaults: {timeout: 5m}
steps:
  last: {needs: [built], if: "${{ steps.built.outputs.built }}", run: x}
  after: {needs: [last], copy: {from: [out], to: '${{ inputs.env }}/${{ run.id }}'}}
  built: {build: {context: ., tags: ['a:${{ inputs.env }}']}}
  prod: {if: "${{ inputs.env == 'prod' }}", run: x, env: {E: '${{ inputs.env }}'}, timeout: 1h}
  never: {needs: [prod], run: y}
"""
PROJECT = (
    "opsctl: 1\nproject: p\nenvironments: {dev: {target: {type: docker}}}\nservices: {web: {image: {name: a/b}}}\n"
)


def make(tmp_path: Path, text: str, *inputs: str) -> PipelinePlan:
    (tmp_path / "p.yaml").write_text(text)
    return plan(PipelineRequest(file=Path("p.yaml"), cwd=tmp_path, env=os.environ, inputs=inputs))


def test_a_plan_says_what_is_known(tmp_path: Path) -> None:
    found = make(tmp_path, FILE)
    assert found.inputs == {"env": "dev"}
    assert [(step.id, step.verdict, step.why) for step in found.steps] == [
        ("built", "run", ""),
        ("prod", "skip", "if: ${{ inputs.env == 'prod' }}"),
        ("last", "depends", "if: ${{ steps.built.outputs.built }}"),
        ("never", "skip", "needs prod, which is skipped"),
        ("after", "depends", "needs last, which may be skipped"),
    ]
    by_id = {step.id: step for step in found.steps}
    assert by_id["built"].does == "build image of . as a:dev"
    assert by_id["after"].does == "copy out to ${{ inputs.env }}/${{ run.id }}"
    assert (by_id["after"].timeout, by_id["after"].shell) == ("5m", None)
    assert (by_id["last"].shell, by_id["last"].line) == ("bash", 5)


def test_an_input_decides(tmp_path: Path) -> None:
    by_id = {step.id: step for step in make(tmp_path, FILE, "env=prod").steps}
    assert (by_id["prod"].verdict, by_id["prod"].env, by_id["prod"].timeout) == ("run", {"E": "prod"}, "1h")
    assert by_id["never"].verdict == "run"


def test_options_are_checked_again_once_they_have_values(tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(PROJECT)
    text = "opsctl: 1\ninputs: {env: {default: dev}}\nsteps:\n  d: {deploy: {service: web, env: '${{ inputs.env }}'}}\n"
    assert make(tmp_path, text).steps[0].does == "deploy service web to dev"
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, text, "env=prod")
    assert str(caught.value.problems[0]) == "p.yaml:4:7: there is no environment 'prod'"


def test_a_value_that_is_missing_is_found_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, "opsctl: 1\nsteps:\n  a: {run: x, env: {V: '${{ env.NOT_SET_ANYWHERE }}'}}\n  b: {run: x}\n")
    assert str(caught.value.problems[0]).startswith(
        "p.yaml:3:29: env.NOT_SET_ANYWHERE: the environment variable is not set"
    )


def test_env_of_the_file_can_be_read(tmp_path: Path) -> None:
    text = "opsctl: 1\nenv: {LOG: info}\nsteps:\n  a: {run: x, env: {V: '${{ env.LOG }}'}}\n"
    assert make(tmp_path, text).steps[0].env == {"V": "info"}


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    make(tmp_path, FILE)
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]
