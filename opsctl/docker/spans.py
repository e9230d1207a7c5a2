"""A piece of work as events: started, and finished however it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opsctl.errors import InterruptedRunError, OpsctlError
from opsctl.events import Sink, SpanFinished, SpanStarted, Status

__all__ = ["Outcome", "span"]


@dataclass(slots=True)
class Outcome:
    """What came of it; the block fills it in.

    Args:
        status: how it is called when the block ends without an error.
        detail: one line.
        file: source that a failure points to.
        line: from 1, 0 for none.
    """

    status: Status = "ok"
    detail: str = ""
    file: str = ""
    line: int = 0


@contextmanager
def span(sink: Sink, name: str, title: str, *, parent: str = "") -> Iterator[Outcome]:
    """Tell the sink that a piece of work starts, and when and how it ended."""
    begin = time.monotonic()
    outcome = Outcome()
    hint = ""
    sink(SpanStarted(name, title, parent))
    try:
        yield outcome
    except (KeyboardInterrupt, InterruptedRunError):
        outcome.status, outcome.detail = "cancelled", ""
        raise
    except OpsctlError as error:
        outcome.status, outcome.detail, hint = "failed", error.message, error.hint
        raise
    except BaseException:
        outcome.status = "failed"
        raise
    finally:
        seconds = time.monotonic() - begin
        sink(SpanFinished(name, outcome.status, seconds, outcome.detail, hint, outcome.file, outcome.line))
