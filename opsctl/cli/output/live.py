"""The live view on a terminal: a line per running piece of work, finished ones above it for good.

Drawn with rich, which is imported here and nowhere else. Text of others reaches rich only as `Text`, cleaned
before, never as markup. The output of a piece of work is kept and shown when it fails (always with `-v`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from opsctl.cli.output.ansi import clean, fit, width
from opsctl.cli.output.logstream import LogStream
from opsctl.cli.output.plain import STATUS_COLORS, amount, failure_lines, items, wanted
from opsctl.cli.output.renderer import Failure, Renderer
from opsctl.cli.output.spans import Spans
from opsctl.cli.output.told import Told
from opsctl.cli.output.units import duration, size
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted

__all__ = ["LiveRenderer"]

_PER_SECOND = 10
_KEPT_LINES = 200
"""Of each running piece of work; a failure is nearly always told in the last ones."""
_KEPT_CHARS = 4000
_BAR = 20
_LABEL = 32
"""Columns; a longer label is cut, so that there is room for what is going on."""
_MIN_SECONDS_FOR_RATE = 0.5


@dataclass(frozen=True, slots=True)
class _Glyphs:
    ok: str
    failed: str
    skipped: str
    cancelled: str
    unchanged: str
    spinner: str
    edge: str
    done: str
    left: str

    def of(self, status: str) -> str:
        """Return the sign of a status."""
        sign: str = getattr(self, status)
        return sign


_UNICODE = _Glyphs("✓", "✗", "-", "!", "=", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "│", "━", "─")
_ASCII = _Glyphs("+", "x", "-", "!", "=", "|/-\\", "|", "#", ".")


@dataclass(slots=True)
class _Work:
    """One running piece of work."""

    label: str
    since: float
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    dropped: int = 0
    progress: Progress | None = None

    def keep(self, line: str) -> None:
        self.dropped += len(self.lines) == self.lines.maxlen
        self.lines.append(line[:_KEPT_CHARS])


class LiveRenderer:
    """Draws events as a live view.

    Two locks, because rich draws from a thread of its own: `_order` keeps lines in the order of the events and is
    held while drawing; `_state` guards what the picture is made of and is never held while drawing.

    Args:
        stream: a terminal.
        colors: use colours.
        verbosity: as for `PlainLines`; output is shown as it comes from 1 on.
        clock: seconds, monotonic.
    """

    def __init__(
        self, stream: LogStream, *, colors: bool, verbosity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = Console(
            file=cast("IO[str]", stream),
            force_terminal=True,
            color_system="auto" if colors else None,
            no_color=False,  # that has been decided, from more than the environment
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._glyphs = _UNICODE if "utf" in stream.encoding.lower() else _ASCII
        self._verbosity = verbosity
        self._clock = clock
        self._order = threading.Lock()
        self._state = threading.Lock()
        self._spans = Spans()
        self._told = Told()
        self._works: dict[str, _Work] = {}
        self._live: Live | None = None

    def event(self, event: Event) -> None:
        """Draw one event."""
        with self._order:
            with self._state:
                lines = list(self._lines(event))
                self._told.note(event)
            self._switch()
            for line in lines:
                self._console.print(line, soft_wrap=True)

    def fail(self, failure: Failure) -> None:
        """Draw the failure at the end."""
        for line in failure_lines(self._told.rest(failure), colors=True):
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def pause(self) -> None:
        """Take the view away, so that standard output can use the terminal; the next event brings it back."""
        with self._order:
            self._stop()

    def close(self) -> None:
        """Take the view away for good."""
        with self._order:
            with self._state:
                self._works.clear()
            self._stop()

    def _lines(self, event: Event) -> Iterator[Text]:
        """Remember what the event says; yield the lines that stay."""
        work = self._works.get(event.span)
        match event:
            case SpanStarted():
                self._spans.start(event)
                self._works[event.span] = _Work(clean(self._spans.label(event.span)), self._clock())
            case SpanFinished():
                yield from self._finished(event, work)
                self._spans.finish(event.span)
                self._works.pop(event.span, None)
            case Progress() if work is not None:
                work.progress = event
            case Output():
                yield from self._output(event, work)
            case Message() if wanted(event, self._verbosity):
                yield from self._message(event, work)
            case _:
                pass

    def _output(self, event: Output, work: _Work | None) -> Iterator[Text]:
        line = clean(event.text, colors=True)
        if work is None or self._verbosity > 0:
            yield self._output_line(work.label if work else "", line)
        else:
            work.keep(line)
            if work.progress is not None and work.progress.done == work.progress.total:
                work.progress = None  # what was transferred is now worked on

    def _output_line(self, label: str, line: str) -> Text:
        return Text.assemble((f"{label} {self._glyphs.edge} " if label else "", "dim"), Text.from_ansi(line))

    def _finished(self, event: SpanFinished, work: _Work | None) -> Iterator[Text]:
        if self._verbosity < 0 and event.status != "failed":
            return
        label = work.label if work else clean(self._spans.label(event.span))
        if work is not None and event.status == "failed":
            if work.dropped:
                yield self._output_line(label, f"({work.dropped} earlier lines are not shown)")
            yield from (self._output_line(label, line) for line in work.lines)
        sign = (f"{self._glyphs.of(event.status)} ", STATUS_COLORS[event.status])
        took = "" if event.status in {"skipped", "unchanged"} else f" {duration(event.seconds)}"
        place = f"{event.file}:{event.line}: " if event.file and event.line else ""
        yield Text.assemble(sign, (label, "bold"), (took, "dim"), f"  {clean(place + event.detail)}".rstrip())
        yield from self._hint(event.hint)

    def _message(self, event: Message, work: _Work | None) -> Iterator[Text]:
        style = {"debug": "dim", "warning": "yellow", "error": "red"}.get(event.level, "")
        word = "" if event.level == "info" else f"{event.level}: "
        label = f"{work.label}: " if work else ""
        yield Text.assemble((label, "dim"), (word, style), clean(event.text))
        yield from self._hint(event.hint)

    def _hint(self, hint: str) -> Iterator[Text]:
        if hint:
            yield Text.assemble(("  hint: ", "cyan"), clean(hint))

    def _switch(self) -> None:
        """Show the view while something runs."""
        if not self._works or self._verbosity < 0:
            self._stop()
        elif self._live is None:
            self._live = Live(
                get_renderable=self._picture,
                console=self._console,
                refresh_per_second=_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _picture(self) -> Group:
        now = self._clock()
        frame = self._glyphs.spinner[int(now * _PER_SECOND) % len(self._glyphs.spinner)]
        with self._state:
            works = list(self._works.values())
            room = min(max((width(work.label) for work in works), default=0), _LABEL)
            return Group(*(self._row(work, frame, now, room) for work in works))

    def _row(self, work: _Work, frame: str, now: float, room: int) -> Text:
        seconds = now - work.since
        row = Text(no_wrap=True, overflow="ellipsis")
        row.append(f"{frame} ", "cyan")
        row.append(fit(work.label, room), "bold")
        row.append(f" {duration(seconds) if seconds >= 1 else '':>5}", "dim")
        if work.progress is not None:
            self._add_progress(row, work.progress, seconds)
        elif work.lines:
            last = Text.from_ansi(work.lines[-1])
            last.stylize("dim")
            row.append("  ").append(last)
        return row

    def _add_progress(self, row: Text, progress: Progress, seconds: float) -> None:
        if progress.total:
            full = min(progress.done * _BAR // progress.total, _BAR)
            row.append("  ").append(self._glyphs.done * full, "green").append(self._glyphs.left * (_BAR - full), "dim")
        row.append(f"  {_pace(progress, seconds)}")


def _pace(progress: Progress, seconds: float) -> str:
    """Return how far a job is, how fast, and how long it will still take; what matters least is cut off first."""
    parts = [amount(progress)]
    if seconds >= _MIN_SECONDS_FOR_RATE and progress.done:
        rate = progress.done / seconds
        parts.append(f"{size(rate)}/s" if progress.unit == "bytes" else f"{rate:.0f}/s")
        if progress.total and progress.done < progress.total:
            parts.append(f"{duration((progress.total - progress.done) / rate)} left")
    return "  ".join([*parts, *items(progress)])


_contract: type[Renderer] = LiveRenderer
