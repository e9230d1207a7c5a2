"""Bodies for the suite: repeatable content, and sources that break."""

from __future__ import annotations

import functools
import io
import random

__all__ = ["BrokenBody", "Pipe", "Zeros", "content"]


@functools.lru_cache(maxsize=8)
def content(size: int, *, seed: int = 0) -> bytes:
    """Return `size` bytes that look random and are the same each time."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - test data


class Pipe(io.RawIOBase):
    """A body that can only be read once, forwards, in small bites, as a network gives them.

    Args:
        data: what it holds.
        bite: bytes that one read returns at most.
    """

    def __init__(self, data: bytes, *, bite: int = 100_000) -> None:
        super().__init__()
        self._rest = memoryview(data)
        self._bite = bite

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, amount: int | None = -1, /) -> bytes:
        """Return at most one bite."""
        wanted = len(self._rest) if amount is None or amount < 0 else amount
        piece = self._rest[: min(wanted, self._bite)]
        self._rest = self._rest[len(piece) :]
        return bytes(piece)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # typeshed asks for any Buffer
        """Fill `buffer` with at most one bite."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class BrokenBody(Pipe):
    """A body that raises once its data is read.

    Args:
        data: what can be read before.
        error: what is raised then.
    """

    def __init__(self, data: bytes, *, error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def read(self, amount: int | None = -1, /) -> bytes:
        """Return at most one bite, or raise."""
        piece = super().read(amount)
        if not piece and amount != 0:
            raise self._error
        return piece


class Zeros(io.RawIOBase):
    """A body of zeros that takes no memory.

    Args:
        size: bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, amount: int | None = -1, /) -> bytes:
        """Return at most 1 MiB of zeros."""
        wanted = self._left if amount is None or amount < 0 else min(amount, self._left)
        piece = bytes(min(wanted, 1024 * 1024))
        self._left -= len(piece)
        return piece

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # typeshed asks for any Buffer
        """Fill `buffer` with at most 1 MiB of zeros."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
