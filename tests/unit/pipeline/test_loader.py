"""Pipeline files: every problem is found, at its place and with its cure, before anything runs."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from opsctl.errors import ConfigError
from opsctl.pipeline.model import Pipeline
from opsctl.pipeline.service import PipelineRequest, open_pipeline

PROJECT = """\
opsctl: 1
project: shop
environments:
  local: {target: {type: bucket, url: file://releases}}
services:
  web: {build: {context: .}, test: [{run: 'true'}], image: {name: registry.example.com/web}}
  docs: {artifact: {include: [site/]}}
"""


NESTED = ("opsctl: 1\nsteps: " + "[" * 1000, "p.yaml:2:7")


def cases(name: str) -> list[tuple[str, str]]:
    """Read blocks of `what is written`, `> beginning of "place: message | hint"`, with empty lines between them."""
    text = (Path(__file__).parent / "data" / name).read_text()
    return [(written + "\n", told) for written, told in (block.split("\n> ") for block in text.strip().split("\n\n"))]


def load(tmp_path: Path, text: str, *, project: str | None = PROJECT) -> Pipeline:
    (tmp_path / "p.yaml").write_text(text)
    if project is not None:
        (tmp_path / "opsctl.yaml").write_text(project)
    (tmp_path / ".git").mkdir(exist_ok=True)
    return open_pipeline(PipelineRequest(file=Path("p.yaml"), cwd=tmp_path, env=os.environ))


def problems(tmp_path: Path, text: str, **options: str | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **options)
    return [f"{problem} | {problem.hint}" for problem in caught.value.problems]


def of_steps(steps: str) -> str:
    return f"opsctl: 1\nsteps:\n{steps}"


def test_a_pipeline_is_read_with_defaults(tmp_path: Path) -> None:
    pipeline = load(
        tmp_path,
        """\
opsctl: 1
inputs: {env: {type: enum, values: [dev, prod], default: dev}}
env: {LOG: info}
secrets: {TOKEN: env:CI_TOKEN}
defaults: {timeout: 20m, shell: sh}
steps:
  one: {run: make}
  two:
    needs: [one]
    if: ${{ inputs.env == 'prod' && git.branch == 'main' }}
    env: {OUT: '${{ steps.one.outputs.path }}', RUN: '${{ run.id }}', L: '${{ env.LOG }}'}
    secrets: [TOKEN]
    timeout: 90s
    deploy: {service: web, env: local}
""",
    )
    assert list(pipeline.steps) == ["one", "two"]
    assert pipeline.graph.needs == {"one": (), "two": ("one",)}
    assert pipeline.root == tmp_path
    two = pipeline.steps["two"]
    assert (two.kind.name, two.keys.timeout, two.keys.secrets) == ("deploy", 90, ["TOKEN"])
    assert (two.work_origin.line, two.work_origin.column) == (14, 5)
    assert pipeline.project is not None


@pytest.mark.parametrize(("step", "expected"), cases("wrong_steps.txt"))
def test_a_wrong_step_is_reported_at_its_place(tmp_path: Path, step: str, expected: str) -> None:
    (found,) = problems(tmp_path, of_steps(textwrap.indent(step, "  ")))
    assert found.startswith(expected)


@pytest.mark.parametrize(("text", "expected"), [*cases("wrong_files.txt"), ("", "p.yaml: is empty"), NESTED])
def test_a_wrong_file_is_reported_at_its_place(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert any(line.startswith(expected) for line in found), found


def test_a_cycle_is_shown_with_all_its_places(tmp_path: Path) -> None:
    steps = "  a: {run: x, needs: [c]}\n  b:\n    needs: [a]\n    run: x\n  c: {run: x, needs: [b]}\n"
    (found,) = problems(tmp_path, of_steps(f"{steps}  d: {{run: x, needs: [a]}}\n"))
    assert found == (
        "p.yaml:3:23: steps need each other: a -> c -> b -> a | remove one of the needs; the others are in line 7, 5"
    )


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, of_steps("  a: {rnu: x}\n  b: {run: x, needs: [c, a]}\n  d: {run: x, needs: [d]}\n"))
    assert [line.split(" ")[0] for line in found] == ["p.yaml:3:7:", "p.yaml:4:23:", "p.yaml:5:23:"]


def test_a_step_with_a_mistake_is_still_a_step_that_can_be_needed(tmp_path: Path) -> None:
    assert len(problems(tmp_path, of_steps("  a: {run: 1}\n  b: {run: x, needs: [a]}\n"))) == 1


def test_a_step_about_the_project_wants_a_project_file(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, of_steps("  a: {deploy: {service: web, env: local}}\n"), project=None)
    assert found.startswith("p.yaml:3:7: a deploy step is about the project: opsctl.yaml: there is no such file")


def test_problems_of_the_project_are_reported_with_those_of_the_pipeline(tmp_path: Path) -> None:
    broken = PROJECT.replace("context: .", "contxt: .")
    found = problems(tmp_path, of_steps("  a: {deploy: {service: web, env: local}, nedes: []}\n"), project=broken)
    assert [line.split(" ")[0] for line in found] == ["opsctl.yaml:6:17:", "p.yaml:3:43:"]


def test_a_broken_project_does_not_stop_a_pipeline_that_is_not_about_it(tmp_path: Path) -> None:
    assert load(tmp_path, of_steps("  a: {run: x}\n"), project="[").project is None


def test_steps_run_beside_the_project_file_above_the_pipeline(tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(PROJECT)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "p.yaml").write_text(of_steps("  a: {run: x}\n"))
    request = PipelineRequest(file=tmp_path / "pipelines" / "p.yaml", cwd=Path("/"), env=os.environ)
    assert open_pipeline(request).root == tmp_path


def test_a_script_that_no_shell_can_be_given_is_refused(tmp_path: Path) -> None:
    load(tmp_path, of_steps(f"  a: {{run: '{'x' * 131_071}'}}\n"))
    (found,) = problems(tmp_path, of_steps(f"  a: {{run: '{'x' * 131_072}'}}\n"))
    assert found.startswith("p.yaml:3:7: the script is longer than 128 KiB | put it into a file")


def test_outputs_of_what_is_needed_through_others_can_be_read(tmp_path: Path) -> None:
    load(
        tmp_path,
        of_steps(
            "  a: {build: {context: .}}\n"
            "  b: {needs: [a], run: x}\n"
            "  c: {needs: [b], if: '${{ steps.a.outputs.built }}', run: x, env: {I: '${{ steps.a.outputs.image }}'}}\n"
        ),
    )
