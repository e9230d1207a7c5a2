"""JSON lines: one object per event, for programs that watch opsctl."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from opsctl.cli.output.renderer import Failure, Renderer, Write
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted

__all__ = ["JsonLinesRenderer"]

_NAMES: dict[type[Event], str] = {
    Message: "message",
    Output: "output",
    Progress: "progress",
    SpanFinished: "span_finished",
    SpanStarted: "span_started",
}


class JsonLinesRenderer:
    """Draws events as JSON objects with `time` (seconds since the epoch), `event` and the event's own fields."""

    def __init__(self, write: Write, *, verbosity: int, clock: Callable[[], float] = time.time) -> None:
        self._write = write
        self._verbosity = verbosity
        self._clock = clock
        self._lock = threading.Lock()

    def event(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, Message) and event.level == "debug" and self._verbosity < 1:
            return
        fields = {name: getattr(event, name) for cls in type(event).__mro__ for name in getattr(cls, "__slots__", ())}
        self._line(_NAMES[type(event)], fields)

    def fail(self, failure: Failure) -> None:
        """Draw the failure as an `error` event."""
        names = ("file", "line", "column", "message", "hint")
        problems = [{name: getattr(problem, name) for name in names} for problem in failure.problems]
        fields: dict[str, Any] = {
            "kind": failure.kind,
            "message": failure.message,
            "hint": failure.hint,
            "exit_code": failure.exit_code,
        }
        fields |= {"problems": problems} if problems else {}
        fields |= {"traceback": failure.traceback} if failure.traceback else {}
        self._line("error", fields)

    def pause(self) -> None:
        """Every line is whole: there is nothing to put aside."""

    def close(self) -> None:
        """Every line is whole: there is nothing to finish."""

    def _line(self, name: str, fields: dict[str, Any]) -> None:
        # ASCII only: no byte of foreign text can act on a terminal or break a line.
        line = json.dumps({"time": round(self._clock(), 3), "event": name, **fields}, ensure_ascii=True)
        with self._lock:
            self._write(line + "\n")


_contract: type[Renderer] = JsonLinesRenderer
