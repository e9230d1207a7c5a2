"""Starts steps when they can start, and stops when they should not: the decisions of a run, without its bookkeeping.

Event driven: between two events nothing is asked twice, so a run costs as much as the graph is large.
"""

from __future__ import annotations

from typing import Protocol

from opsctl.events import Status
from opsctl.pipeline.child import Ended, Launch
from opsctl.pipeline.frontier import Frontier
from opsctl.pipeline.graph import Graph
from opsctl.pipeline.interrupts import Interrupts

__all__ = ["Host", "Pool", "Scheduler"]


class Pool(Protocol):
    """Where steps run; `opsctl.pipeline.processes.Children` is one."""

    def __len__(self) -> int:
        """Return how many are running."""

    def start(self, key: str, launch: Launch) -> None:
        """Start one."""

    def turn(self) -> None:
        """Wait for something to happen; ends come back by `Scheduler.finished`."""

    def terminate(self) -> None:
        """Ask all to end."""

    def kill(self) -> None:
        """Kill all."""

    def watch(self, file: int) -> None:
        """Return from `turn` when a descriptor becomes readable."""


class Host(Protocol):
    """Knows the steps."""

    def begin(self, step: str) -> Launch | Status:
        """Return what to start, or what became of the step without starting anything."""

    def refused(self, step: str, error: Exception) -> Status:
        """Note that a step could not be started."""

    def end(self, step: str, ended: Ended) -> Status:
        """Return what became of a step that ran."""

    def blocked(self, step: str, cause: str) -> None:
        """Note that a step can never start, because `cause`, which it needs, did not succeed."""

    def withheld(self, step: str) -> None:
        """Note that a step was not started, because the run stops."""

    def interrupted(self, count: int) -> None:
        """Note that the user wants the run to stop (1), or to stop at once (2)."""


class Scheduler:
    """One run.

    Args:
        graph: what needs what.
        host: knows the steps.
        jobs: steps under way at once, at least 1.
        keep_going: after a failure, go on with what does not need the failed step.
    """

    def __init__(self, graph: Graph, host: Host, *, jobs: int, keep_going: bool) -> None:
        self._frontier = Frontier(graph)
        self._host = host
        self._jobs = jobs
        self._keep_going = keep_going
        self._stopping = False
        self._heeded = 0

    def run(self, pool: Pool, interrupts: Interrupts) -> None:
        """Run every step that can run; return when none is left.

        Args:
            pool: where they run; made with `finished` as its way to tell ends.
            interrupts: of the user.
        """
        pool.watch(interrupts.fileno())
        while True:
            self._heed(pool, interrupts)
            self._fill(pool)
            if not len(pool):
                break
            pool.turn()
        for step in self._frontier.rest():
            self._host.withheld(step)

    def finished(self, step: str, ended: Ended) -> None:
        """Take the end of a step that ran."""
        self._settle(step, self._host.end(step, ended))

    def _fill(self, pool: Pool) -> None:
        while not self._stopping and len(pool) < self._jobs:
            step = self._frontier.take()
            if step is None:
                return
            self._begin(pool, step)

    def _begin(self, pool: Pool, step: str) -> None:
        found = self._host.begin(step)
        if not isinstance(found, Launch):
            self._settle(step, found)
            return
        try:
            pool.start(step, found)
        except Exception as error:  # noqa: BLE001 - whatever keeps one step from starting is the failure of that step
            self._settle(step, self._host.refused(step, error))

    def _settle(self, step: str, status: Status) -> None:
        if status in {"ok", "unchanged"}:
            self._frontier.succeed(step)
            return
        for blocked, cause in self._frontier.block(step):
            self._host.blocked(blocked, cause)
        if status == "failed" and not self._keep_going:
            self._stopping = True

    def _heed(self, pool: Pool, interrupts: Interrupts) -> None:
        if interrupts.count == self._heeded:
            return
        interrupts.drain()
        self._stopping = True
        count, self._heeded = min(interrupts.count, 2), interrupts.count
        self._host.interrupted(count)
        if count == 1:
            pool.terminate()
        else:
            pool.kill()
