"""A step while it runs: what its child prints becomes events and a log, and its end becomes a verdict."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from opsctl.config.masking import Masker
from opsctl.config.scalars import Duration
from opsctl.errors import OpsctlError, StepFailedError
from opsctl.events import Event, Message, Output, SpanFinished, SpanStarted, Status
from opsctl.pipeline.child import Ended, Launch, Stream
from opsctl.pipeline.kinds import OutputValue
from opsctl.pipeline.lines import LineReader
from opsctl.pipeline.outputs import drop_outputs, read_outputs
from opsctl.pipeline.talk import Done, Failed, Hide, Told, decode_message, problem_of

__all__ = ["Report", "ScriptTask", "Task", "Verdict", "WorkTask", "failure"]

_INTERRUPTED: Final = 130
_HINTS: Final[Mapping[int, str]] = {
    126: "a program of the script cannot be executed",
    127: "a program of the script was not found: is it installed and on PATH?",
    137: "the system may have killed it for want of memory",
}
_LONGEST_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one message of a worker; its outputs are the longest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a step.

    Args:
        status: as in events.
        detail: one line.
        hint: the cure of a failure.
        exit_code: of opsctl, for this failure alone.
        outputs: of the step.
        file: what a failure points to, "" for the step itself.
        line: from 1, 0 for none.
    """

    status: Status
    detail: str = ""
    hint: str = ""
    exit_code: int = 0
    outputs: Mapping[str, OutputValue] = field(default_factory=dict)
    file: str = ""
    line: int = 0


def failure(error: OpsctlError) -> Verdict:
    """Return the verdict that an error is."""
    place = problem_of(error)
    return Verdict("failed", place.message, error.hint, error.exit_code, file=place.file, line=place.line)


@dataclass(frozen=True, slots=True)
class Report:
    """Where a task tells what it hears.

    Args:
        span: of the step.
        sink: takes events, masked.
        log: takes lines for the log of the step, masked.
        masker: hides secrets.
    """

    span: str
    sink: Callable[[Event], None]
    log: Callable[[Iterable[str]], None]
    masker: Masker

    def lines(self, lines: Sequence[str], stream: Stream) -> None:
        """Tell lines that were printed; they have been masked already."""
        if lines:
            self.log(lines)
        for line in lines:
            self.sink(Output(self.span, line, stream))


class Task(Protocol):
    """A step while it runs."""

    def receive(self, stream: Stream, chunk: bytes) -> None:
        """Take what its child printed."""

    def close(self, ended: Ended) -> Verdict:
        """Take the end of its child."""


class ScriptTask:
    """A child whose outputs are lines of text.

    Args:
        report: where to tell them.
        outputs: file that the script may have written its outputs to.
        launch: how it was started.
    """

    def __init__(self, report: Report, outputs: str, launch: Launch) -> None:
        self._report = report
        self._outputs = outputs
        self._launch = launch
        self._reader = LineReader(report.masker)

    def receive(self, stream: Stream, chunk: bytes) -> None:
        """Cut it into lines and tell them."""
        self._report.lines(self._reader.feed(chunk), stream)

    def close(self, ended: Ended) -> Verdict:
        """Tell the last line; read the outputs of a script that succeeded."""
        self._report.lines(self._reader.finish(), "stdout")
        if ended.stopped or ended.timed_out or ended.code:
            drop_outputs(self._outputs)
            return _ended(ended, self._launch)
        try:
            outputs = read_outputs(self._outputs)
        except StepFailedError as error:
            return failure(error)
        return _without_secrets(Verdict("ok", outputs=outputs), self._report.masker)


class WorkTask:
    """A worker: its standard output is messages, its standard error lines of text.

    Args:
        report: where to tell what it says.
        launch: how it was started.
    """

    def __init__(self, report: Report, launch: Launch) -> None:
        self._report = report
        self._launch = launch
        self._reader = LineReader(report.masker)
        self._rest = bytearray()
        self._last: Done | Failed | None = None
        self._confused = False

    def receive(self, stream: Stream, chunk: bytes) -> None:
        """Take messages and lines."""
        if stream == "stderr":
            self._report.lines(self._reader.feed(chunk), "stderr")
            return
        self._rest += chunk
        *lines, rest = bytes(self._rest).split(b"\n") if b"\n" in chunk else (bytes(self._rest),)
        for line in lines:
            self._hear(line)
        self._rest = bytearray(rest)
        self._confused = self._confused or len(self._rest) > _LONGEST_MESSAGE

    def close(self, ended: Ended) -> Verdict:
        """Return what the worker said last, unless it was stopped."""
        self._report.lines(self._reader.finish(), "stderr")
        last = self._last
        said = last.message if isinstance(last, Failed) else ""
        if ended.stopped or ended.timed_out:
            verdict = _ended(ended, self._launch)
            known = isinstance(last, Failed) and last.exit_code != _INTERRUPTED
            return dataclasses.replace(verdict, detail=f"{verdict.detail}; {said}") if known else verdict
        if isinstance(last, Failed):
            return Verdict("failed", said, last.hint, last.exit_code, file=last.file, line=last.line)
        if last is None or self._confused or ended.code:
            return Verdict("failed", f"the worker broke off: {_how(ended.code)}", "", StepFailedError.exit_code)
        verdict = Verdict("ok" if last.changed else "unchanged", last.detail, outputs=last.outputs)
        return _without_secrets(verdict, self._report.masker)

    def _hear(self, line: bytes) -> None:
        try:
            message = decode_message(line)
        except msgspec.MsgspecError:
            self._confused = True
            return
        match message:
            case Told():
                self._tell(self._own(message.event()))
            case Hide(value=value):
                self._report.masker.add(value)
            case Done() | Failed():
                self._last = message

    def _own(self, event: Event) -> Event:
        """Return the event as part of the step, with every text masked."""
        span = self._report.span
        changes: dict[str, str] = {"span": f"{span}/{event.span}" if event.span else span}
        if isinstance(event, SpanStarted):
            changes["parent"] = f"{span}/{event.parent}" if event.parent else span
        for name in ("title", "detail", "hint", "text", "file"):
            text = getattr(event, name, "")
            if text:
                changes[name] = self._report.masker.mask(text)
        return dataclasses.replace(event, **changes)

    def _tell(self, event: Event) -> None:
        match event:
            case Output(text=text) | Message(text=text):
                self._report.log([text])
            case SpanFinished(status=status, detail=detail):
                self._report.log([f"{event.span}: {status}{': ' if detail else ''}{detail}"])
        self._report.sink(event)


def _without_secrets(verdict: Verdict, masker: Masker) -> Verdict:
    """Return the verdict, unless an output would carry a secret to steps that do not list it."""
    for name, value in verdict.outputs.items():
        if isinstance(value, str) and masker.holds(value):
            hint = "steps that need the secret list it in secrets:"
            return Verdict("failed", f"output {name!r} holds a secret", hint, StepFailedError.exit_code)
    return verdict


def _ended(ended: Ended, launch: Launch) -> Verdict:
    """Return the verdict about a child that did not succeed."""
    if ended.timed_out:
        told = f"timed out after {Duration(launch.timeout or 0)}"
        return Verdict("failed", told, "give it a longer timeout:, if it needs one", StepFailedError.exit_code)
    if ended.stopped:
        return Verdict("cancelled", "stopped")
    return Verdict("failed", _how(ended.code), _HINTS.get(ended.code, ""), StepFailedError.exit_code)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
