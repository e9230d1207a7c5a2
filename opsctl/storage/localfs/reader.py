"""Reading a range of an open file that must not shrink meanwhile."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from opsctl.errors import LocalIOError, TransientError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["open_range"]

_BUFFER = 1 << 18


def open_range(descriptor: int, *, start: int, length: int | None, what: str) -> io.BufferedReader:
    """Return a seekable reader of at most `length` bytes from `start`; closing it closes `descriptor`.

    Reading raises TransientError where the file has become shorter than it was when it was opened.
    """
    size = os.fstat(descriptor).st_size
    end = size if length is None else min(size, start + length)
    return io.BufferedReader(_Range(descriptor, start=min(start, size), end=end, what=what), _BUFFER)


class _Range(io.RawIOBase):
    def __init__(self, descriptor: int, *, start: int, end: int, what: str) -> None:
        self._descriptor = descriptor
        self._start = start
        self._end = end
        self._at = start
        self._what = what

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = max(self._start, origin + offset)
        return self._at - self._start

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._end - self._at)]
        if not view:
            return 0
        try:
            count = os.preadv(self._descriptor, [view], self._at)
        except OSError as error:
            raise LocalIOError(f"{self._what}: {error.strerror}") from error
        if not count:
            raise TransientError(f"{self._what} became shorter while it was read")
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
