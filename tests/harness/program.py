"""The installed `opsctl`, run as its users run it: another process, its own directory, three streams, an exit code."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["Finished", "Opsctl"]

PROGRAM = Path(sys.executable).with_name("opsctl")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run of the program left."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"opsctl {' '.join(self.args)}\nexit code {self.code}\n-- stdout\n{self.stdout}-- stderr\n{self.stderr}"


@dataclass(slots=True)
class Opsctl:
    """Runs the program in `cwd`, which is the test's temporary directory unless the test sets another."""

    cwd: Path
    _children: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(
        self,
        *args: str | Path,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002 -- the name subprocess.run has for it
        timeout: float = 60,
    ) -> Finished:
        """Run the program to its end.

        Args:
            args: Its arguments.
            check: Fail the test, with all that was printed, when the exit code is not 0.
            env: Variables on top of the test's clean environment.
            input: Its standard input, a pipe.
            timeout: Seconds after which its process group is killed and the test fails.
        """
        child = self.start(*args, env=env)
        try:
            stdout, stderr = child.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(child)
            stdout, stderr = child.communicate()
            pytest.fail(f"no end after {timeout:g} s: {Finished(_texts(args), child.returncode, stdout, stderr)}")
        finished = Finished(_texts(args), child.returncode, stdout, stderr)
        if check and finished.code:
            pytest.fail(str(finished))
        return finished

    def start(self, *args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the program in a session of its own, all streams pipes; what is left of it dies with the test."""
        child = subprocess.Popen(
            [PROGRAM, *args],
            cwd=self.cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def close(self) -> None:
        """Kill what still runs of what was started."""
        for child in self._children:
            _kill(child)
            with child:
                pass


def _texts(args: tuple[str | Path, ...]) -> tuple[str, ...]:
    return tuple(str(arg) for arg in args)


def _kill(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


@pytest.fixture
def opsctl(tmp_path: Path) -> Iterator[Opsctl]:
    """The installed program: `opsctl("run", "x.yaml", check=True).stdout`."""
    program = Opsctl(tmp_path)
    yield program
    program.close()
