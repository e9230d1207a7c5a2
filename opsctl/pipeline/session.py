"""One run under way: what a step is to the scheduler, and what is told and recorded of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opsctl.config.expressions import Context
from opsctl.config.masking import Masker
from opsctl.errors import OpsctlError, StepFailedError
from opsctl.events import Message, Sink, SpanFinished, SpanStarted, Status
from opsctl.pipeline.child import GRACE, Ended, Launch, Stream
from opsctl.pipeline.evaluation import evaluate
from opsctl.pipeline.inputs import InputValue
from opsctl.pipeline.journal import Journal
from opsctl.pipeline.kinds import Command, OutputValue, Site
from opsctl.pipeline.model import Pipeline, Step
from opsctl.pipeline.projects import Surroundings
from opsctl.pipeline.result import StepReport
from opsctl.pipeline.tasks import Report, ScriptTask, Task, Verdict, WorkTask, failure
from opsctl.pipeline.texts import readable

__all__ = ["STEP_VARIABLE", "Particulars", "Session"]

STEP_VARIABLE: Final = "OPSCTL_STEP_ID"
"""Tells a process which step it belongs to, and the run which step an orphan belongs to."""

WORK_GRACE: Final = 60.0
"""Seconds between SIGTERM and SIGKILL for a worker: a deploy that is stopped makes what ran before serve again, and
stopping one container alone takes up to ten."""


@dataclass(frozen=True, slots=True)
class Particulars:
    """What tells one run of a pipeline from another.

    Args:
        run_id: of the run.
        inputs: values of the inputs, masked: they are recorded.
        env: environment of opsctl.
        hidden: variables in it that steps do not get, because secrets are read from them.
        secrets: values, by name.
        surroundings: the project that the pipeline belongs to.
        overrides: `--set` flags.
    """

    run_id: str
    inputs: Mapping[str, InputValue]
    env: Mapping[str, str] = field(repr=False)
    hidden: frozenset[str]
    secrets: Mapping[str, str] = field(repr=False)
    surroundings: Surroundings
    overrides: Sequence[str]


class Session:
    """The host of a scheduler.

    Args:
        pipeline: what runs.
        particulars: of this run.
        context: values of `git`, `env`, `inputs` and `run`.
        masker: hides the secrets.
        journal: of the run.
        sink: takes events.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        particulars: Particulars,
        *,
        context: Context,
        masker: Masker,
        journal: Journal,
        sink: Sink,
    ) -> None:
        self._pipeline = pipeline
        self._particulars = particulars
        self._masker = masker
        self._journal = journal
        self._sink = sink
        self._outputs: dict[str, dict[str, Mapping[str, OutputValue]]] = {}
        self._context: Context = {**context, "steps": self._outputs}
        self._env = self._base_env()
        self._tasks: dict[str, Task] = {}
        self.reports: dict[str, StepReport] = {}
        self.was_interrupted = False

    def begin(self, step: str) -> Launch | Status:
        """Return the child to start, or what became of the step without one."""
        found = self._pipeline.steps[step]
        try:
            condition = found.keys.if_
            if condition is not None and not condition.evaluate(self._context):
                return self._conclude(step, Verdict("skipped", f"if: {condition}"))
            launch = self._prepare(found)
        except OpsctlError as error:
            return self._conclude(step, failure(error))
        self._sink(SpanStarted(_span(step), step))
        self._journal.write("step.started", step=step)
        return launch

    def refused(self, step: str, error: Exception) -> Status:
        """Note that the system would not start the child."""
        self._tasks.pop(step, None)
        if not isinstance(error, OpsctlError):
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            error = StepFailedError(f"cannot be started: {reason}")
        return self._conclude(step, failure(error))

    def receive(self, step: str, stream: Stream, chunk: bytes) -> None:
        """Take what a child printed."""
        self._tasks[step].receive(stream, chunk)

    def end(self, step: str, ended: Ended) -> Status:
        """Return what became of a step that ran."""
        verdict = self._tasks.pop(step).close(ended)
        if ended.left_behind and not ended.stopped:
            text = "left processes behind, which were ended"
            self._sink(Message(_span(step), text, "warning", "a step ends with all that it started"))
        return self._conclude(step, verdict, ended.seconds)

    def blocked(self, step: str, cause: str) -> None:
        """Note that a step cannot start."""
        self._conclude(step, Verdict("skipped", f"needs {cause}, which {_PAST[self.reports[cause].status]}"))

    def withheld(self, step: str) -> None:
        """Note that a step was not started."""
        self._conclude(step, Verdict("cancelled", "not started"))

    def interrupted(self, count: int) -> None:
        """Tell that the run stops."""
        self.was_interrupted = True
        if not self._tasks:
            return
        running = ", ".join(self._tasks)
        hint = "interrupt again to kill them" if count == 1 else ""
        self._sink(Message("", f"{'stopping' if count == 1 else 'killing'} {running}", "warning", hint))
        self._journal.write("run.interrupted", count=count)

    def _prepare(self, step: Step) -> Launch:
        """Evaluate what the step says, and make it a child."""
        defaults = self._pipeline.file.defaults
        particulars = self._particulars
        root = self._pipeline.root
        site = Site(
            step.id,
            particulars.run_id,
            root,
            step.keys.shell or defaults.shell,
            particulars.surroundings.project_file,
            tuple(particulars.overrides),
        )
        command = step.kind.command(evaluate(step.options, self._context), site)
        cwd = root / step.keys.cwd.evaluate(self._context) if step.keys.cwd else root
        lines = command.talks == "lines"
        launch = Launch(
            command.argv,
            self._env_of(step, command),
            cwd,
            stdin=command.stdin,
            merged=lines,
            timeout=step.keys.timeout if step.keys.timeout is not None else defaults.timeout,
            grace=GRACE if lines else WORK_GRACE,
        )
        report = Report(_span(step.id), self._sink, lambda some: self._journal.log(step.id, some), self._masker)
        output_file = self._journal.output_file(step.id)
        self._tasks[step.id] = ScriptTask(report, output_file, launch) if lines else WorkTask(report, launch)
        return launch

    def _base_env(self) -> dict[str, str]:
        particulars = self._particulars
        env = {name: value for name, value in particulars.env.items() if name not in particulars.hidden}
        env.update(self._pipeline.file.env)
        env["OPSCTL_RUN_ID"] = particulars.run_id
        # A script may call opsctl; what it says is output of the step, not workflow commands or a live view.
        env.setdefault("OPSCTL_LOG_FORMAT", "plain")
        if particulars.surroundings.named:
            env["OPSCTL_CONFIG"] = str(particulars.surroundings.project_file)
        return env

    def _env_of(self, step: Step, command: Command) -> dict[str, str]:
        env = dict(self._env)
        for name, text in step.keys.env.items():
            env[name] = text.evaluate(self._context)
        for name in step.keys.secrets:
            env[name] = self._particulars.secrets[name]
        env[STEP_VARIABLE] = step.id
        if command.talks == "lines":
            env["OPSCTL_OUTPUT"] = self._journal.output_file(step.id)
            return env
        # A worker is opsctl: what its own environment says about Python and secrets of the project holds for it.
        given = self._particulars.env
        return {
            **{name: given[name] for name in self._particulars.hidden if name in given},
            **{name: value for name, value in env.items() if not name.startswith("PYTHON")},
            **{name: value for name, value in given.items() if name.startswith("PYTHON")},
        }

    def _conclude(self, step: str, verdict: Verdict, seconds: float = 0.0) -> Status:
        """Tell and record what became of a step."""
        detail, hint = readable(self._masker.mask(verdict.detail)), readable(self._masker.mask(verdict.hint))
        log = self._journal.end_log(step)
        report = StepReport(
            id=step,
            kind=self._pipeline.steps[step].kind.name,
            status=verdict.status,
            seconds=round(seconds, 3),
            exit_code=verdict.exit_code,
            detail=detail,
            hint=hint,
            outputs=verdict.outputs,
            log=log,
        )
        self.reports[step] = report
        if verdict.status in {"ok", "unchanged"}:
            self._outputs[step] = {"outputs": verdict.outputs}
        self._journal.write("step.finished", step=step, **_recorded(report))
        file, line = self._place(step, verdict)
        self._sink(SpanFinished(_span(step), verdict.status, seconds, detail, hint, file, line))
        return verdict.status

    def _place(self, step: str, verdict: Verdict) -> tuple[str, int]:
        """Return what a failure points to: what the kind knows, else the step's place in the file."""
        if verdict.status != "failed":
            return "", 0
        if verdict.file:
            return verdict.file, verdict.line
        origin = self._pipeline.steps[step].work_origin
        return origin.source, origin.line


_PAST: Final[Mapping[Status, str]] = {
    "failed": "failed",
    "skipped": "was skipped",
    "cancelled": "was cancelled",
}


def _span(step: str) -> str:
    return f"step:{step}"


def _recorded(report: StepReport) -> dict[str, Any]:
    found = {"status": report.status, "seconds": report.seconds, "exit_code": report.exit_code, "detail": report.detail}
    return {**found, **({"outputs": report.outputs} if report.outputs else {})}
