"""Children of a run: many at once, one loop that sleeps until something happens.

Each child has a process group of its own, and is over when it, that group and its orphans are gone (see
docs/decisions/005-pipelines.md). The loop waits in one selector for pipes, for the ends of children (a pidfd each), for
signals and for the next deadline. Must not know what a step is.
"""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from opsctl import process
from opsctl.pipeline import orphans
from opsctl.pipeline.child import Ended, Here, Launch, Stream, group_lives, start
from opsctl.pipeline.orphans import Orphans

__all__ = ["LINGER", "Children"]

LINGER: Final = 2.0
"""Seconds that what a child left behind has to end by itself: a `tee` behind its output, say."""
_STUCK: Final = 5.0
"""Seconds after SIGKILL at which a process that the kernel cannot end (a dead network disk) is given up."""
_FIRST_LOOK: Final = 0.01
_LAST_LOOK: Final = 0.2
_TIMERS_KEPT: Final = 100
_CHUNK: Final = 64 * 1024

Receive = Callable[[str, Stream, bytes], None]
"""Takes what a child printed: its key, the stream, the bytes."""
Finish = Callable[[str, Ended], None]
"""Takes the end of a child; comes after the last of its output."""


@dataclass(slots=True, eq=False)
class _Running:
    """A child, from its start until everything of it is gone.

    Args:
        exit_fd: becomes readable when the child has exited; -1 once that is known.
        streams: our ends of the pipes that are still open.
        code: exit code, None while the child runs.
        deadline: when what is left after the exit has had its time.
        look: seconds until the next look at what is left; 0 while nobody looks.
        asked: orphans that have been asked to end.
        family: descendants that were seen when it was killed.
    """

    key: str
    launch: Launch
    child: process.Started
    since: float
    exit_fd: int
    streams: dict[int, Stream]
    code: int | None = None
    deadline: float = 0.0
    look: float = 0.0
    timed_out: bool = False
    stopped: bool = False
    left_behind: bool = False
    terminated: bool = False
    killed: bool = False
    asked: set[int] = field(default_factory=set)
    family: frozenset[int] = frozenset()


