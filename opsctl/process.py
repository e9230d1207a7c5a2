"""The one door to child processes: argv lists only, never a shell string built by opsctl.

`run` waits for a short helper (git, a credential helper) and returns its output. The streaming, bounded
children of pipelines are started with `spawn`, which puts each into a process group of its own so that
`terminate` reaches everything a step started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from opsctl.errors import MissingToolError, StepFailedError, TransientError

__all__ = ["Child", "Finished", "run", "signal_group", "spawn", "terminate", "which"]

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished child.

    Args:
        argv: what ran.
        code: exit code; negative signal number when a signal ended it.
        stdout: all it printed, bytes.
        stderr: all it printed there, bytes.
    """

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


def which(tool: str) -> str | None:
    """Return the path of `tool`, or None when it is not on PATH."""
    return shutil.which(tool)


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float | None = 60.0,
    ok: frozenset[int] | None = frozenset({0}),
) -> Finished:
    """Run a short helper to its end.

    Args:
        argv: program and arguments; never passed through a shell.
        cwd: working directory, the current one by default.
        env: the whole environment, the current one by default.
        stdin: bytes given to it; its standard input is never the terminal.
        timeout: seconds; None waits for ever.
        ok: exit codes that count as success; None accepts any.

    Raises:
        MissingToolError: the program is not installed.
        TransientError: it did not end in time (it has been killed).
        StepFailedError: it ended with another exit code.
    """
    try:
        done = subprocess.run(
            list(argv), cwd=cwd, env=env, input=stdin, capture_output=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise _missing(argv[0], error, cwd) from error
    except subprocess.TimeoutExpired as error:
        raise TransientError(f"{argv[0]} did not finish within {timeout:g} s") from error
    finished = Finished(tuple(argv), done.returncode, done.stdout, done.stderr)
    if ok is not None and done.returncode not in ok:
        raise StepFailedError(f"{argv[0]} failed with exit code {done.returncode}{_last_line(done.stderr)}")
    return finished


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
) -> Child:
    """Start a child in a process group of its own, with empty standard input by default, and return at once.

    Raises:
        MissingToolError: the program is not installed.
    """
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise _missing(argv[0], error, cwd) from error


def signal_group(child: Child, number: signal.Signals) -> None:
    """Send a signal to everything in the child's process group; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def terminate(child: Child, *, grace: float = 10.0, number: signal.Signals = signal.SIGTERM) -> int:
    """End everything in the child's process group: ask first, kill what is left after `grace` seconds.

    Returns:
        The child's exit code, as `Popen.returncode` has it.
    """
    signal_group(child, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    signal_group(child, signal.SIGKILL)  # also what the child has left behind
    return child.wait()


def _missing(tool: str, error: FileNotFoundError, cwd: Path | None) -> MissingToolError | StepFailedError:
    # The same exception means "no such program" and "no such working directory".
    if cwd is not None and not cwd.is_dir():
        return StepFailedError(f"working directory {str(cwd)!r} does not exist")
    del error
    return MissingToolError(f"{tool!r} is not installed", hint=f"install {tool!r} or put it on PATH")


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1].strip()}" if lines else ""
