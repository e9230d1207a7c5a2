"""The runner of the installed program: it keeps both streams and the exit code, and leaves no process behind."""

import os
import select
import sys
from pathlib import Path

import pytest

from harness import program
from harness.program import Opsctl


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opsctl:
    """The runner with Python in the place of opsctl."""
    monkeypatch.setattr(program, "PROGRAM", Path(sys.executable))
    return Opsctl(tmp_path)


def test_a_run_keeps_what_was_printed_and_the_exit_code(python: Opsctl) -> None:
    script = "import sys; print(sys.stdin.read(), end=''); print('bad', file=sys.stderr); sys.exit(3)"
    finished = python("-c", script, input="good\n")
    assert (finished.code, finished.stdout, finished.stderr) == (3, "good\n", "bad\n")


def test_a_run_works_in_the_temporary_directory_with_the_variables_given(python: Opsctl, tmp_path: Path) -> None:
    finished = python(
        "-c", "import os; print(os.getcwd(), os.environ['EXTRA'], os.environ['COLUMNS'])", env={"EXTRA": "x"}
    )
    assert finished.stdout == f"{tmp_path} x 80\n"


def test_check_fails_the_test_and_shows_both_streams(python: Opsctl) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"exit code 4\n-- stdout\nout\n-- stderr\nerr\n"):
        python("-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)", check=True)


def test_a_run_without_end_is_killed_with_its_children(python: Opsctl, tmp_path: Path) -> None:
    script = "import os, subprocess; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    with pytest.raises(pytest.fail.Exception, match=r"(?s)no end after 2 s.*exit code -9\n-- stdout\n\d+") as failure:
        python("-c", script, timeout=2)
    assert ends(int(str(failure.value).split("-- stdout\n")[1].split()[0]))


def test_what_a_test_started_is_killed_at_its_end(python: Opsctl) -> None:
    child = python.start("-c", "import time; time.sleep(600)")
    python.close()
    assert child.returncode == -9


def ends(pid: int) -> bool:
    """Whether the process ends; an orphan that was killed may not have been reaped yet."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    return bool(select.select([end], [], [], 10)[0])
