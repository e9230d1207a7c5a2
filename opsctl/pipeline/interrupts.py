"""Ctrl-C and its like, as a count that a selector can wait for.

While a run goes on, SIGINT, SIGTERM and SIGHUP do not raise: an exception could come up between any two steps of the
bookkeeping. They are counted, and a byte on a pipe wakes the loop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Self

__all__ = ["Interrupts"]

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts signals between enter and exit. Outside the main thread, where Python takes no signals, it counts none.

    Attributes:
        count: signals so far: one asks to stop, two to stop at once.
    """

    def __init__(self) -> None:
        self.count = 0
        self._old: dict[signal.Signals, Any] = {}
        self._read, self._write = -1, -1

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` and background jobs ignore some
                    self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._old.clear()
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with each signal."""
        return self._read

    def drain(self) -> None:
        """Make the descriptor wait for the next signal."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 64):
                pass

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the loop as well
            os.write(self._write, b"!")
