"""What a renderer remembers of the pieces of work that are going on."""

from __future__ import annotations

from dataclasses import dataclass

from opsctl.events import SpanStarted

__all__ = ["Spans"]


@dataclass(frozen=True, slots=True)
class _Span:
    label: str
    parent: str


class Spans:
    """The running spans and their labels.

    The label of a span is its title behind those of its parents ("deploy/health"). The outermost span is left
    out where it only holds the others (a pipeline run, a deploy): its name would stand before every line.
    """

    def __init__(self) -> None:
        self._known: dict[str, SpanStarted] = {}

    def start(self, event: SpanStarted) -> None:
        """Remember a span."""
        self._known[event.span] = event

    def path(self, span: str) -> list[SpanStarted]:
        """Return the span and its parents, outermost first."""
        found: list[SpanStarted] = []
        while span in self._known and len(found) < len(self._known):
            found.insert(0, self._known[span])
            span = self._known[span].parent
        return found

    def label(self, span: str) -> str:
        """Return what stands before the lines of a span; "" for none."""
        return "/".join(event.title for event in self.path(span)) or span.partition(":")[2] or span
