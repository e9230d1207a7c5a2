"""What a renderer has told already, so that the error at the end does not tell it again."""

from __future__ import annotations

from dataclasses import replace

from opsctl.cli.output.renderer import Failure
from opsctl.events import Event, SpanFinished

__all__ = ["Told"]


class Told:
    """Remembers the cures that stand under failed pieces of work."""

    def __init__(self) -> None:
        self._hints: set[str] = set()

    def note(self, event: Event) -> None:
        """Remember the hint of a failed piece of work; every renderer draws it, however quiet it is."""
        if isinstance(event, SpanFinished) and event.status == "failed":
            self._hints.add(event.hint)

    def rest(self, failure: Failure) -> Failure:
        """Return the failure without a hint that stands above; the message ends the log in any case."""
        return replace(failure, hint="") if failure.hint in self._hints else failure
