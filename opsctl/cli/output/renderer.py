"""What every renderer of events can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from opsctl.errors import Problem
from opsctl.events import Event

__all__ = ["Failure", "Renderer", "Write"]

Write = Callable[[str], object]
"""Writes text to the log stream as it is; never raises, because a closed log must not stop a deploy."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the program ends with an exit code other than 0.

    Args:
        kind: stable word (`OpsctlError.kind`, "bug").
        message: one line.
        hint: one line, or "".
        exit_code: what the program returns.
        problems: of a file of the user; `message` then only sums them up.
        traceback: for `--debug`, else "".
    """

    kind: str
    message: str
    hint: str
    exit_code: int
    problems: tuple[Problem, ...] = ()
    traceback: str = ""


class Renderer(Protocol):
    """Draws events and the failure at the end. Safe to call from several threads."""

    def event(self, event: Event) -> None:
        """Draw one event."""

    def fail(self, failure: Failure) -> None:
        """Draw the failure, after `close`."""

    def pause(self) -> None:
        """Put aside what is half drawn, so that standard output can be written; the next event goes on."""

    def close(self) -> None:
        """Finish drawing; called again, it does nothing."""