class Children:
    """The running children. A context: whatever happens, none is left after it.

    Args:
        receive: gets what they print.
        finish: gets each one's end.
        owner: the environment variable whose value is the child's key, by which orphans are told apart.
        linger: seconds that what a child left behind has to end by itself.
    """

    def __init__(self, receive: Receive, finish: Finish, *, owner: str, linger: float = LINGER) -> None:
        self._receive = receive
        self._finish = finish
        self._owner = owner
        self._linger = linger
        self._here = Here.now()
        self._orphans = Orphans()
        self._selector = selectors.DefaultSelector()
        self._running: dict[str, _Running] = {}
        self._pids: set[int] = set()
        self._watched: list[int] = []
        self._timers: list[tuple[float, int, _Running, Callable[[_Running], None]]] = []
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._abandon()
            self._sweep()
        finally:
            self._orphans.close()
            self._selector.close()
            os.close(self._here.null)

    def __len__(self) -> int:
        return len(self._running)

    def watch(self, file: int) -> None:
        """Return from `turn` when `file` becomes readable, too."""
        self._selector.register(file, selectors.EVENT_READ)
        self._watched.append(file)

    def start(self, key: str, launch: Launch) -> None:
        """Start a child.

        Args:
            key: names it in what comes back.
            launch: what to start.

        Raises:
            MissingToolError: the program is not installed.
            StepFailedError: the working directory does not exist.
            OSError: the system refuses (too many processes, not executable).
        """
        started = start(launch, self._here)
        self._register(_Running(key, launch, started.process, started.since, started.exit_fd, started.streams))

    def _register(self, running: _Running) -> None:
        self._running[running.key] = running
        self._pids.add(running.child.pid)
        for file in running.streams:
            self._selector.register(file, selectors.EVENT_READ, (self._read, running))
        self._selector.register(running.exit_fd, selectors.EVENT_READ, (self._exited, running))
        if running.launch.timeout is not None:
            self._after(running.launch.timeout, running, self._time_out)

    def turn(self) -> None:
        """Sleep until something happens, and deal with it."""
        wait = max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None
        for key, _ in self._selector.select(wait):
            if key.data is None:
                continue
            deal, running = key.data
            if key.fd in running.streams or key.fd == running.exit_fd:  # else it was closed a moment ago
                deal(running, key.fd)
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, _, running, action = heapq.heappop(self._timers)
            if self._running.get(running.key) is running:
                action(running)

    def terminate(self) -> None:
        """Ask all children to end; what still lives when the grace is over is killed."""
        for running in list(self._running.values()):
            running.stopped = True
            self._terminate(running)

    def kill(self) -> None:
        """Kill all children, and everything that they started, at once."""
        for running in list(self._running.values()):
            running.stopped = True
            self._kill(running)

    def _after(self, seconds: float, running: _Running, action: Callable[[_Running], None]) -> None:
        if len(self._timers) > _TIMERS_KEPT + 4 * len(self._running):  # most belong to children that are over
            self._timers = [timer for timer in self._timers if self._running.get(timer[2].key) is timer[2]]
            heapq.heapify(self._timers)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), running, action))

    def _read(self, running: _Running, file: int) -> None:
        chunk = os.read(file, _CHUNK)
        if chunk:
            self._receive(running.key, running.streams[file], chunk)
        else:
            self._shut(running, file)
            self._settle(running)

    def _shut(self, running: _Running, file: int) -> None:
        self._selector.unregister(file)
        os.close(file)
        running.streams.pop(file, None)
        if file == running.exit_fd:
            running.exit_fd = -1

    def _exited(self, running: _Running, file: int) -> None:
        running.code = running.child.wait()
        self._pids.discard(running.child.pid)
        self._shut(running, file)
        running.deadline = time.monotonic() + self._linger
        self._settle(running)

    def _settle(self, running: _Running) -> None:
        """Once the child has exited: end it if nothing of it is left, else wait for that, for a while."""
        if running.code is None:
            return
        left = self._left(running)
        late = time.monotonic() >= running.deadline
        if not left and (late or not running.streams):
            self._end(running)
            return
        if left and running.terminated:
            self._ask_strays(running)
        elif left and late:
            running.left_behind = True
            self._terminate(running)
        if not running.look:
            self._look_soon(running)

    def _look_soon(self, running: _Running) -> None:
        running.look = min(running.look * 2, _LAST_LOOK) or _FIRST_LOOK
        self._after(running.look, running, self._look)

    def _look(self, running: _Running) -> None:
        self._settle(running)
        if self._running.get(running.key) is running:
            if running.killed:
                self._kill_strays(running)
            self._look_soon(running)

    def _left(self, running: _Running) -> bool:
        strays = self._strays(running)
        return bool(strays) or group_lives(running.child.pid)

    def _strays(self, running: _Running) -> list[int]:
        """Return the orphans that the child has left."""
        leader = running.child.pid
        return [
            pid
            for pid in self._orphans.living(self._pids)
            if orphans.group(pid) == leader
            or pid in running.family
            or orphans.variable(pid, self._owner) == running.key
        ]

    def _end(self, running: _Running) -> None:
        for file in list(running.streams):
            self._shut(running, file)
        del self._running[running.key]
        code = running.code if running.code is not None else -signal.SIGKILL
        seconds = time.monotonic() - running.since
        ended = Ended(code, seconds, running.timed_out, running.stopped, running.left_behind)
        self._finish(running.key, ended)

    def _time_out(self, running: _Running) -> None:
        if running.code is None and not running.stopped:
            running.timed_out = True
            self._terminate(running)

    def _terminate(self, running: _Running) -> None:
        if running.terminated:
            return
        running.terminated = True
        process.signal_group(running.child, signal.SIGTERM)
        self._ask_strays(running)
        self._after(running.launch.grace, running, self._kill)

    def _ask_strays(self, running: _Running) -> None:
        """Ask each orphan once; more of them appear as their parents end."""
        for pid in self._strays(running):
            if pid not in running.asked:
                running.asked.add(pid)
                orphans.send(pid, signal.SIGTERM)

    def _kill(self, running: _Running) -> None:
        if running.killed:
            return
        running.terminated = running.killed = True
        if running.code is None:
            running.family = frozenset(orphans.descendants(running.child.pid))
        self._kill_strays(running)
        for pid in running.family:
            orphans.send(pid, signal.SIGKILL)
        self._after(_STUCK, running, self._give_up)

    def _kill_strays(self, running: _Running) -> None:
        process.signal_group(running.child, signal.SIGKILL)
        for pid in self._strays(running):
            orphans.send(pid, signal.SIGKILL)

    def _give_up(self, running: _Running) -> None:
        running.left_behind = True
        if running.exit_fd >= 0:
            self._shut(running, running.exit_fd)
        self._pids.discard(running.child.pid)
        self._end(running)

    def _abandon(self) -> None:
        """Kill what still runs and wait for it; nobody wants to hear of it any more."""
        self._receive = self._finish = _ignore
        for file in self._watched:
            self._selector.unregister(file)
        self.kill()
        while self._running:
            self.turn()

    def _sweep(self) -> None:
        """End the orphans that could be put down to no child."""
        for number, patience in ((signal.SIGTERM, self._linger), (signal.SIGKILL, _STUCK)):
            strays = self._orphans.living(self._pids)
            for pid in strays:
                orphans.send(pid, number)
            deadline = time.monotonic() + patience
            while strays and time.monotonic() < deadline:
                time.sleep(_FIRST_LOOK)
                strays = self._orphans.living(self._pids)


def _ignore(*_what: Any) -> None:
    pass
