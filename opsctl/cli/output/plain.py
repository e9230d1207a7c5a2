"""Plain lines: one per event, each with the piece of work that it belongs to in front."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opsctl.cli.output.ansi import clean, paint
from opsctl.cli.output.renderer import Failure, Renderer, Write
from opsctl.cli.output.spans import Spans
from opsctl.cli.output.tail import Tail
from opsctl.cli.output.told import Told
from opsctl.cli.output.units import duration, size
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted
from opsctl.words import counted

__all__ = ["STATUS_COLORS", "PlainLines", "PlainRenderer", "amount", "failure_lines", "items", "wanted"]

STATUS_COLORS = {"ok": "green", "failed": "red", "skipped": "dim", "cancelled": "yellow", "unchanged": "green"}
LEVEL_COLORS = {"debug": "dim", "warning": "yellow", "error": "red"}
_PROGRESS_SECONDS = 5.0
"""A log that nobody watches wants a sign of life, not a picture."""


class PlainLines:
    """Turns an event into the lines that tell it, without a prefix.

    Args:
        colors: use colours.
        verbosity: -1 only warnings, errors and failures; 0 the usual; 1 debug messages too.
        clock: seconds, monotonic.
    """

    def __init__(self, *, colors: bool, verbosity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._colors = colors
        self._verbosity = verbosity
        self._clock = clock
        self._next_progress: dict[str, float] = {}

    def of(self, event: Event) -> list[str]:
        """Return the lines, [] where there is nothing to tell."""
        match event:
            case Message():
                lines = self._message(event) if wanted(event, self._verbosity) else []
            case SpanFinished():
                lines = self._finished(event)
            case Output() if self._verbosity >= 0:
                lines = [clean(event.text, colors=self._colors)]
            case SpanStarted() if self._verbosity >= (1 if event.parent else 0):
                # A part of something that is shown already is told once, when it is over.
                lines = [self._paint("started", "dim")]
            case Progress() if self._verbosity >= 0:
                lines = self._progress(event)
            case _:
                lines = []
        return lines

    def _finished(self, event: SpanFinished) -> list[str]:
        self._next_progress.pop(event.span, None)
        if self._verbosity < 0 and event.status != "failed":
            return []
        status = self._paint(event.status, STATUS_COLORS[event.status])
        place = f"{event.file}:{event.line}: " if event.file and event.line else ""
        detail = clean(f"{place}{event.detail}")
        took = "" if event.status in {"skipped", "unchanged"} else f" in {duration(event.seconds)}"
        return [f"{status}{took}{': ' if detail else ''}{detail}", *self._hint(event.hint)]

    def _message(self, event: Message) -> list[str]:
        color = LEVEL_COLORS.get(event.level, "")
        word = self._paint(f"{event.level}: ", color) if color else ""
        return [f"{word}{clean(event.text)}", *self._hint(event.hint)]

    def _progress(self, event: Progress) -> list[str]:
        now = self._clock()
        due = self._next_progress.setdefault(event.span, now + _PROGRESS_SECONDS)
        if now < due:
            return []
        self._next_progress[event.span] = now + _PROGRESS_SECONDS
        return [", ".join([amount(event), *items(event)])]

    def _hint(self, hint: str) -> list[str]:
        return [f"{self._paint('hint:', 'cyan')} {clean(hint)}"] if hint else []

    def _paint(self, text: str, color: str) -> str:
        return paint(text, color) if self._colors else text


class PlainRenderer:
    """Draws events as lines.

    Args:
        write: where to.
        colors: use colours.
        verbosity: as for `PlainLines`.
        clock: seconds, monotonic.
    """

    def __init__(
        self, write: Write, *, colors: bool, verbosity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._colors = colors
        self._lines = PlainLines(colors=colors, verbosity=verbosity, clock=clock)
        self._lock = threading.Lock()
        self._spans = Spans()
        self._tail = Tail(self._spans, colors=colors) if verbosity < 0 else None
        self._told = Told()

    def event(self, event: Event) -> None:
        """Draw one event."""
        with self._lock:
            if isinstance(event, SpanStarted):
                self._spans.start(event)
            lines = self._tail.of(event) if self._tail else []
            lines += [(event.span, line) for line in self._lines.of(event)]
            if lines:
                self._write("".join(f"{self._prefix(span)}{line}\n" for span, line in lines))
            self._told.note(event)
            if isinstance(event, SpanFinished):
                self._spans.finish(event.span)

    def fail(self, failure: Failure) -> None:
        """Draw the failure at the end."""
        self._write("".join(f"{line}\n" for line in failure_lines(self._told.rest(failure), colors=self._colors)))

    def pause(self) -> None:
        """Every line is whole: there is nothing to put aside."""

    def close(self) -> None:
        """Every line is whole: there is nothing to finish."""

    def _prefix(self, span: str) -> str:
        label = clean(self._spans.label(span))
        prefix = f"[{label}]" if label else ""
        return f"{paint(prefix, 'cyan') if self._colors else prefix} " if label else ""


def wanted(event: Message, verbosity: int) -> bool:
    """Say whether a message is to be shown."""
    return verbosity >= {"debug": 1, "info": 0, "warning": -1, "error": -1}[event.level]


def amount(event: Progress) -> str:
    """Return how far a job is: `3.1 MiB of 12 MiB (25%)`."""
    count = size if event.unit == "bytes" else str
    unit = "" if event.unit == "bytes" else f" {clean(event.unit)}"
    if event.total is None:
        return f"{count(event.done)}{unit}"
    share = f" ({event.done * 100 // event.total}%)" if event.total else ""
    return f"{count(event.done)} of {count(event.total)}{unit}{share}"


def items(event: Progress) -> list[str]:
    """Return how many objects are done, [] where the event does not say."""
    if event.items is None:
        return []
    return [f"{event.items} of {event.items_total} objects" if event.items_total else counted(event.items, "object")]


def failure_lines(failure: Failure, *, colors: bool) -> list[str]:
    """Return the lines that say why the program failed: the traceback first, the cure last."""
    error = paint("error:", "red", "bold") if colors else "error:"
    hint = paint("hint:", "cyan") if colors else "hint:"
    lines = [clean(line) for line in failure.traceback.splitlines()]
    for problem in failure.problems:
        lines.append(f"{error} {clean(str(problem))}")
        lines += [f"  {hint} {clean(problem.hint)}"] if problem.hint else []
    if failure.problems:
        return lines
    return [*lines, f"{error} {clean(failure.message)}", *([f"{hint} {clean(failure.hint)}"] if failure.hint else [])]


_contract: type[Renderer] = PlainRenderer
