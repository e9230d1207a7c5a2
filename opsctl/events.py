"""What services say while they work: frozen events given to a sink.

A service never prints. It takes `sink: Sink` and calls it with one of the events below; `opsctl.cli.output`
draws them (rich, plain lines, JSON lines, GitHub workflow commands). Events are values: they hold text,
numbers and tuples only, no secret (the masker of a run has already been over every line of output), and
may be dropped without changing a result. A sink may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Event",
    "Level",
    "Message",
    "Output",
    "Progress",
    "Sink",
    "SpanFinished",
    "SpanStarted",
    "Status",
    "discard",
]

Level = Literal["debug", "info", "warning", "error"]
Status = Literal["ok", "failed", "skipped", "cancelled", "unchanged"]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events.

    Args:
        span: id of the piece of work it belongs to ("step:test", "deploy:web", "transfer"), "" for none.
    """

    span: str


@dataclass(frozen=True, slots=True)
class SpanStarted(Event):
    """A piece of work starts: a pipeline step, a stage of a deploy, a build."""

    title: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class SpanFinished(Event):
    """A piece of work is over.

    Args:
        seconds: wall time it took.
        detail: one line: what came of it or why it failed.
        hint: one line: the cure, on failure.
        file: source the failure points to, "" for none (becomes an annotation under GitHub Actions).
        line: from 1, 0 for none.
    """

    status: Status
    seconds: float
    detail: str = ""
    hint: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Output(Event):
    """One line that a child process or an engine printed, without its line break, already masked."""

    text: str
    stream: Literal["stdout", "stderr"] = "stdout"


@dataclass(frozen=True, slots=True)
class Message(Event):
    """Something a person should know; one line."""

    text: str
    level: Level = "info"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far a long job is.

    Args:
        done: units finished so far; may go back when an item is retried.
        total: units in all, None while unknown.
        unit: "bytes" or a plural noun ("objects").
        items: objects finished, where units are bytes; None where it says nothing.
        items_total: objects in all, None while unknown.
    """

    done: int
    total: int | None
    unit: str = "bytes"
    items: int | None = None
    items_total: int | None = None


Sink = Callable[[Event], None]


def discard(event: Event) -> None:
    """Be the sink that drops everything."""
    del event
