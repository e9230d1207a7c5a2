"""Actions that wait until all others are done: any number of them, in a file where they are many."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator

import msgspec

from opsctl.transfer.plan import Action

__all__ = ["Spool"]

_IN_MEMORY = 4 << 20


class Spool:
    """A queue of actions. Threads may put into it; it is read once nobody does any more."""

    def __init__(self) -> None:
        # Unnamed where the system can: nothing is left when the process is killed.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, action: Action) -> None:
        """Add one."""
        line = msgspec.json.encode(action)
        with self._lock:
            self._file.write(line + b"\n")
            self._count += 1

    def __iter__(self) -> Iterator[Action]:
        decoder = msgspec.json.Decoder(Action)
        self._file.seek(0)
        for line in self._file:
            yield decoder.decode(line)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
