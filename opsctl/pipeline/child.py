"""One child of a run: how it is started, and how one learns of its end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from opsctl import process

__all__ = ["GRACE", "Ended", "Here", "Launch", "Started", "Stream", "group_lives", "start"]

GRACE: Final = 10.0
"""Seconds between SIGTERM and SIGKILL; what docker stop gives, too."""

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Launch:
    """A child to start.

    Args:
        argv: program and arguments.
        env: its whole environment.
        cwd: its working directory.
        stdin: what it can read; None for nothing.
        merged: one pipe for both outputs, which keeps their order; what comes is "stdout".
        timeout: seconds after which it is stopped; None for no limit.
        grace: seconds between SIGTERM and SIGKILL when it is stopped.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    stdin: bytes | None = None
    merged: bool = True
    timeout: float | None = None
    grace: float = GRACE


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Args:
        code: exit code; negative signal number when a signal ended it.
        seconds: from its start until everything of it was gone.
        timed_out: it was stopped because its time was over.
        stopped: it was stopped from outside.
        left_behind: processes that it left behind had to be ended.
    """

    code: int
    seconds: float
    timed_out: bool = False
    stopped: bool = False
    left_behind: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A child that was started.

    Args:
        process: what to wait for and to signal.
        since: when it was started, by the monotonic clock.
        exit_fd: becomes readable when it has exited; to be closed by the caller.
        streams: our ends of its pipes; to be closed by the caller.
    """

    process: process.Started
    since: float
    exit_fd: int
    streams: dict[int, Stream]


@dataclass(frozen=True, slots=True)
class Here:
    """What children are started from.

    Args:
        directory: the current one.
        null: descriptor of the null device, their standard input when they get none.
        has_terminal: there is one that they must be kept from: a password prompt nobody sees would wait for ever. In a
            session of its own a program that opens it gets an error at once.
    """

    directory: Path
    null: int
    has_terminal: bool

    @classmethod
    def now(cls) -> Here:
        """Look around."""
        return cls(Path.cwd(), os.open(os.devnull, os.O_RDONLY), _has_terminal())


def start(launch: Launch, here: Here) -> Started:
    """Start a child.

    Args:
        launch: what to start.
        here: from where.

    Raises:
        MissingToolError: the program is not installed, or is none that this machine can run.
        DeniedError: the program may not be run, or the working directory not be entered.
        StepFailedError: the working directory does not exist.
        OSError: the system refuses (too many processes, arguments too long).
    """
    since = time.monotonic()
    ours: dict[int, Stream] = {}
    theirs: list[int] = []
    names: tuple[Stream, ...] = ("stdout",) if launch.merged else ("stdout", "stderr")
    try:
        for name in names:
            read, write = os.pipe()
            ours[read] = name
            theirs.append(write)
        outputs = (theirs[0], theirs[-1])
        stdin = here.null
        if launch.stdin is not None:
            stdin = _given(launch.stdin)
            theirs.append(stdin)
        child = process.start(
            launch.argv,
            cwd=None if launch.cwd == here.directory else launch.cwd,
            env=launch.env,
            files=(stdin, *outputs),
            session=here.has_terminal,
        )
        exit_fd = _exit_fd(child)
    except BaseException:
        _close(ours)
        raise
    finally:
        _close(theirs)
    return Started(child, since, exit_fd, ours)


def group_lives(group: int) -> bool:
    """Tell whether there is a process in a process group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _given(data: bytes) -> int:
    """Return a descriptor that the bytes can be read from; a pipe could fill up before the child reads."""
    import tempfile  # noqa: PLC0415 - 8 ms, and scripts read nothing

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())


def _exit_fd(child: process.Started) -> int:
    """Return a descriptor that becomes readable when the child has exited."""
    try:
        return os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # not Linux, before 5.3, or forbidden by a container's seccomp profile
        pass
    try:
        read, write = os.pipe()
    except OSError:
        process.signal_group(child, signal.SIGKILL)
        child.wait()
        raise
    threading.Thread(target=_tell_exit, args=(child, write), daemon=True).start()
    return read


def _tell_exit(child: process.Started, write: int) -> None:
    child.wait()
    os.close(write)


def _close(files: Iterable[int]) -> None:
    for file in files:
        os.close(file)
