"""The door to pipelines, for commands: open a file, plan it, run it.

Everything that can be wrong is found before the first step starts: the file, the inputs, what the plan makes of them,
the secrets.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsctl import __version__
from opsctl.config import secrets
from opsctl.config.context import base_context, hidden_names
from opsctl.config.expressions import Context
from opsctl.config.masking import Masker
from opsctl.config.project import LoadedProject
from opsctl.errors import ConfigError, InterruptedRunError, Problem
from opsctl.events import Sink, Status, discard
from opsctl.pipeline.inputs import InputValue, resolve_inputs
from opsctl.pipeline.interrupts import Interrupts
from opsctl.pipeline.journal import RUNS, Journal, forget_old_runs, new_run_id
from opsctl.pipeline.loader import load_pipeline
from opsctl.pipeline.model import Pipeline
from opsctl.pipeline.plan import PipelinePlan, make_plan
from opsctl.pipeline.processes import Children
from opsctl.pipeline.projects import Surroundings, load_for_steps, surroundings_of
from opsctl.pipeline.result import RunResult
from opsctl.pipeline.scheduler import Scheduler
from opsctl.pipeline.scopes import hidden_variables
from opsctl.pipeline.session import STEP_VARIABLE, Particulars, Session

__all__ = ["PipelineRequest", "RunRequest", "cpu_count", "open_pipeline", "plan", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRequest:
    """A pipeline file, and where it is looked at from.

    Args:
        file: as the user gave it.
        cwd: working directory.
        env: environment of the process.
        inputs: `NAME=VALUE`.
        project_file: the one that was named on the command line.
        overrides: `--set` flags.
    """

    file: Path
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    inputs: Sequence[str] = ()
    project_file: Path | None = None
    overrides: Sequence[str] = ()

    @property
    def surroundings(self) -> Surroundings:
        """The project that the pipeline belongs to."""
        return surroundings_of(self.file, cwd=self.cwd, env=self.env, project_file=self.project_file)

    def load_project(self) -> LoadedProject:
        """Read the project file.

        Raises:
            ConfigError: there is none, or it is wrong.
        """
        return load_for_steps(self.surroundings.project_file, self.overrides, cwd=self.cwd, env=self.env)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run.

    Args:
        pipeline: what runs.
        jobs: steps under way at once.
        keep_going: after a failure, go on with what does not need the failed step.
    """

    pipeline: PipelineRequest
    jobs: int
    keep_going: bool = False


def cpu_count() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_pipeline(request: PipelineRequest) -> Pipeline:
    """Read a pipeline file and check it.

    Raises:
        ConfigError: with every problem of the file.
    """
    path, root = request.cwd / request.file, request.surroundings.root
    return load_pipeline(path, name=str(request.file), root=root, load_project=request.load_project)


def plan(request: PipelineRequest) -> PipelinePlan:
    """Return what a run would do. Writes nothing.

    Raises:
        ConfigError: with every problem of the file.
        UsageError: the inputs do not fit.
    """
    pipeline = open_pipeline(request)
    inputs = resolve_inputs(pipeline.file.inputs, request.inputs)
    return make_plan(pipeline, inputs, _context(pipeline, request, inputs))


def run(request: RunRequest, sink: Sink = discard) -> RunResult:
    """Run a pipeline.

    Args:
        request: what and how.
        sink: is told of every step.

    Raises:
        ConfigError: the file is wrong, or a secret cannot be used.
        UsageError: the inputs do not fit.
        NotFoundError: a secret is not there.
        LocalIOError: the journal cannot be written.
    """
    asked = request.pipeline
    pipeline = open_pipeline(asked)
    inputs = resolve_inputs(pipeline.file.inputs, asked.inputs)
    context = _context(pipeline, asked, inputs)
    planned = make_plan(pipeline, inputs, context)
    masker = Masker()
    values = _secrets(pipeline, planned, masker, env=asked.env)
    project_secrets = _project_secrets(pipeline, asked)
    for value in project_secrets.values():
        masker.add(value)
    run_id = new_run_id()
    particulars = Particulars(
        run_id=run_id,
        inputs={name: masker.mask(value) if isinstance(value, str) else value for name, value in inputs.items()},
        env=asked.env,
        hidden=hidden_variables(pipeline.file) | project_secrets.keys(),
        secrets=values,
        surroundings=asked.surroundings,
        overrides=asked.overrides,
    )
    with Journal(pipeline.root / RUNS / run_id) as journal:
        session = Session(
            pipeline, particulars, context={**context, "run": {"id": run_id}}, masker=masker, journal=journal, sink=sink
        )
        result = _drive(request, pipeline, session, journal, particulars)
    forget_old_runs(pipeline.root / RUNS, now=time.time())
    return result


