"""`opsctl pipeline run|validate|plan|graph|schema`, and `opsctl run`, which is the first of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from opsctl.cli.groups import Command
from opsctl.cli.output.units import duration
from opsctl.cli.runtime import Runtime
from opsctl.words import counted

if TYPE_CHECKING:
    from opsctl.pipeline.plan import PipelinePlan, StepPlan
    from opsctl.pipeline.result import RunResult
    from opsctl.pipeline.service import PipelineRequest

__all__ = ["graph", "plan", "run", "schema", "validate"]

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.argument("file", type=click.Path(path_type=Path))
_INPUT = click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Value of an input.")


def _request(runtime: Runtime, file: Path, inputs: tuple[str, ...] = ()) -> PipelineRequest:
    from opsctl.pipeline.service import PipelineRequest

    named = runtime.settings.config
    return PipelineRequest(
        file=file,
        cwd=runtime.cwd,
        env=runtime.env,
        inputs=inputs,
        project_file=Path(named) if named is not None else None,
        overrides=tuple(runtime.settings.overrides),
    )


@click.command("run", cls=Command)
@_FILE
@_INPUT
@click.option("-j", "--jobs", type=click.IntRange(1, 1000), help="Steps under way at once.  [default: number of CPUs]")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, go on with what does not need that step.")
@click.pass_obj
def run(runtime: Runtime, file: Path, inputs: tuple[str, ...], jobs: int | None, keep_going: bool) -> None:
    r"""Run a pipeline.

    The file, the inputs and the secrets are checked before the first step starts. After a failure nothing new starts;
    what runs is left to finish. Ctrl-C stops the steps, a second one kills them. The exit code is the highest one of
    the failed steps; a script that fails counts as 1.

    \b
    opsctl run pipelines/release.yaml --input env=prod
    opsctl run pipelines/ci.yaml --jobs 4 --keep-going
    """
    from opsctl.pipeline.service import RunRequest, cpu_count
    from opsctl.pipeline.service import run as run_pipeline

    request = RunRequest(pipeline=_request(runtime, file, inputs), jobs=jobs or cpu_count(), keep_going=keep_going)
    result = run_pipeline(request, runtime.sink)
    if result.exit_code == 0 or runtime.settings.output == "json":
        runtime.show(result, text=_ran)
    result.require()


@click.command("validate", cls=Command)
@_FILE
@click.pass_obj
def validate(runtime: Runtime, file: Path) -> None:
    """Check a pipeline file without touching anything else.

    Every problem is reported with its place: keys, types, needs, expressions, and the services and environments that
    steps are about.
    """
    from opsctl.pipeline.service import open_pipeline

    pipeline = open_pipeline(_request(runtime, file))
    found = {"file": pipeline.name, "steps": list(pipeline.steps), "inputs": list(pipeline.file.inputs)}
    runtime.show(found, text=lambda _: f"{pipeline.name} is right: {counted(len(pipeline.steps), 'step')}")


@click.command("plan", cls=Command)
@_FILE
@_INPUT
@click.pass_obj
def plan(runtime: Runtime, file: Path, inputs: tuple[str, ...]) -> None:
    r"""Show what a run would do, in order. Writes nothing.

    \b
    opsctl pipeline plan pipelines/release.yaml --input env=prod
    """
    from opsctl.pipeline.service import plan as make_plan

    runtime.show(make_plan(_request(runtime, file, inputs)), text=_plan)


@click.command("graph", cls=Command)
@_FILE
@click.option(
    "--as", "form", type=click.Choice(["text", "dot", "mermaid"]), default="text", help="Language of the drawing."
)
@click.pass_obj
def graph(runtime: Runtime, file: Path, form: str) -> None:
    r"""Draw which step needs which.

    \b
    opsctl pipeline graph pipelines/ci.yaml --as dot | dot -Tsvg > ci.svg
    """
    from opsctl.pipeline import drawing
    from opsctl.pipeline.service import open_pipeline

    draw = {"text": drawing.to_text, "dot": drawing.to_dot, "mermaid": drawing.to_mermaid}[form]
    runtime.show(drawing.graph_data(open_pipeline(_request(runtime, file))), text=draw)


@click.command("schema", cls=Command)
@click.pass_obj
def schema(runtime: Runtime) -> None:
    r"""Print the JSON Schema of pipeline files.

    Editors with a YAML language server complete and check the file with it:

    \b
    opsctl pipeline schema > opsctl-pipeline.v1.schema.json
    # yaml-language-server: $schema=opsctl-pipeline.v1.schema.json   (first line of the pipeline)
    """
    from opsctl.pipeline.schema import pipeline_schema

    runtime.print(json.dumps(pipeline_schema(), indent=2, ensure_ascii=False))


def _ran(result: RunResult) -> str:
    statuses = [step.status for step in result.steps]
    order = ("ok", "unchanged", "failed", "skipped", "cancelled")
    counts = [f"{statuses.count(status)} {status}" for status in order if status in statuses]
    journal = min(result.journal, os.path.relpath(result.journal), key=len)
    return f"{result.file}: {', '.join(counts)} in {duration(result.seconds)} (journal: {journal})"


def _plan(found: PipelinePlan) -> str:
    inputs = [f"input {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in found.inputs.items()]
    return "\n".join([*inputs, *(line for step in found.steps for line in _step_lines(step))])


def _step_lines(step: StepPlan) -> list[str]:
    if step.verdict == "skip":
        return [f"{step.id}: skip ({step.why})"]
    lines = [f"{step.id}: {step.does}"]
    lines += [f"  only {step.why}"] if step.why.startswith("if:") else []
    lines += [f"  {step.why}"] if step.why and not step.why.startswith("if:") else []
    lines += [f"  after {', '.join(step.needs)}"] if step.needs else []
    lines += [f"  env {name}={value}" for name, value in step.env.items()]
    lines += [f"  secrets {', '.join(step.secrets)}"] if step.secrets else []
    return [*lines, *([f"  timeout {step.timeout}"] if step.timeout else [])]
