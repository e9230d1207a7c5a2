"""JSON lines: one ASCII object per event with its own fields, whatever the text holds."""

import json
from typing import Any

from hypothesis import given

from opsctl.cli.output.jsonlines import JsonLinesRenderer
from opsctl.cli.output.renderer import Failure
from opsctl.errors import Problem
from opsctl.events import Event, Message
from unit.cli.events import FAILED_RUN, runs


def draw(*events: Event, failure: Failure | None = None, verbosity: int = 0) -> list[dict[str, Any]]:
    written: list[str] = []
    renderer = JsonLinesRenderer(written.append, verbosity=verbosity, clock=lambda: 1.5)
    for event in events:
        renderer.event(event)
    if failure is not None:
        renderer.fail(failure)
    text = "".join(written)
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


def test_events_carry_their_fields() -> None:
    lines = draw(*FAILED_RUN)
    assert lines[0] == {"time": 1.5, "event": "span_started", "span": "step:lint", "title": "lint", "parent": ""}
    assert lines[6] == {
        "time": 1.5,
        "event": "span_finished",
        "span": "step:test",
        "status": "failed",
        "seconds": 2,
        "detail": "exit code 1",
        "hint": "run pytest -x",
        "file": "tests/test_a.py",
        "line": 12,
    }


@given(runs)
def test_every_event_is_one_line(run: list[Event]) -> None:
    assert len(draw(*run, verbosity=1)) == len(run)


def test_debug_messages_are_left_out_unless_asked_for() -> None:
    assert draw(Message("", "x", "debug")) == []


def test_the_failure_is_an_event() -> None:
    problem = Problem("opsctl.yaml", 3, 5, "unknown key", "did you mean 'needs'?")
    (line,) = draw(failure=Failure("config", "1 problem", "", 3, (problem,)))
    assert line["event"] == "error"
    assert line["exit_code"] == 3
    assert line["problems"] == [
        {"file": "opsctl.yaml", "line": 3, "column": 5, "message": "unknown key", "hint": "did you mean 'needs'?"}
    ]
