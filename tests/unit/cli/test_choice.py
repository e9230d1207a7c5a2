"""Who draws, and in which colours: what people, CI systems and pipes expect."""

import io
from pathlib import Path

import pytest

from opsctl.cli.options import Settings
from opsctl.cli.output.choice import choose_renderer, in_ci, verbosity, wants_color
from opsctl.cli.output.logstream import LogStream


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


TERM = {"TERM": "xterm"}
GITHUB = {"GITHUB_ACTIONS": "true", "CI": "true"}


def settings(**values: object) -> Settings:
    found = Settings()
    for name, value in values.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("terminal", "env", "given", "renderer"),
    [
        (True, TERM, {}, "LiveRenderer"),
        (False, TERM, {}, "PlainRenderer"),
        (True, {"TERM": "dumb"}, {}, "PlainRenderer"),
        (True, {}, {}, "PlainRenderer"),
        (True, {**TERM, "CI": "1"}, {}, "PlainRenderer"),
        (True, {**TERM, "CI": "false"}, {}, "LiveRenderer"),
        (True, TERM, {"quiet": True}, "PlainRenderer"),
        (True, TERM, {"log_format": "plain"}, "PlainRenderer"),
        (True, TERM, {"log_format": "json"}, "JsonLinesRenderer"),
        (False, GITHUB, {}, "GitHubRenderer"),
        (True, {**TERM, **GITHUB}, {}, "GitHubRenderer"),
        (False, GITHUB, {"log_format": "plain"}, "PlainRenderer"),
        (False, {}, {"log_format": "github"}, "GitHubRenderer"),
        (False, {**GITHUB, "OPSCTL_STEP_ID": "deploy"}, {}, "PlainRenderer"),
    ],
)
def test_who_draws(*, terminal: bool, env: dict[str, str], given: dict[str, object], renderer: str) -> None:
    stream = LogStream(Terminal() if terminal else io.StringIO())
    chosen = choose_renderer(settings(**given), stream=stream, env=env, cwd=Path("/"))
    assert type(chosen).__name__ == renderer


@pytest.mark.parametrize(
    ("choice", "env", "terminal", "colors"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours(*, choice: str, env: dict[str, str], terminal: bool, colors: bool) -> None:
    assert wants_color(choice, env, terminal=terminal) is colors


@pytest.mark.parametrize(
    ("given", "env", "level"),
    [
        ({}, {}, 0),
        ({"quiet": True, "verbosity": 3}, {}, -1),
        ({"verbosity": 1}, {}, 1),
        ({"verbosity": 7}, {}, 2),
        ({"debug": True}, {}, 2),
        ({}, {"RUNNER_DEBUG": "1"}, 2),
    ],
)
def test_verbosity(given: dict[str, object], env: dict[str, str], level: int) -> None:
    assert verbosity(settings(**given), env) == level


@pytest.mark.parametrize(("value", "ci"), [("", False), ("0", False), ("False", False), ("true", True), ("1", True)])
def test_ci(*, value: str, ci: bool) -> None:
    assert in_ci({"CI": value}) is ci
