"""The health gate: when a new revision counts as healthy, and when it has failed for good.

Pure: it is shown probes and a monotonic time, and says what follows. It passes after `passes` consecutive good
probes and then `stable_for` more of the same process, still good. It fails at once when the process has ended or
is another one than at the first probe (a restart policy hides crashes as "starting" again), and at the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opsctl.deploy.model import HealthPolicy
from opsctl.deploy.target import Probe

__all__ = ["Gate", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says after a probe.

    Args:
        state: "waiting" asks for another probe after the interval.
        detail: one line: progress, or why it failed.
    """

    state: Literal["waiting", "passed", "failed"]
    detail: str


class Gate:
    """One passage through the gate.

    Args:
        policy: what is asked.
        started: monotonic seconds when the revision was started.
    """

    def __init__(self, policy: HealthPolicy, *, started: float) -> None:
        self._policy = policy
        self._started = started
        self._first: Probe | None = None
        self._streak = 0
        self._stable_since = 0.0

    def see(self, probe: Probe, *, now: float) -> Verdict:
        """Take one probe, made at monotonic time `now`, into account."""
        first = self._first = self._first or probe
        if not probe.alive:
            return Verdict("failed", probe.detail)
        if probe.process != first.process:
            return Verdict("failed", f"it crashed and was started again ({_change(first, probe)})")
        if probe.passed and probe.settled:
            return Verdict("passed", probe.detail)
        self._count(probe, now)
        if self._is_stable(now):
            return Verdict("passed", f"{self._streak} passes in a row, up for {now - self._started:.1f} s")
        if now - self._started >= self._policy.deadline:
            return Verdict("failed", f"not healthy after {self._policy.deadline:g} s: {self._progress(probe, now)}")
        return Verdict("waiting", self._progress(probe, now))

    def _count(self, probe: Probe, now: float) -> None:
        self._streak = self._streak + 1 if probe.passed else 0
        if self._streak == self._policy.passes:
            self._stable_since = now

    def _is_stable(self, now: float) -> bool:
        return self._streak >= self._policy.passes and now - self._stable_since >= self._policy.stable_for

    def _progress(self, probe: Probe, now: float) -> str:
        if not probe.passed:
            return probe.detail
        if self._streak < self._policy.passes:
            return f"{self._streak} of {self._policy.passes} passes"
        return f"stable for {now - self._stable_since:.1f} of {self._policy.stable_for:g} s"


def _change(first: Probe, now: Probe) -> str:
    if now.restart_count != first.restart_count:
        return f"restarts: {first.restart_count} -> {now.restart_count}"
    return f"started at {first.started_at}, then at {now.started_at}"
