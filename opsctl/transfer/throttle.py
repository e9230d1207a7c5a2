"""A limit on bytes a second, shared by all threads of a transfer."""

from __future__ import annotations

import threading
import time

__all__ = ["Throttle"]


class Throttle:
    """Lets so many bytes a second by; whoever goes over it sleeps until the debt is paid.

    Args:
        rate: bytes a second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free = time.monotonic()
        """When everything that was let by so far has had its time."""

    def take(self, count: int) -> None:
        """Let `count` bytes by, after a pause where need be; what went back (negative) is given back."""
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now) + count / self._rate
            pause = self._free - now
        if pause > 0 and count > 0:
            time.sleep(pause)
