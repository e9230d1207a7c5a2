"""`opsctl storage` where the rights of the user do not suffice: exit 5, the reason once, a hint."""

import os
import shutil
from pathlib import Path

import pytest

from harness import program
from harness.program import Finished, Opsctl

CAPABILITIES = "-dac_override,-dac_read_search,-fowner"
HINT = "hint: check the owner and the mode"


@pytest.fixture
def limited(opsctl: Opsctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opsctl:
    """The program without root's right to pass over modes."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv(1) to do without its rights")
        wrapper = tmp_path / ".limited"
        flags = f"--bounding-set={CAPABILITIES} --inh-caps={CAPABILITIES}"
        wrapper.write_text(f'#!/bin/sh\nexec setpriv {flags} -- {program.PROGRAM} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setattr(program, "PROGRAM", wrapper)
    return opsctl


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two files nobody may read, a directory nobody may write, one nobody may enter."""
    for name in ("closed/a", "closed/b", "open/a", "open/b", "full/a", "locked/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    for name in ("closed/a", "closed/b", "locked"):
        (tmp_path / name).chmod(0)
    (tmp_path / "full").chmod(0o555)
    return tmp_path


def assert_denied(done: Finished) -> None:
    assert (done.code, done.stderr.count(HINT), done.stderr.count("Permission denied")) == (5, 1, 1), done
    assert "failed in" in done.stderr or "[" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "cat closed/a",
        "cat file://closed/a",
        "cat locked/a",
        "stat locked/a",
        "ls locked",
        "ls locked/a",
        "du locked",
        "cp closed/a to",
        "cp open/a full/",
        "cp open/a locked/a",
        "cp locked/a to",
        "cp open/a full/new/a",
        "cp closed/a -",
        "mv full/a to",
        "rm full/a",
        "rm locked/a",
        "rm -r full",
        "rm -r locked",
        "rm -r locked/a",
        "sync locked to",
        "sync open locked/below",
    ],
)
def test_denied_is_exit_5_with_the_reason_once(limited: Opsctl, place: Path, command: str) -> None:
    del place
    assert_denied(limited("storage", *command.split()))


def test_what_needs_no_right_to_read_works(limited: Opsctl, place: Path) -> None:
    del place
    for command in ("ls closed/a", "stat closed/a", "ls -r closed", "rm closed/a"):
        limited("storage", *command.split(), check=True)


@pytest.mark.parametrize("command", ["sync open full", "sync closed to", "cp -r open full/", "rm -r full"])
def test_each_of_several_failures_is_told_once(limited: Opsctl, place: Path, command: str) -> None:
    (place / "full").chmod(0o755)
    for name in ("a", "b"):
        (place / "full" / name).write_text("not as in the source")
    (place / "full").chmod(0o555)
    done = limited("storage", *command.split())
    expected = 7 if command.startswith("sync") else 5
    lines = [line for line in done.stderr.splitlines() if "Permission denied" in line]
    assert (done.code, len(lines), len({line.partition("file:")[2] for line in lines})) == (expected, 2, 2), done
    assert " ok in " not in done.stderr


@pytest.mark.parametrize("verb", ["cp -r", "sync"])
def test_one_failure_beside_others_is_told_once_and_summed_up(limited: Opsctl, place: Path, verb: str) -> None:
    (place / "closed/b").chmod(0o644)
    done = limited("storage", *verb.split(), "closed", "to")
    assert (done.code, done.stderr.count("Permission denied"), done.stderr.count(HINT)) == (7, 1, 1), done
    assert "failed in" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(("error: 1 ", "hint: --manifest")), done
    assert (place / "to/b").exists()
