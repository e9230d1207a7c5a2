"""Bodies of objects on their way in and out: exact sizes, or an error, never a quiet difference.

Backends use `read_exact`, `check_end` and `blocks` to send exactly the announced bytes, and `Download` to hand out a
body that is refused when it ends early. Knows no SDK.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol, cast

from opsctl.errors import LocalIOError, OpsctlError, TransientError

__all__ = ["Download", "Exact", "ReadsBytes", "blocks", "check_end", "empty", "read_exact"]


class ReadsBytes(Protocol):
    """The body of a response, as each SDK has one."""

    def read(self, amount: int, /) -> bytes:
        """Return at most `amount` bytes, b"" only at the end."""

    def close(self) -> None:
        """Give the connection back, or up when the body was not read to its end."""


def read_exact(body: BinaryIO, size: int, *, name: str) -> bytes:
    """Read exactly `size` bytes from where `body` stands.

    Args:
        body: what the caller of `put` gave.
        size: bytes.
        name: of the object, for the message.

    Raises:
        LocalIOError: `body` ended too early, or reading it failed. Errors of opsctl pass through as they are: the body
            may be the download of another store.
    """
    pieces = []
    missing = size
    while missing:
        piece = _read(body, missing, name=name)
        if not piece:
            raise LocalIOError(
                f"{name}: the source ended {missing} bytes early", hint="it changed while it was read; try again"
            )
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def check_end(body: BinaryIO, *, name: str) -> None:
    """Raise LocalIOError if `body` has more bytes than were announced."""
    if _read(body, 1, name=name):
        raise LocalIOError(
            f"{name}: the source is longer than announced", hint="it changed while it was read; try again"
        )


def blocks(body: BinaryIO, size: int, *, block_size: int, name: str) -> Iterator[bytes]:
    """Yield the `size` bytes of `body` in blocks of `block_size`, the last one shorter; one is in memory at a time.

    The end of `body` is checked before the last block is handed out, so that whoever sends the blocks can still
    refrain from finishing. Nothing is yielded for a body of 0 bytes, but its end is checked.

    Raises:
        LocalIOError: `body` is shorter or longer than `size`, or reading it failed.
    """
    for offset in range(0, size, block_size):
        block = read_exact(body, min(block_size, size - offset), name=name)
        if offset + len(block) == size:
            check_end(body, name=name)
        yield block
    if size == 0:
        check_end(body, name=name)


def _read(body: BinaryIO, amount: int, *, name: str) -> bytes:
    try:
        return body.read(amount)
    except OpsctlError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a file that somebody closed
        raise LocalIOError(f"{name}: cannot read the source: {error}") from error


class Exact(io.RawIOBase):
    """A body of exactly `size` bytes, for an SDK that wants to read it on its own.

    Reading raises LocalIOError before the last byte is handed out if the body is not as long as announced. It can be
    told where it is, but not be rewound.

    Args:
        body: what the caller of `put` gave.
        size: bytes.
        name: of the object, for messages.
    """

    def __init__(self, body: BinaryIO, size: int, *, name: str) -> None:
        super().__init__()
        self._body = body
        self._size = size
        self._position = 0
        self._name = name

    def readable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def read(self, amount: int | None = -1, /) -> bytes:
        """Return exactly `amount` bytes, or what is left up to the size."""
        left = self._size - self._position
        wanted = left if amount is None or amount < 0 else min(amount, left)
        data = read_exact(self._body, wanted, name=self._name)
        if wanted == left:
            check_end(self._body, name=self._name)
        self._position += wanted
        return data


class Download(io.RawIOBase):
    """The body of an object on its way here, of a known length.

    Args:
        source: the body of the response.
        length: bytes that the provider announced.
        name: of the object, for messages.
        translate: from an exception of the SDK to an error of opsctl, None for one that is not the SDK's.
    """

    def __init__(
        self, source: ReadsBytes, *, length: int, name: str, translate: Callable[[Exception], OpsctlError | None]
    ) -> None:
        super().__init__()
        self._source = source
        self._length = length
        self._missing = length
        self._name = name
        self._translate = translate

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, amount: int | None = -1, /) -> bytes:
        """Return up to `amount` bytes, all that is left when it is negative or None.

        Raises:
            TransientError: the connection broke, or the body ended before its announced length.
        """
        if self.closed:
            raise ValueError("read of a closed download")
        if amount is None or amount < 0:
            return b"".join(iter(lambda: self._some(self._missing), b""))
        return self._some(min(amount, self._missing))

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # typeshed asks for any Buffer
        """Fill `buffer` and return how many bytes that were."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Give the connection back."""
        if not self.closed:
            self._source.close()
        super().close()

    def _some(self, amount: int) -> bytes:
        if amount == 0:
            return b""
        piece = self._from_source(amount)
        if not piece:
            raise TransientError(
                f"{self._name}: the download ended {self._missing} of {self._length} bytes early", hint="try again"
            )
        self._missing -= len(piece)
        return piece

    def _from_source(self, amount: int) -> bytes:
        try:
            return self._source.read(amount)
        except Exception as error:
            known = self._translate(error)
            if known is None:
                raise
            raise known from error


def empty() -> BinaryIO:
    """Return a body of no bytes, for a range that begins past the end."""
    return cast("BinaryIO", io.BytesIO())
