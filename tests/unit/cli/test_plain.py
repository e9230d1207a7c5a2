"""Plain logs: every line says what it belongs to, none is forged, quiet and verbose mean what they say."""

from hypothesis import given

from opsctl.cli.output.plain import PlainRenderer, failure_lines, items
from opsctl.cli.output.renderer import Failure
from opsctl.errors import Problem
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted
from unit.cli.events import FAILED_RUN, runs


def draw(*events: Event, verbosity: int = 0, colors: bool = False) -> list[str]:
    written: list[str] = []
    renderer = PlainRenderer(written.append, colors=colors, verbosity=verbosity)
    for event in events:
        renderer.event(event)
    renderer.close()
    return "".join(written).splitlines(keepends=False)


def test_a_run() -> None:
    assert draw(*FAILED_RUN) == [
        "[lint] started",
        "[lint] checking",
        "[test] started",
        "[test] E assert 1 == 2",
        "[lint] ok in 1.2s",
        "[test] warning: flaky before",
        "[test] hint: pin the seed",
        "[test] failed in 2.0s: tests/test_a.py:12: exit code 1",
        "[test] hint: run pytest -x",
        "[ship] started",
        "[ship] skipped: test failed",
    ]


def test_quiet_leaves_failures_with_their_last_lines_and_warnings() -> None:
    assert draw(*FAILED_RUN, verbosity=-1) == [
        "[test] warning: flaky before",
        "[test] hint: pin the seed",
        "[test] E assert 1 == 2",
        "[test] failed in 2.0s: tests/test_a.py:12: exit code 1",
        "[test] hint: run pytest -x",
    ]


def test_quiet_tells_the_last_lines_of_what_fails_and_of_what_still_runs_in_it() -> None:
    events: list[Event] = [SpanStarted("s", "ship"), SpanStarted("d", "done", "s"), SpanStarted("b", "build", "s")]
    events += [Output("d", "fine"), SpanFinished("d", "ok", 1), Output("", "nobody's")]
    events += [*(Output("b", f"line {number}") for number in range(22)), SpanFinished("s", "failed", 1, "lost")]
    assert draw(*events, verbosity=-1) == [
        "[ship/build] (2 earlier lines are not shown)",
        *(f"[ship/build] line {number}" for number in range(2, 22)),
        "[ship] failed in 1.0s: lost",
    ]


def test_a_cure_that_a_failed_piece_told_is_not_told_again_at_the_end() -> None:
    written: list[str] = []
    renderer = PlainRenderer(written.append, colors=False, verbosity=0)
    renderer.event(SpanFinished("push", "failed", 1, "denied", "log in"))
    renderer.fail(Failure("denied", "denied", "log in", 5))
    renderer.fail(Failure("denied", "denied", "another", 5))
    told = ["[push] failed in 1.0s: denied", "[push] hint: log in", "error: denied", "error: denied", "hint: another"]
    assert "".join(written).splitlines() == told


def test_debug_messages_are_shown_when_asked_for() -> None:
    message = Message("", "argv: git rev-parse", "debug")
    assert draw(message) == []
    assert draw(message, verbosity=1) == ["debug: argv: git rev-parse"]


def test_nested_work_is_told_with_what_holds_it() -> None:
    lines = draw(SpanStarted("s", "deploy"), SpanStarted("h", "health", "s"), Output("h", "passed"), Output("x:y", "?"))
    assert lines == ["[deploy] started", "[deploy/health] passed", "[y] ?"]


def test_a_title_that_repeats_its_parent_replaces_it() -> None:
    started = (SpanStarted("s", "deploy"), SpanStarted("d", "deploy web", "s"), SpanStarted("h", "health", "d"))
    told = ["[deploy] started", "[deploy web] started", "[deploy web/health] started"]
    assert draw(*started, verbosity=1) == told
    assert draw(*started) == told[:1]  # the parts are told once, when they are over


def test_progress_is_a_sign_of_life_now_and_then() -> None:
    now = iter([0.0, 1.0, 5.0, 6.0])
    written: list[str] = []
    renderer = PlainRenderer(written.append, colors=False, verbosity=0, clock=lambda: next(now))
    for done in (0, 1, 2, 3):
        renderer.event(Progress("", done * 1024, 4096, items=done, items_total=9))
    assert written == ["2.0 KiB of 4.0 KiB (50%), 2 of 9 objects\n"]


@given(runs)
def test_every_line_stands_behind_its_prefix(run: list[Event]) -> None:
    for line in draw(*run, verbosity=1):
        assert line.isprintable() or "\t" in line or not line.isascii()
        assert "\x1b" not in line
        assert not line.startswith(("::error::second", "\r"))


def test_colours_of_children_are_kept_only_with_colours() -> None:
    event = Output("", "\x1b[32mok\x1b[0m")
    assert draw(event) == ["ok"]
    assert draw(event, colors=True) == ["\x1b[32mok\x1b[0m\x1b[0m"]


def test_one_is_not_told_as_many() -> None:
    assert items(Progress("a", 1, None, items=1)) == ["1 object"]
    assert items(Progress("a", 1, None, items=2)) == ["2 objects"]


def test_a_failure_is_told_in_one_line_with_its_cure() -> None:
    failure = Failure("not_found", "no bucket\n'x'", "make it", 4)
    assert failure_lines(failure, colors=False) == ["error: no bucket\\n'x'", "hint: make it"]


def test_every_problem_of_a_file_is_told() -> None:
    problems = (
        Problem("opsctl.yaml", 3, 5, "unknown key 'need'", "did you mean 'needs'?"),
        Problem("x", 0, 0, "empty"),
    )
    failure = Failure("config", "2 problems", "", 3, problems)
    assert failure_lines(failure, colors=False) == [
        "error: opsctl.yaml:3:5: unknown key 'need'",
        "  hint: did you mean 'needs'?",
        "error: x: empty",
    ]


def test_finished_pieces_are_forgotten() -> None:
    renderer = PlainRenderer(lambda _: None, colors=False, verbosity=0)
    for number in range(100):
        renderer.event(SpanStarted(str(number), "x"))
        renderer.event(SpanFinished(str(number), "ok", 0))
    assert not renderer._spans._running
