"""The live view: what it leaves on the terminal, and that no text of others can act there."""

import io
import re
import threading

import pytest
from hypothesis import given, settings

from opsctl.cli.output.live import LiveRenderer
from opsctl.cli.output.logstream import LogStream
from opsctl.cli.output.renderer import Failure
from opsctl.events import Event, Output, Progress, SpanFinished, SpanStarted
from unit.cli.events import FAILED_RUN, runs

SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*A|2K)|\r")
"""Colours, hiding and showing the cursor, and going up to draw the view again."""


class Terminal(io.StringIO):
    """Takes what a terminal would get."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def draw(*events: Event, verbosity: int = 0, failure: Failure | None = None) -> str:
    terminal = Terminal()
    renderer = LiveRenderer(LogStream(terminal), colors=True, verbosity=verbosity)
    for event in events:
        renderer.event(event)
    renderer.close()
    if failure is not None:
        renderer.fail(failure)
    return terminal.getvalue()


def lasting(text: str) -> list[str]:
    """Return the lines that stay: what is drawn over is erased line by line (CSI 2K)."""
    lines = [line.rpartition("\x1b[2K")[2] for line in text.split("\n")]
    return [SEQUENCES.sub("", line).strip("\r ") for line in lines if SEQUENCES.sub("", line).strip("\r ")]


def test_finished_work_stays_and_only_failures_show_their_output() -> None:
    lines = lasting(draw(*FAILED_RUN, failure=Failure("failed", "1 of 3 steps failed", "run pytest -x", 1)))
    shown = [line for line in lines if not line.startswith("⠋")]
    assert shown == [
        "✓ lint 1.2s",
        "test: warning: flaky before",
        "hint: pin the seed",
        "test │ E assert 1 == 2",
        "✗ test 2.0s  tests/test_a.py:12: exit code 1",
        "hint: run pytest -x",
        "- ship  test failed",
        "error: 1 of 3 steps failed",
    ]


def test_verbose_shows_output_as_it_comes() -> None:
    assert "lint │ checking" in lasting(draw(*FAILED_RUN, verbosity=1))


def test_only_the_end_of_a_long_output_is_kept() -> None:
    events = [SpanStarted("a", "a"), *(Output("a", f"line {number}") for number in range(1000))]
    lines = lasting(draw(*events, SpanFinished("a", "failed", 1)))
    assert "a │ (800 earlier lines are not shown)" in lines
    assert "a │ line 799" not in lines
    assert "a │ line 800" in lines


def test_progress_is_drawn_while_it_goes_on() -> None:
    terminal = Terminal()
    renderer = LiveRenderer(LogStream(terminal), colors=False, verbosity=0)
    renderer.event(SpanStarted("c", "copy"))
    renderer.event(Progress("c", 512, 1024, items=1, items_total=2))
    assert renderer._live is not None
    renderer._live.refresh()
    renderer.close()
    text = SEQUENCES.sub("", terminal.getvalue())
    assert "━━━━━━━━━━──────────  512 B of 1.0 KiB (50%)" in text
    assert "1 of 2 objects" in text


def test_output_takes_the_place_of_a_transfer_that_is_done() -> None:
    renderer = LiveRenderer(LogStream(Terminal()), colors=False, verbosity=0)
    for event in (SpanStarted("b", "build"), Progress("b", 9, 9), Output("b", "Step 1/2")):
        renderer.event(event)
    assert renderer._works["b"].progress is None
    renderer.close()


@given(runs)
@settings(max_examples=50, deadline=None)
def test_foreign_text_cannot_act_on_the_terminal(run: list[Event]) -> None:
    rest = OURS.sub("", draw(*run, verbosity=1))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", rest)


def test_markup_is_text() -> None:
    assert "[bold]x[/bold] :smile:" in lasting(draw(Output("", "[bold]x[/bold] :smile:")))


def test_many_threads_may_report_at_once() -> None:
    terminal = Terminal()
    renderer = LiveRenderer(LogStream(terminal), colors=False, verbosity=0)

    def work(name: str) -> None:
        renderer.event(SpanStarted(name, name))
        for number in range(50):
            renderer.event(Output(name, str(number)))
        renderer.event(SpanFinished(name, "ok", 1))

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    renderer.close()
    lines = lasting(terminal.getvalue())
    assert sorted(line for line in lines if line.startswith("✓")) == [f"✓ t{number} 1.0s" for number in range(8)]


def test_the_cursor_is_shown_again() -> None:
    text = draw(SpanStarted("a", "a"))
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_pause_frees_the_terminal_and_the_next_event_goes_on() -> None:
    terminal = Terminal()
    renderer = LiveRenderer(LogStream(terminal), colors=False, verbosity=0)
    renderer.event(SpanStarted("a", "a"))
    renderer.pause()
    assert terminal.getvalue().endswith(("\x1b[?25h", "\x1b[2K"))
    before = len(terminal.getvalue())
    renderer.event(Progress("a", 1, 2))
    assert len(terminal.getvalue()) > before
    renderer.close()


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(28, "full"), ValueError("closed")])
def test_a_log_that_fails_is_given_up_in_silence(error: Exception | type[Exception]) -> None:
    class Broken(Terminal):
        def write(self, text: str, /) -> int:
            raise error

    renderer = LiveRenderer(LogStream(Broken()), colors=True, verbosity=0)
    for event in FAILED_RUN:
        renderer.event(event)
    renderer.close()