def _drive(
    request: RunRequest, pipeline: Pipeline, session: Session, journal: Journal, particulars: Particulars
) -> RunResult:
    since = time.monotonic()
    jobs = min(request.jobs, _most_jobs())
    scheduler = Scheduler(pipeline.graph, session, jobs=jobs, keep_going=request.keep_going)
    journal.write(
        "run.started",
        run=particulars.run_id,
        opsctl=__version__,
        file=pipeline.name,
        inputs=particulars.inputs,
        steps=list(pipeline.steps),
    )
    with (
        Interrupts() as interrupts,
        Children(session.receive, scheduler.finished, owner=STEP_VARIABLE) as children,
    ):
        scheduler.run(children, interrupts)
    reports = tuple(session.reports.values())
    status: Status = "failed" if any(report.status == "failed" for report in reports) else "ok"
    code = max((report.exit_code for report in reports), default=0)
    if session.was_interrupted:
        status, code = "cancelled", InterruptedRunError.exit_code
    seconds = round(time.monotonic() - since, 3)
    journal.write("run.finished", status=status, exit_code=code, seconds=seconds)
    return RunResult(
        run_id=particulars.run_id,
        file=pipeline.name,
        status=status,
        exit_code=code,
        seconds=seconds,
        inputs=particulars.inputs,
        steps=reports,
        journal=str(journal.path),
    )


def _most_jobs() -> int:
    """Return how many children the limit on open files allows: up to four descriptors for each."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, (soft - 64) // 4)


def _context(pipeline: Pipeline, request: PipelineRequest, inputs: Mapping[str, InputValue]) -> Context:
    """Return the values that are known before a run."""
    env = {**request.env, **pipeline.file.env}
    return {**base_context(pipeline.root, env=env, hidden=hidden_variables(pipeline.file)), "inputs": inputs}


def _project_secrets(pipeline: Pipeline, request: PipelineRequest) -> dict[str, str]:
    """Return the variables that secrets of the project are read from, and what they hold.

    They reach the steps that are about a service; a script gets them only when it lists them as its own.
    """
    project = pipeline.project
    if project is None and request.surroundings.project_file is not None:
        project = request.load_project()
    if project is None:
        return {}
    places = project.project.environments.values()
    lists = [
        *(service.secrets for service in project.project.services.values()),
        *(override.secrets for place in places for override in place.services.values()),
    ]
    names = hidden_names(ref for listed in lists for ref in listed.values())
    return {name: request.env[name] for name in names if name in request.env}


def _secrets(pipeline: Pipeline, planned: PipelinePlan, masker: Masker, *, env: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that steps of this run get, after the masker has learnt them."""
    listed = dict.fromkeys(name for step in planned.steps if step.verdict != "skip" for name in step.secrets)
    values: dict[str, str] = {}
    for name in listed:
        values[name] = secrets.resolve(pipeline.file.secrets[name], env=env, cwd=pipeline.root)
        if not masker.add(values[name]):
            from opsctl.config.encodings import SHORTEST  # noqa: PLC0415 - see Masker.add

            at = pipeline.secret_origins[name]
            told = f"secret {name} has no line of {SHORTEST} characters, so it cannot be hidden in logs"
            hint = "use a longer one; a value that is not secret belongs into env:"
            raise ConfigError([Problem(at.source, at.line, at.column, told, hint)])
    return values
