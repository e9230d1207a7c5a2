"""Bytes on their way: counted, digested, and held back at the last moment if their source changed meanwhile."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO, Protocol

from opsctl.errors import TransientError
from opsctl.storage import ObjectInfo, Store

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ALGORITHMS", "SourceBody", "check_written", "read_digest"]

_CHUNK = 1 << 20


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Crc32:
    """CRC-32 as S3 returns it, in the form of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_DIGESTS: Mapping[str, Callable[[], _Digest]] = {
    "crc32": _Crc32,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha256": hashlib.sha256,
}

ALGORITHMS = tuple(_DIGESTS)
"""Names of the digests that can be computed here, the quickest first."""


class SourceBody(io.RawIOBase):
    """The bytes of one object, given to `Store.put`.

    Args:
        raw: the open source.
        size: bytes it must have.
        unchanged: called before the last bytes are handed out; raises if they must not be, so that the target is
            never finished with a mixture.
        moved: told how many bytes went by; a negative number when the target starts over. None tells nobody.
        algorithms: names of digests to compute.
    """

    def __init__(
        self,
        raw: BinaryIO,
        *,
        size: int,
        unchanged: Callable[[], object],
        moved: Callable[[int], object] | None,
        algorithms: tuple[str, ...],
    ) -> None:
        super().__init__()
        self._raw = raw
        self._size = size
        self._unchanged = unchanged
        self._moved = moved
        self._at = 0
        self._digests = {name: _DIGESTS[name]() for name in algorithms}

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Say whether the source can go back."""
        return self._raw.seekable()

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes, all for -1."""
        data = self._raw.read(-1 if size is None else size)
        self._at += len(data)
        for digest in self._digests.values():
            digest.update(data)
        if self._at >= self._size:
            self._unchanged()
        self._count(len(data))
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` and return how many bytes that were."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to another place. Digests begin anew at the start and are given up anywhere else."""
        at = self._raw.seek(offset, whence)
        if at != self._at:
            self._count(at - self._at)
            self._digests = {name: _DIGESTS[name]() for name in self._digests} if at == 0 else {}
        self._at = at
        return at

    def _count(self, moved: int) -> None:
        if self._moved is not None:
            self._moved(moved)

    def digests(self) -> dict[str, str]:
        """Return the digests of what went by, by algorithm; none where it was not read through."""
        return {name: digest.hexdigest() for name, digest in self._digests.items()} if self._at == self._size else {}


def check_written(written: ObjectInfo, *, size: int, digests: Mapping[str, str], name: str) -> None:
    """Compare what the target says it has with what went by.

    Raises:
        TransientError: they differ; the bytes were damaged on the way.
    """
    if written.size != size:
        raise TransientError(f"{name} arrived with {written.size} of {size} bytes")
    for algorithm in digests.keys() & written.checksums.keys():
        if digests[algorithm] != written.checksums[algorithm]:
            raise TransientError(f"{name} arrived damaged: {algorithm} differs", hint="check the network and the disk")


def read_digest(store: Store, key: str, *, algorithm: str) -> str:
    """Read an object back and return its digest."""
    digest = _DIGESTS[algorithm]()
    with store.get(key) as body:
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
