"""The JSON messages that the engine streams while it builds, pulls and pushes, made into events.

An error inside the stream ends it, although the answer began with status 200.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsctl.docker import faults
from opsctl.errors import OpsctlError, StepFailedError
from opsctl.events import Progress, Sink

__all__ = ["Layers", "Lines", "checked", "error_text"]

Note = Mapping[str, Any]
"""One message of the stream."""


def error_text(note: Note) -> str:
    """Return what the engine says went wrong, "" if the message is not an error."""
    detail = note.get("errorDetail")
    text = detail.get("message") if isinstance(detail, Mapping) else None
    return str(text or note.get("error") or "")


def checked(notes: Iterable[Note], subject: str, *, otherwise: type[OpsctlError] = StepFailedError) -> Iterator[Note]:
    """Yield the messages up to the first error, and raise that.

    Args:
        notes: decoded stream.
        subject: what it is about, for the message.
        otherwise: error when the engine's words say nothing more.
    """
    for note in notes:
        failed = error_text(note)
        if failed:
            raise faults.said(subject, failed, otherwise=otherwise)
        yield note


class Layers:
    """Adds up the progress of the layers of one pull or push.

    Args:
        sink: told when the sum changes.
        span: piece of work it belongs to.
    """

    def __init__(self, sink: Sink, span: str) -> None:
        self._sink = sink
        self._span = span
        self._layers: dict[str, tuple[int, int]] = {}

    def note(self, note: Note) -> None:
        """Take in one message."""
        layer, detail = note.get("id"), note.get("progressDetail")
        # A pull first downloads and then extracts the same layer; only the transfer counts.
        if not layer or not detail or note.get("status") not in {"Downloading", "Pushing"}:
            return
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        self._layers[str(layer)] = (current, max(current, total))
        done = sum(one for one, _ in self._layers.values())
        self._sink(Progress(self._span, done, sum(total for _, total in self._layers.values())))


class Lines:
    """Puts a text that comes in pieces together to whole lines."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        """Yield the lines that `text` completes, without their line breaks."""
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            yield line.rstrip("\r")

    def end(self) -> Iterator[str]:
        """Yield what is left when the text is over."""
        if self._rest:
            yield self._rest.rstrip("\r")
        self._rest = ""
