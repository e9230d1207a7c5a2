"""What a terminal, a CI system and a pipe get from one and the same command."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.program import PROGRAM, Opsctl

COLOR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def copying(tmp_path: Path) -> list[str]:
    """A command with progress on standard error and a result on standard output."""
    (tmp_path / "data").write_bytes(b"x" * 1000)
    return ["storage", "cp", "data", "copy/"]


def in_terminal(cwd: Path, args: list[str], env: Mapping[str, str] | None = None) -> str:
    """Run the program with all streams on a terminal; return every byte that this terminal got."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as child:
        os.close(follower)
        shown = bytearray()
        while chunk := _read(leader):
            shown += chunk
        assert child.wait(60) == 0, bytes(shown)
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


def test_a_terminal_gets_a_live_view_that_gives_way_to_the_result(tmp_path: Path, copying: list[str]) -> None:
    shown = in_terminal(tmp_path, copying)
    assert "\x1b[?25l" in shown, "the cursor is hidden while the view is drawn"
    lines = [line.rpartition("\x1b[2K")[2] for line in SEQUENCE.sub("", shown).split("\n")]
    assert "✓ copy " in lines[-3]
    assert lines[-2:] == ["1 object, 1000 B copied to copy/", ""]
    assert shown.rindex("\x1b[?25h") < shown.index("1 object, 1000 B copied")


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_simple_terminal_gets_plain_lines(tmp_path: Path, copying: list[str], env: dict[str, str]) -> None:
    shown = in_terminal(tmp_path, copying, env)
    assert "\x1b" not in shown
    assert shown.startswith("[copy] started\n[copy] ok in ")


def test_ci_gets_plain_lines_in_colour(tmp_path: Path, copying: list[str]) -> None:
    shown = in_terminal(tmp_path, copying, {"CI": "true"})
    assert "\x1b[?25l" not in shown
    assert COLOR.search(shown)
    assert SEQUENCE.sub("", shown).startswith("[copy] started\n")


def test_no_color_means_none(tmp_path: Path, copying: list[str]) -> None:
    for args in (copying, ["doctor", "--only", "shell"]):
        assert not COLOR.search(in_terminal(tmp_path, args, {"NO_COLOR": "1"}))
    assert not COLOR.search(in_terminal(tmp_path, [*copying, "--color", "never"]))


def test_a_terminal_gets_results_in_colour(tmp_path: Path) -> None:
    assert "\x1b[32mok  \x1b[0m  shell" in in_terminal(tmp_path, ["doctor", "--only", "shell"])


def test_a_pipe_gets_colours_only_when_forced(opsctl: Opsctl, copying: list[str]) -> None:
    assert "\x1b" not in opsctl(*copying, check=True).stderr
    assert COLOR.search(opsctl(*copying, check=True, env={"FORCE_COLOR": "1"}).stderr)
    assert COLOR.search(opsctl(*copying, "--color", "always", check=True).stderr)
    done = opsctl("doctor", "--only", "shell", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}, check=True)
    assert "\x1b" not in done.stdout


def test_github_gets_groups(opsctl: Opsctl, copying: list[str], tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = opsctl(*copying, env=env, check=True)
    assert done.stderr.startswith("::group::copy\n::stop-commands::")
    assert done.stderr.endswith("::endgroup::\n")
    assert done.stdout == "1 object, 1000 B copied to copy/\n"
    assert "| ✅ | copy | ok |" in summary.read_text()


def test_json_lines_are_one_object_each(opsctl: Opsctl, copying: list[str]) -> None:
    done = opsctl(*copying, "--log-format", "json", check=True)
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert (events[0], events[-1]) == ("span_started", "span_finished")


def test_quiet_leaves_the_result(opsctl: Opsctl, copying: list[str]) -> None:
    done = opsctl("-q", *copying, check=True)
    assert (done.stdout, done.stderr) == ("1 object, 1000 B copied to copy/\n", "")


def test_a_table_fits_the_terminal(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(f"opsctl: 1\nproject: x\nstate: file://{'deep/' * 30}\n")
    lines = opsctl("config", "show", "--origin", check=True, env={"COLUMNS": "60"}).stdout.splitlines()
    assert max(map(len, lines)) <= 60


def test_output_that_cannot_hold_a_name_gets_it_escaped(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "日本").touch()
    done = opsctl("storage", "ls", ".", check=True, env={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.endswith("\\u65e5\\u672c\n")
