"""A running step: what its child says becomes events and a log, and its end a verdict."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opsctl.config.masking import Masker
from opsctl.errors import DeployRolledBackError, InterruptedRunError, LockTimeoutError
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted
from opsctl.pipeline.child import Ended, Launch
from opsctl.pipeline.talk import Done, Hide, encode, failed, told
from opsctl.pipeline.tasks import Report, ScriptTask, WorkTask

DONE = encode(Done({}, "", changed=True))
GARBAGE = b"garbage\n"
STOPPED = encode(failed(InterruptedRunError("x")))
LAUNCH = Launch(("x",), {}, Path("/"), timeout=90)


@dataclass
class Ear:
    """Hears what a task tells."""

    events: list[Event] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    masker: Masker = field(default_factory=Masker)

    @property
    def report(self) -> Report:
        return Report("step:a", self.events.append, self.log.extend, self.masker)

    def work(self) -> WorkTask:
        return WorkTask(self.report, LAUNCH)

    def script(self, outputs: Path) -> ScriptTask:
        return ScriptTask(self.report, str(outputs), LAUNCH)


def test_events_of_a_worker_belong_to_the_step() -> None:
    ear = Ear()
    task = ear.work()
    for event in (
        SpanStarted("build:web", "build web"),
        SpanStarted("stage", "stage", "build:web"),
        Output("build:web", "line"),
        Progress("", 1, 2),
        SpanFinished("build:web", "ok", 1.0, "done"),
    ):
        task.receive("stdout", encode(told(event)))
    assert ear.events == [
        SpanStarted("step:a/build:web", "build web", "step:a"),
        SpanStarted("step:a/stage", "stage", "step:a/build:web"),
        Output("step:a/build:web", "line"),
        Progress("step:a", 1, 2),
        SpanFinished("step:a/build:web", "ok", 1.0, "done"),
    ]
    assert ear.log == ["line", "step:a/build:web: ok: done"]


def test_messages_may_be_cut_anywhere() -> None:
    data = b"".join(encode(told(Output("", f"line {number}"))) for number in range(20)) + encode(
        Done({}, "", changed=True)
    )
    for size in (1, 7, 1000):
        ear = Ear()
        task = ear.work()
        for start in range(0, len(data), size):
            task.receive("stdout", data[start : start + size])
        assert task.close(Ended(0, 1.0)).status == "ok"
        assert ear.log == [f"line {number}" for number in range(20)]


def test_a_secret_that_the_work_comes_by_is_hidden_from_then_on() -> None:
    ear = Ear()
    task = ear.work()
    task.receive("stdout", encode(Hide("hunter2")) + encode(told(Message("", "it is hunter2", "warning", "hunter2"))))
    task.receive("stderr", b"also hun")
    task.receive("stderr", b"ter2\n")
    task.receive("stdout", encode(told(SpanFinished("", "failed", 1.0, "hunter2", "hunter2", "hunter2"))))
    assert "hunter2" not in repr(ear.events)
    assert "hunter2" not in repr(ear.log)
    assert Output("step:a", "also ***", "stderr") in ear.events


@pytest.mark.parametrize(
    ("said", "ended", "expected"),
    [
        (b"", Ended(0, 1.0), ("failed", "the worker broke off: exit code 0", 1)),
        (b"", Ended(-9, 1.0), ("failed", "the worker broke off: ended by SIGKILL", 1)),
        (GARBAGE + DONE, Ended(0, 1.0), ("failed", "the worker broke off: exit code 0", 1)),
        (encode(Done({}, "fine", changed=False)), Ended(0, 1.0), ("unchanged", "fine", 0)),
        (encode(failed(LockTimeoutError("busy"))), Ended(10, 1.0), ("failed", "busy", 10)),
        (STOPPED, Ended(130, 1.0, stopped=True), ("cancelled", "stopped", 0)),
        (STOPPED, Ended(130, 1.0, timed_out=True), ("failed", "timed out after 90s", 1)),
        (
            encode(failed(DeployRolledBackError("undone"))),
            Ended(8, 1.0, timed_out=True),
            ("failed", "timed out after 90s; undone", 1),
        ),
    ],
)
def test_the_end_of_a_worker(said: bytes, ended: Ended, expected: tuple[str, str, int]) -> None:
    task = Ear().work()
    task.receive("stdout", said)
    verdict = task.close(ended)
    assert (verdict.status, verdict.detail, verdict.exit_code) == expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(0, 1.0), ("ok", "", 0)),
        (Ended(3, 1.0), ("failed", "exit code 3", 1)),
        (Ended(-signal.SIGSEGV, 1.0), ("failed", "ended by SIGSEGV", 1)),
        (Ended(-64, 1.0), ("failed", "ended by SIGRTMAX", 1)),
        (Ended(-15, 1.0, timed_out=True), ("failed", "timed out after 90s", 1)),
        (Ended(-15, 1.0, stopped=True), ("cancelled", "stopped", 0)),
        (Ended(0, 1.0, stopped=True), ("cancelled", "stopped", 0)),
    ],
)
def test_the_end_of_a_script(tmp_path: Path, ended: Ended, expected: tuple[str, str, int]) -> None:
    verdict = Ear().script(tmp_path / "out").close(ended)
    assert (verdict.status, verdict.detail, verdict.exit_code) == expected


def test_outputs_of_a_script_that_failed_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a=1\n")
    assert not Ear().script(tmp_path / "out").close(Ended(1, 1.0)).outputs
    assert not (tmp_path / "out").exists()


def test_a_line_without_an_end_is_told_at_the_end(tmp_path: Path) -> None:
    ear = Ear()
    task = ear.script(tmp_path / "out")
    task.receive("stdout", b"half")
    assert ear.events == []
    task.close(Ended(0, 1.0))
    assert ear.events == [Output("step:a", "half")]


def test_no_kind_can_hand_on_a_secret_as_an_output() -> None:
    ear = Ear()
    ear.masker.add("hunter2")
    task = ear.work()
    task.receive("stdout", encode(Done({"n": 1, "url": "http://u:hunter2@host"}, "", changed=True)))
    verdict = task.close(Ended(0, 1.0))
    assert (verdict.status, verdict.detail, dict(verdict.outputs)) == ("failed", "output 'url' holds a secret", {})
