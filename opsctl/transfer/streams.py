"""A stream of unknown length into one object, without the disk where the store takes parts."""

from __future__ import annotations

import io
import itertools
import tempfile
from typing import BinaryIO

from opsctl.errors import LocalIOError
from opsctl.storage import CanMultipart, ObjectInfo, Part, PutOptions, Store

__all__ = ["put_stream"]

PART = 16 << 20
"""Bytes of the first parts. Stores take 10,000 parts or more; a thousand of each size before it doubles reaches all
that S3 can hold (5 TiB: Amazon S3 User Guide, "Multipart upload limits")."""


def put_stream(
    store: Store, key: str, body: BinaryIO, *, options: PutOptions | None = None, part: int = PART
) -> ObjectInfo:
    """Write everything that `body` gives, to its end, all or nothing.

    Args:
        store: where to.
        key: of the object.
        body: read once, forwards.
        options: for the object.
        part: bytes that are held in memory.

    Raises:
        LocalIOError: reading failed.
        OpsctlError: writing did; nothing is left at `key`.
    """
    first = _read(body, part)
    if len(first) < part:
        return store.put(key, io.BytesIO(first), size=len(first), options=options)
    if isinstance(store, CanMultipart):
        return _put_parts(store, key, first, body, options=options)
    with tempfile.TemporaryFile() as file:
        size = 0
        block = first
        while block:
            size += file.write(block)
            block = _read(body, part)
        file.seek(0)
        return store.put(key, file, size=size, options=options)


def _put_parts(
    store: CanMultipart, key: str, first: bytes, body: BinaryIO, *, options: PutOptions | None
) -> ObjectInfo:
    upload = store.begin_upload(key, options=options)
    try:
        parts: list[Part] = []
        block = first
        for number in itertools.count(1):
            parts.append(store.upload_part(key, upload, number=number, body=io.BytesIO(block), size=len(block)))
            block = _read(body, len(first) << (number // 1000))
            if not block:
                return store.finish_upload(key, upload, parts)
    except BaseException:
        store.abort_upload(key, upload)
        raise
    raise AssertionError  # count() does not end


def _read(body: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end."""
    pieces: list[bytes] = []
    missing = size
    while missing:
        try:
            piece = body.read(missing)
        except OSError as error:
            raise LocalIOError(f"cannot read the input: {error.strerror}") from error
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
