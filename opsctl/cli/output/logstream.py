"""Standard error as a stream that cannot fail."""

from __future__ import annotations

import io
from typing import TextIO

__all__ = ["LogStream"]


class LogStream:
    """Writes to `target` until that fails, then nowhere: a closed log must not stop a deploy half-way.

    It has what rich asks of a file.
    """

    def __init__(self, target: TextIO) -> None:
        self._target: TextIO | None = target
        self.encoding = target.encoding or "utf-8"

    def write(self, text: str, /) -> int:
        """Write, and flush: a log line is of use only when it is seen in time."""
        if self._target is not None:
            try:
                self._target.write(text)
                self._target.flush()
            except (OSError, ValueError):
                self._target = None
        return len(text)

    def flush(self) -> None:
        """Every write has flushed already."""

    def isatty(self) -> bool:
        """Say whether the target is a terminal."""
        return self._target is not None and self._target.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the target."""
        if self._target is None:
            raise io.UnsupportedOperation("fileno")
        return self._target.fileno()
