"""Whole runs of random pipelines with real children: what ran, and in which order, follows from the graph alone."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.errors import InterruptedRunError
from opsctl.events import Event, Output, SpanFinished, SpanStarted
from opsctl.pipeline.result import RunFailedError, RunResult, StepReport
from opsctl.pipeline.service import PipelineRequest, RunRequest, cpu_count, run

NAMES = [f"s{index}" for index in range(6)]
SCRIPTS = {
    "ok": "echo $OPSCTL_STEP_ID >> order",
    "failed": "echo $OPSCTL_STEP_ID >> order; exit 3",
    "skipped": "echo never >> order",
}


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, str]]:
    needs = {
        name: draw(st.lists(st.sampled_from(NAMES[:index]), max_size=2)) if index else []
        for index, name in enumerate(NAMES)
    }
    fates = {name: draw(st.sampled_from(["ok", "ok", "ok", "failed", "skipped"])) for name in NAMES}
    order = draw(st.permutations(NAMES))
    return {name: needs[name] for name in order}, fates


def text_of(needs: dict[str, list[str]], fates: dict[str, str]) -> str:
    steps = "".join(
        f"  {name}:\n    needs: [{', '.join(names)}]\n    run: {SCRIPTS[fates[name]]}\n"
        + ("    if: false\n" if fates[name] == "skipped" else "")
        for name, names in needs.items()
    )
    return f"opsctl: 1\ndefaults: {{shell: sh}}\nsteps:\n{steps}"


def go(directory: Path, text: str, *, jobs: int = 2, keep_going: bool = True) -> tuple[RunResult, list[Event]]:
    (directory / "p.yaml").write_text(text)
    (directory / ".git").mkdir(exist_ok=True)
    events: list[Event] = []
    request = PipelineRequest(file=Path("p.yaml"), cwd=directory, env=os.environ)
    return run(RunRequest(pipeline=request, jobs=jobs, keep_going=keep_going), events.append), events


@settings(max_examples=12)
@given(pipelines(), st.integers(1, 3))
def test_what_runs_follows_from_the_graph(drawn: tuple[dict[str, list[str]], dict[str, str]], jobs: int) -> None:
    needs, fates = drawn
    with tempfile.TemporaryDirectory() as name:
        result, events = go(Path(name), text_of(needs, fates), jobs=jobs)
        order = Path(name, "order").read_text().split() if Path(name, "order").exists() else []

    def status(step: str) -> str:
        return fates[step] if all(status(other) == "ok" for other in needs[step]) else "skipped"

    assert {step.id: step.status for step in result.steps} == {step: status(step) for step in needs}
    assert sorted(order) == sorted(step for step in needs if status(step) != "skipped")
    place = {step: index for index, step in enumerate(order)}
    assert all(place[other] < place[step] for step in order for other in needs[step])
    assert result.exit_code == (1 if any(step.status == "failed" for step in result.steps) else 0)
    assert running_at_once(events) <= jobs


def running_at_once(events: list[Event]) -> int:
    most, now = 0, set[str]()
    for event in events:
        if isinstance(event, SpanStarted):
            now.add(event.span)
        elif isinstance(event, SpanFinished):
            now.discard(event.span)
        most = max(most, len(now))
    return most


def test_output_stands_between_the_start_and_the_end_of_its_step(tmp_path: Path) -> None:
    _, events = go(tmp_path, "opsctl: 1\nsteps:\n  a: {run: 'echo one; echo two'}\n")
    assert [type(event) for event in events] == [SpanStarted, Output, Output, SpanFinished]
    assert {event.span for event in events} == {"step:a"}


def result_of(*steps: StepReport, status: str = "failed", code: int = 1) -> RunResult:
    return RunResult(
        run_id="r",
        file="f",
        status=status,  # type: ignore[arg-type] # a Status
        exit_code=code,
        seconds=1.0,
        inputs={},
        steps=steps,
        journal="j",
    )


def test_a_run_that_failed_says_which_steps_and_keeps_the_highest_code() -> None:
    failed = [StepReport(id=f"s{index}", kind="run", status="failed", hint=f"h{index}") for index in range(12)]
    with pytest.raises(RunFailedError) as caught:
        result_of(*failed, code=8).require()
    assert caught.value.exit_code == 8
    assert caught.value.message == f"12 of 12 steps failed: {', '.join(f's{i}' for i in range(10))}..."
    assert caught.value.hint.startswith("what was done and printed is in ")
    with pytest.raises(RunFailedError, match="the step failed: s0"):
        result_of(failed[0]).require()


def test_a_run_that_was_stopped_says_so() -> None:
    with pytest.raises(InterruptedRunError):
        result_of(status="cancelled", code=130).require()
    result_of(status="ok", code=0).require()


def test_jobs_are_bound_by_the_limit_on_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    steps = "".join(f"  s{index}: {{run: sleep 0.2}}\n" for index in range(40))
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, hard))
    try:
        result, events = go(tmp_path, f"opsctl: 1\ndefaults: {{shell: sh}}\nsteps:\n{steps}", jobs=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result.status == "ok"
    assert running_at_once(events) == 24


def test_there_is_a_cpu() -> None:
    assert cpu_count() >= 1
