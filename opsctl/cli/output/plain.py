"""Plain lines: one per event, each with the piece of work that it belongs to in front."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opsctl.cli.output.ansi import clean, clean_block, paint
from opsctl.cli.output.renderer import Failure, Renderer, Write
from opsctl.cli.output.spans import Spans
from opsctl.cli.output.units import duration, size
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted

__all__ = ["STATUS_COLORS", "PlainRenderer", "failure_lines", "progress_text"]

STATUS_COLORS = {"ok": "green", "failed": "red", "skipped": "dim", "cancelled": "yellow", "unchanged": "green"}
LEVEL_COLORS = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}
_PROGRESS_SECONDS = 5.0
"""A log that nobody watches wants a sign of life, not a picture."""


class PlainRenderer:
    """Draws events as lines.

    Args:
        write: where to.
        colors: use colours.
        verbosity: -1 only warnings, errors and failures; 0 the usual; 1 debug messages too.
        clock: seconds, monotonic.
    """

    def __init__(
        self, write: Write, *, colors: bool, verbosity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._colors = colors
        self._verbosity = verbosity
        self._clock = clock
        self._lock = threading.Lock()
        self._spans = Spans()
        self._next_progress: dict[str, float] = {}

    def event(self, event: Event) -> None:
        """Draw one event."""
        with self._lock:
            if isinstance(event, SpanStarted):
                self._spans.start(event)
            for line in self._lines(event):
                self._write(self._prefix(event.span) + line + "\n")

    def fail(self, failure: Failure) -> None:
        """Draw the failure at the end."""
        for line in failure_lines(failure, colors=self._colors):
            self._write(line + "\n")

    def close(self) -> None:
        """Nothing is left open."""

    def _lines(self, event: Event) -> list[str]:
        match event:
            case Output():
                return [clean(event.text, colors=self._colors)] if self._verbosity >= 0 else []
            case SpanStarted():
                return [self._paint("started", "dim")] if self._verbosity >= 0 else []
            case SpanFinished():
                return self._finished(event)
            case Message():
                return self._message(event)
            case Progress():
                return self._progress(event)
            case _:
                return []

    def _finished(self, event: SpanFinished) -> list[str]:
        self._next_progress.pop(event.span, None)
        failed = event.status == "failed"
        if self._verbosity < 0 and not failed:
            return []
        status = self._paint(event.status, STATUS_COLORS[event.status])
        place = f"{event.file}:{event.line}: " if event.file and event.line else ""
        detail = clean(f"{place}{event.detail}")
        took = "" if event.status in {"skipped", "unchanged"} else f" in {duration(event.seconds)}"
        lines = [f"{status}{took}{': ' if detail else ''}{detail}"]
        return [*lines, f"hint: {clean(event.hint)}"] if event.hint else lines

    def _message(self, event: Message) -> list[str]:
        if not self._wanted(event):
            return []
        word = "" if event.level == "info" else self._paint(f"{event.level}: ", LEVEL_COLORS[event.level])
        lines = [f"{word}{clean(event.text)}"]
        return [*lines, f"hint: {clean(event.hint)}"] if event.hint else lines

    def _wanted(self, event: Message) -> bool:
        needed = {"debug": 1, "info": 0, "warning": -1, "error": -1}[event.level]
        return self._verbosity >= needed

    def _progress(self, event: Progress) -> list[str]:
        now = self._clock()
        due = self._next_progress.setdefault(event.span, now + _PROGRESS_SECONDS)
        if self._verbosity < 0 or now < due:
            return []
        self._next_progress[event.span] = now + _PROGRESS_SECONDS
        return [progress_text(event)]

    def _prefix(self, span: str) -> str:
        label = clean(self._spans.label(span))
        return self._paint(f"[{label}] ", "cyan") if label else ""

    def _paint(self, text: str, color: str) -> str:
        return paint(text, color) if self._colors and color else text


def progress_text(event: Progress) -> str:
    """Return how far a job is: `3.1 MiB of 12 MiB (26%), 4 of 10 objects`."""
    count = size if event.unit == "bytes" else str
    unit = "" if event.unit == "bytes" else f" {clean(event.unit)}"
    text = f"{count(event.done)}{unit}"
    if event.total is not None:
        share = f" ({event.done * 100 // event.total}%)" if event.total else ""
        text = f"{count(event.done)} of {count(event.total)}{unit}{share}"
    if event.items is None:
        return text
    of = f" of {event.items_total}" if event.items_total is not None else ""
    return f"{text}, {event.items}{of} objects"


def failure_lines(failure: Failure, *, colors: bool) -> list[str]:
    """Return the lines that say why the program failed: the traceback first, the cure last."""
    lines = clean_block(failure.traceback.rstrip("\n"), colors=False).split("\n") if failure.traceback else []
    error = paint("error:", "red", "bold") if colors else "error:"
    hint = paint("hint:", "cyan") if colors else "hint:"
    for problem in failure.problems:
        lines.append(f"{error} {clean(str(problem))}")
        lines += [f"  {hint} {clean(problem.hint)}"] if problem.hint else []
    if not failure.problems:
        lines.append(f"{error} {clean(failure.message)}")
        lines += [f"{hint} {clean(failure.hint)}"] if failure.hint else []
    return lines


_contract: type[Renderer] = PlainRenderer
