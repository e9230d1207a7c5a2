"""Options stand before or after a command; wrong names get a near miss; a service reads like a command."""

import json
from typing import Any

import pytest

from unit.cli.conftest import Program


def settings(program: Program, *args: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = program(*args, env=env)
    assert done.code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "args",
    [
        ["-o", "json", "settings"],
        ["settings", "-o", "json"],
        ["settings", "word", "-ojson"],
        ["-o", "text", "settings", "--output=json"],
        ["-vqojson", "settings"],
        ["roll", "-o", "json", "web"],
        ["-ojson", "roll", "web", "--env", "prod"],
        ["roll", "--env", "prod", "-ojson", "web"],
    ],
)
def test_global_options_stand_anywhere(program: Program, args: list[str]) -> None:
    assert settings(program, *args)["output"] == "json"


def test_they_add_up_or_the_last_one_wins(program: Program) -> None:
    args = ["-v", "--set", "a=1", "-ojson", "--color", "always", "settings", "-v", "--set", "b=2", "--color", "never"]
    found = settings(program, *args)
    assert found["verbosity"] == 2
    assert found["overrides"] == ["a=1", "b=2"]
    assert found["color"] == "never"


def test_the_command_line_wins_over_the_environment(program: Program) -> None:
    env = {"OPSCTL_LOG_FORMAT": "json"}
    assert settings(program, "-ojson", "settings", env=env)["log_format"] == "json"
    assert settings(program, "--log-format", "plain", "settings", "-ojson", env=env)["log_format"] == "plain"


def test_a_wrong_value_in_the_environment_is_told(program: Program) -> None:
    done = program("settings", env={"OPSCTL_LOG_FORMAT": "xml"})
    assert done.code == 2
    assert "'--log-format'" in done.stderr
    assert "'xml'" in done.stderr


@pytest.mark.parametrize(
    ("args", "words", "env"),
    [
        (["roll", "web"], ["web"], None),
        (["roll", "web", "--env", "prod"], ["web"], "prod"),
        (["roll", "--env", "prod", "web"], ["web"], "prod"),
        (["roll", "--env=prod", "web"], ["web"], "prod"),
        (["roll", "-q", "--set", "verb=verb", "web"], ["web"], None),
        (["roll", "--env", "verb", "web"], ["web"], "verb"),
        (["roll", "--", "verb"], ["verb"], None),
    ],
)
def test_the_default_command_takes_what_is_no_verb(
    program: Program, args: list[str], words: list[str], env: str | None
) -> None:
    found = settings(program, "-ojson", *args)
    assert (found["words"], found["env"]) == (words, env)


@pytest.mark.parametrize("args", [["roll", "verb"], ["roll", "-q", "verb"], ["roll", "-vojson", "verb", "-q"]])
def test_a_verb_is_a_verb(program: Program, args: list[str]) -> None:
    assert settings(program, "-ojson", *args) == {"verb": True, "output": "json"}


def test_help_of_a_default_command_shows_both_ways(program: Program) -> None:
    for args in (["roll", "--help"], ["roll", "-q", "-h"]):
        text = program(*args).stdout
        assert text.startswith("Usage: opsctl roll [OPTIONS] [WORDS]...\n       opsctl roll COMMAND [ARGS]...\n")
        assert "--env" in text
        assert "verb    Be a command of a group." in text
    assert program("roll", "web", "--help").stdout.startswith("Usage: opsctl roll [OPTIONS] [WORDS]...\n\n  Show the")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["setings"], "error: 'opsctl' has no command 'setings'\nhint: did you mean 'settings'?\n"),
        (["xyzzy"], "error: 'opsctl' has no command 'xyzzy'\nhint: see 'opsctl --help'\n"),
        (["settings", "--evn", "x"], "error: no such option '--evn'\nhint: did you mean --env?\n"),
        (["settings", "--colour", "x"], "error: no such option '--colour'\nhint: did you mean --color?\n"),
        (["settings", "--env"], "error: option '--env' requires an argument\nhint: see 'opsctl settings --help'\n"),
        (["settings", "-o", "csv"], "error: 'opsctl settings' does not print csv\nhint: -o takes text or json here\n"),
        (["sail", "verv"], "error: there is no service 'x'\nhint: did you mean 'opsctl sail verb'?; services: web\n"),
        (["--nope"], "error: no such option '--nope'\nhint: see 'opsctl --help'\n"),
    ],
)
def test_wrong_words_get_a_hint(program: Program, args: list[str], told: str) -> None:
    done = program(*args)
    assert done.stdout == ""
    assert done.stderr == told
    assert done.code == (4 if args[0] == "sail" else 2)


def test_no_command_is_wrong_usage_with_the_help(program: Program) -> None:
    done = program()
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: opsctl [OPTIONS] COMMAND")
    assert program("-q").stderr == "error: missing command\nhint: see 'opsctl --help'\n"


def test_version(program: Program) -> None:
    assert program("--version").stdout == program("-q", "--version").stdout
