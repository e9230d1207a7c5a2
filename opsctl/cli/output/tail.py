"""The last lines of quiet work: kept while it runs, told when it fails, so that `-q` hides no reason."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from opsctl.cli.output.ansi import clean
from opsctl.cli.output.spans import Spans
from opsctl.events import Event, Output, SpanFinished

__all__ = ["Tail"]

_LINES: Final = 20
"""Of each running piece of work; a failure is nearly always told in the last ones."""
_CHARS: Final = 4000


@dataclass(slots=True)
class _Kept:
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    dropped: int = 0

    def add(self, line: str) -> None:
        self.dropped += len(self.lines) == self.lines.maxlen
        self.lines.append(line[:_CHARS])

    def told(self) -> list[str]:
        return [*([f"({self.dropped} earlier lines are not shown)"] if self.dropped else []), *self.lines]


class Tail:
    """Keeps output that is not shown.

    Args:
        colors: keep the colours that children use.
        spans: what is running.
    """

    def __init__(self, spans: Spans, *, colors: bool) -> None:
        self._spans = spans
        self._colors = colors
        self._kept: dict[str, _Kept] = {}

    def of(self, event: Event) -> list[tuple[str, str]]:
        """Remember what the event says; return (span, line) of what a failure makes worth telling."""
        match event:
            case Output() if self._spans.path(event.span):
                self._kept.setdefault(event.span, _Kept()).add(clean(event.text, colors=self._colors))
            case SpanFinished(status="failed"):
                spans = [span for span in self._kept if self._is_within(span, event.span)]
                return [(span, line) for span in spans for line in self._kept.pop(span).told()]
            case SpanFinished():
                self._kept.pop(event.span, None)
            case _:
                pass
        return []

    def _is_within(self, span: str, outer: str) -> bool:
        return any(event.span == outer for event in self._spans.path(span))
