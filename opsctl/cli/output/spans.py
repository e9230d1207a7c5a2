"""What a renderer remembers of the pieces of work that are going on."""

from __future__ import annotations

from opsctl.events import SpanStarted

__all__ = ["Spans"]


class Spans:
    """The running spans and their labels.

    A label is the title of a span behind those of its parents ("deploy/health"); a parent whose title the child
    repeats ("deploy" of "deploy web") is left out.
    """

    def __init__(self) -> None:
        self._running: dict[str, SpanStarted] = {}

    def start(self, event: SpanStarted) -> None:
        """Remember a span."""
        self._running[event.span] = event

    def finish(self, span: str) -> None:
        """Forget a span."""
        self._running.pop(span, None)

    def path(self, span: str) -> list[SpanStarted]:
        """Return the span and those that hold it, outermost first; [] for a span that is not running."""
        found: list[SpanStarted] = []
        while span in self._running and len(found) < len(self._running):
            found.insert(0, self._running[span])
            span = self._running[span].parent
        return found

    def root(self, span: str) -> str:
        """Return the outermost span around `span`, itself if it stands alone."""
        path = self.path(span)
        return path[0].span if path else span

    def label(self, span: str) -> str:
        """Return what stands before the lines of a span; "" for none."""
        titles: list[str] = []
        for event in self.path(span):
            if titles and f"{event.title} ".startswith(f"{titles[-1]} "):
                titles.pop()
            titles.append(event.title)
        return "/".join(titles) or span.partition(":")[2] or span
