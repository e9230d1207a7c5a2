"""The log of a GitHub job: groups do not nest, no output of a child becomes a command, limits are kept."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings

from opsctl.cli.output.github import GitHubRenderer
from opsctl.cli.output.renderer import Failure
from opsctl.cli.output.summary import LIMIT, Summary
from opsctl.errors import Problem
from opsctl.events import Event, Message, Output, SpanFinished, SpanStarted
from unit.cli.events import FAILED_RUN, HOSTILE_LINES, runs

COMMAND = re.compile(r"^\s*::(?P<name>[a-z-]+|[0-9a-f]{32})(?: (?P<properties>[^:]*))?::(?P<data>.*)$")


def draw(
    *events: Event,
    failure: Failure | None = None,
    verbosity: int = 0,
    env: Mapping[str, str] | None = None,
    cwd: str = "/w",
) -> list[str]:
    written: list[str] = []
    renderer = GitHubRenderer(written.append, colors=False, verbosity=verbosity, env=env or {}, cwd=Path(cwd))
    for event in events:
        renderer.event(event)
    renderer.close()
    if failure is not None:
        renderer.fail(failure)
    return "".join(written).split("\n")[:-1]


def obey(lines: list[str]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Read a log as the runner does: commands it would obey, and text it would show."""
    commands, text, stopped = [], [], ""
    for line in lines:
        match = COMMAND.match(line)
        if stopped and (match is None or match["name"] != stopped):
            text.append(line)
        elif match is None:
            assert not line.lstrip().startswith(("::", "##[")), (
                f"text that looks like a command is not guarded: {line!r}"
            )
            text.append(line)
        elif stopped:
            stopped = ""
        elif match["name"] == "stop-commands":
            stopped = match["data"]
        else:
            commands.append((match["name"], match["properties"] or "", match["data"]))
    assert not stopped, "commands stay switched off for the steps that follow"
    return commands, text


def test_a_run() -> None:
    commands, text = obey(draw(*FAILED_RUN))
    assert commands == [
        ("group", "", "lint"),
        ("endgroup", "", ""),
        ("group", "", "test"),
        ("warning", "", "flaky before%0Ahint: pin the seed"),
        ("endgroup", "", ""),
        ("error", "file=tests/test_a.py,line=12", "test failed: exit code 1%0Ahint: run pytest -x"),
        ("group", "", "ship"),
        ("endgroup", "", ""),
    ]
    assert text == [
        "checking",
        "ok in 1.2s",
        "E assert 1 == 2",
        "failed in 2.0s: tests/test_a.py:12: exit code 1",
        "hint: run pytest -x",
        "skipped: test failed",
    ]


def test_pieces_that_run_at_once_do_not_mix() -> None:
    lines = draw(
        SpanStarted("a", "a"),
        SpanStarted("b", "b"),
        Output("b", "b1"),
        Output("a", "a1"),
        Output("b", "b2"),
        SpanFinished("b", "ok", 1),
        Output("a", "a2"),
        SpanFinished("a", "ok", 1),
    )
    assert obey(lines)[1] == ["a1", "a2", "ok in 1.0s", "b1", "b2", "ok in 1.0s"]


def test_what_never_started_says_its_name() -> None:
    lines = draw(SpanStarted("a", "a"), SpanFinished("step:ship", "skipped", 0, "test failed"), Output("a", "a1"))
    assert obey(lines)[1] == ["[ship] skipped: test failed", "a1"]


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_output_is_never_obeyed(line: str) -> None:
    commands, _ = obey(draw(SpanStarted("a", "a"), Output("a", line), Output("", line), Message("", line)))
    assert [name for name, _, _ in commands] == ["group", "endgroup"]


@given(runs)
@settings(max_examples=300)
def test_groups_never_nest_and_only_known_commands_are_given(run: list[Event]) -> None:
    commands, _ = obey(draw(*run, failure=Failure("failed", "x", "", 1)))
    depth = 0
    for name, _, _ in commands:
        assert name in {"group", "endgroup", "error", "warning", "debug"}
        depth += {"group": 1, "endgroup": -1}.get(name, 0)
        assert depth in {0, 1}
    assert depth == 0


def test_special_characters_are_escaped() -> None:
    lines = draw(SpanStarted("a", "100%"), SpanFinished("a", "failed", 0, "50%, a:b", "", "a,b:c.py", 3))
    commands, _ = obey(lines)
    assert commands[0] == ("group", "", "100%25")
    assert commands[-1] == ("error", "file=a%2Cb%3Ac.py,line=3", "100%25 failed: 50%25, a:b")


def test_paths_are_relative_to_the_workspace() -> None:
    problem = Problem("opsctl.yaml", 3, 5, "unknown key", "did you mean 'needs'?")
    failure = Failure("config", "1 problem", "", 3, (problem,))
    lines = draw(failure=failure, env={"GITHUB_WORKSPACE": "/w/repo"}, cwd="/w/repo/app")
    assert obey(lines)[0] == [
        ("error", "file=app/opsctl.yaml,line=3,col=5", "unknown key%0Ahint: did you mean 'needs'?")
    ]


def test_a_failure_that_was_annotated_is_not_annotated_again() -> None:
    commands, text = obey(draw(*FAILED_RUN, failure=Failure("failed", "1 of 3 steps failed", "see above", 1)))
    assert [name for name, _, _ in commands].count("error") == 1
    assert text[-2:] == ["error: 1 of 3 steps failed", "hint: see above"]


def test_the_cure_in_the_log_is_not_told_again() -> None:
    _, text = obey(draw(*FAILED_RUN, failure=Failure("failed", "exit code 1", "run pytest -x", 1)))
    assert [line for line in text if "run pytest -x" in line] == ["hint: run pytest -x"]
    assert text[-1] == "error: exit code 1"


def test_quiet_tells_the_last_lines_of_what_fails() -> None:
    _, text = obey(draw(*FAILED_RUN, verbosity=-1))
    assert "E assert 1 == 2" in text
    assert "checking" not in text


def test_github_drops_more_than_ten_annotations_so_the_rest_is_text() -> None:
    commands, text = obey(draw(*(Message("", f"message {number}", "warning") for number in range(12))))
    assert len(commands) == 10
    assert text == ["warning: message 10", "warning: message 11"]


def test_a_long_message_is_cut_where_github_would_cut_it() -> None:
    (_, _, data), *_ = obey(draw(Message("", "x" * 5000, "error")))[0]
    assert len(data) == 4096


def test_the_job_summary_holds_what_was_done_and_is_not_markup(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    events = (SpanStarted("a", "a|<b>"), SpanFinished("a", "failed", 1, "`x` [l](http://e) *y*"))
    draw(*events, failure=Failure("failed", "it failed", "try again", 1), env={"GITHUB_STEP_SUMMARY": str(path)})
    text = path.read_text()
    assert text.startswith("before\n")
    assert r"| ❌ | a\|&lt;b&gt; | failed | 1.0s | \`x\` \[l\](http://e) \*y\* |" in text
    assert "**error:** it failed" in text


def test_the_job_summary_stays_below_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (LIMIT - 2000))
    summary = Summary(str(path))
    for number in range(500):
        summary.add(f"step {number}", SpanFinished("s", "ok", 0))
    summary.write()
    assert LIMIT - 200 < path.stat().st_size <= LIMIT
    assert path.read_text().endswith("ends at 1 MiB.\n")


def test_a_summary_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    draw(*FAILED_RUN, env={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "such")})
