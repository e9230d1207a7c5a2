"""Descendants that lost their parent: how a step ends with everything that it started.

A process that calls `setsid` or forks twice leaves the process group of its step. On Linux opsctl becomes the parent of
such orphans (`PR_SET_CHILD_SUBREAPER`, prctl(2)) and finds them among its own children (proc_pid_task(5)). Where the
kernel does not offer that, process groups are all there is, as in every other tool.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

__all__ = ["Orphans", "descendants", "group", "send", "variable"]

_PR_SET_CHILD_SUBREAPER: Final = 36
_PROC: Final = Path("/proc")
_PAGE: Final = 4096


class Orphans:
    """The children that this process got without having started them.

    Orphans of a subreaper go to its main thread, so they are told apart from what other threads start. Used in
    another thread, or on another system, there never are any.
    """

    def __init__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        self._children = _open_children() if main and sys.platform == "linux" and _subreaper(on=True) else -1
        self._before = frozenset(self._list())

    def close(self) -> None:
        """Leave the orphans that are still to come to the system again."""
        if self._children >= 0:
            _subreaper(on=False)
            os.close(self._children)
            self._children = -1

    def living(self, started: Collection[int]) -> list[int]:
        """Return the orphans that live, and bury the dead.

        Args:
            started: children that were started on purpose.
        """
        return [pid for pid in self._list() if pid not in started and pid not in self._before and not _bury(pid)]

    def _list(self) -> list[int]:
        # Asked after every step: reading an open file anew costs a third of opening it.
        return _parse(_read_again(self._children)) if self._children >= 0 else []


def descendants(pid: int) -> list[int]:
    """Return everything below a process, at this moment; [] where the system cannot tell."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        tasks = _PROC / str(waiting.pop()) / "task"
        with contextlib.suppress(OSError):
            for task in tasks.iterdir():
                children = _parse((task / "children").read_bytes())
                found += children
                waiting += children
    return found


def group(pid: int) -> int:
    """Return the process group of a process: the pid of the child that started it, unless it left; 0 if it is gone."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def variable(pid: int, name: str) -> str:
    """Return an environment variable that a process was started with, "" if it has none or is gone."""
    try:
        data = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ""
    prefix = f"{name}=".encode()
    return next((os.fsdecode(entry[len(prefix) :]) for entry in data.split(b"\0") if entry.startswith(prefix)), "")


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to one process; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _open_children() -> int:
    try:
        return os.open(f"/proc/self/task/{threading.get_native_id()}/children", os.O_RDONLY)
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        _subreaper(on=False)
        return -1


def _read_again(file: int) -> bytes:
    data = b""
    while chunk := os.pread(file, _PAGE, len(data)):
        data += chunk
    return data


def _parse(data: bytes) -> list[int]:
    return [int(word) for word in data.split()]


def _bury(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _subreaper(*, on: bool) -> bool:
    import ctypes  # noqa: PLC0415 - 5 ms, and only a run needs it

    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
