"""The program with commands that fail on purpose: in this process, and as a process of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from opsctl.cli import app
from opsctl.cli.boundary import run as run_here
from opsctl.cli.runtime import Runtime
from unit.cli import faulty

FAULTY = [sys.executable, str(Path(__file__).with_name("faulty.py"))]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left."""

    code: int
    stdout: str
    stderr: str


class Program(Protocol):
    """Runs the program in this process."""

    def __call__(self, *args: str, env: Mapping[str, str] | None = None) -> Ended: ...


class Process(Protocol):
    """Runs the program as a process of its own."""

    def __call__(self, *args: str, stdout: int = subprocess.PIPE) -> Ended: ...


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(app, "COMMANDS", {**app.COMMANDS, **faulty.TABLE})
    # The boundary takes signals over for good; the test's process wants its own back.
    monkeypatch.setattr("opsctl.cli.boundary.take_signals", lambda: None)
    monkeypatch.setattr("opsctl.cli.strays.catch_strays", lambda _: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*args: str, env: Mapping[str, str] | None = None) -> Ended:
        stdout, stderr = io.StringIO(), io.StringIO()
        runtime = Runtime(
            stdin=io.StringIO(), stdout=stdout, stderr=stderr, env={**os.environ, **(env or {})}, cwd=tmp_path
        )
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)  # Click reads options from the environment of the process
        code = run_here(list(args), runtime)
        for name in env or {}:
            monkeypatch.delenv(name)
        return Ended(code, stdout.getvalue(), stderr.getvalue())

    return run


@pytest.fixture
def process(tmp_path: Path) -> Process:
    def run(*args: str, stdout: int = subprocess.PIPE) -> Ended:
        done = subprocess.run(
            [*FAULTY, *args],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout or "", done.stderr)

    return run


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, waiting for a signal."""
    with subprocess.Popen(
        [*FAULTY, "wait"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()
