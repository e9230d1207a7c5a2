"""One object from one store to another: inside the provider where it can, else through here, verified either way."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import BinaryIO, Literal, cast

import msgspec

from opsctl.errors import LocalIOError, TransientError, UsageError
from opsctl.storage import CanCopy, CanPutIf, ObjectInfo, PutOptions, Store
from opsctl.storage.backends.file import FileStore
from opsctl.storage.bodies import read_exact
from opsctl.transfer.content_types import guess_content_type
from opsctl.transfer.verification import SourceBody, check_written, read_digest

__all__ = ["Verify", "copy_object", "create_object", "move_object"]

Verify = Literal["returned", "sha256"]
"""`returned`: size, and digests where the target returns them. `sha256`: as well, the object is read back."""

_RETURNED = ("crc32", "md5")
"""Digests that stores return for a write: S3 the first; Azure, Google and memory the second."""


def copy_object(
    source: Store,
    source_key: str,
    target: Store,
    key: str,
    *,
    options: PutOptions | None = None,
    verify: Verify = "returned",
    moved: Callable[[int], object] | None = None,
) -> ObjectInfo:
    """Copy one object, all or nothing.

    Args:
        source: store that has it.
        source_key: its key there.
        target: store that gets it.
        key: its key there.
        options: content type, metadata and mtime come from the source, or from the name, where this says nothing.
        verify: how.
        moved: told how many bytes went by; a negative number when the target starts over.

    Raises:
        NotFoundError: the source is not there.
        LocalIOError: the source changed meanwhile, or a disk refused.
        TransientError: it arrived damaged, and has been removed again.
    """
    info = source.stat(source_key)
    digests: dict[str, str] = {}
    if isinstance(target, CanCopy) and target.can_copy_from(source) and not _matters(options, target):
        written = target.copy_from(source, source_key, key)
        if moved:
            moved(written.size)
    else:
        written, digests = _stream(source, info, target, key, options=options, verify=verify, moved=moved)
    name = f"{target.url.rstrip('/')}/{key}"
    try:
        check_written(written, size=info.size, digests=digests, name=name)
        if verify == "sha256":
            expected = digests.get("sha256") or read_digest(source, source_key, algorithm="sha256")
            found = msgspec.structs.replace(written, checksums={"sha256": read_digest(target, key, algorithm="sha256")})
            check_written(found, size=info.size, digests={"sha256": expected}, name=name)
    except TransientError:
        target.delete(key)
        raise
    return written


def move_object(
    source: Store,
    source_key: str,
    target: Store,
    key: str,
    *,
    options: PutOptions | None = None,
    verify: Verify = "returned",
    moved: Callable[[int], object] | None = None,
) -> ObjectInfo:
    """Copy one object, look at the copy, and only then delete the source, if it is still what was copied.

    Args:
        source: store that has it.
        source_key: its key there.
        target: store that gets it.
        key: its key there.
        options: see `copy_object`.
        verify: how.
        moved: see `copy_object`.

    Raises:
        LocalIOError: the source changed meanwhile; it stays, and so does the copy.
        OpsctlError: as `copy_object` does; the source stays.
    """
    before = source.stat(source_key)
    written = copy_object(source, source_key, target, key, options=options, verify=verify, moved=moved)
    check_written(target.stat(key), size=before.size, digests={}, name=f"{target.url.rstrip('/')}/{key}")
    if source.stat(source_key).etag != before.etag:
        name = f"{source.url.rstrip('/')}/{source_key}"
        raise LocalIOError(f"{name} changed while it was moved", hint="it was copied, and not deleted: move it again")
    source.delete(source_key)
    return written


CREATE_MOST = 64 << 20
"""Largest object in bytes that is created on condition: it goes in one request, out of memory."""


def create_object(source: Store, source_key: str, target: Store, key: str) -> ObjectInfo:
    """Copy the bytes of one object to a key that has none yet; of many that try at once, one succeeds.

    Raises:
        ConflictError: there is one already.
        UsageError: it is larger than 64 MiB, or the target knows no conditions.
    """
    if not isinstance(target, CanPutIf):
        raise UsageError(f"{target.url} knows no conditional writes", hint="leave --if-none-match out")
    info = source.stat(source_key)
    if info.size > CREATE_MOST:
        raise UsageError(f"{source.url}/{source_key} is too large for --if-none-match", hint="64 MiB is the most")
    with source.get(source_key) as body:
        return target.put_if(key, read_exact(body, info.size, name=f"{source.url}/{source_key}"), match=None)


def _stream(
    source: Store,
    info: ObjectInfo,
    target: Store,
    key: str,
    *,
    options: PutOptions | None,
    verify: Verify,
    moved: Callable[[int], object] | None,
) -> tuple[ObjectInfo, dict[str, str]]:
    with source.get(info.key) as raw:
        body = SourceBody(
            raw,
            size=info.size,
            unchanged=functools.partial(_check_unchanged, source, info),
            moved=moved,
            algorithms=("sha256",) if verify == "sha256" else _RETURNED,
        )
        # RawIOBase has what BinaryIO asks for; typeshed declares them apart.
        written = target.put(
            key, cast("BinaryIO", body), size=info.size, options=_completed(options or PutOptions(), info, key)
        )
        return written, body.digests()


def _matters(options: PutOptions | None, target: Store) -> bool:
    """Say whether options change what is written; files keep none but the mtime."""
    return options is not None and not (isinstance(target, FileStore) and options.mtime is None)


def _completed(options: PutOptions, info: ObjectInfo, key: str) -> PutOptions:
    return PutOptions(
        content_type=options.content_type or info.content_type or guess_content_type(key),
        cache_control=options.cache_control,
        metadata={**info.metadata, **options.metadata},
        mtime=info.mtime if options.mtime is None else options.mtime,
    )


def _check_unchanged(source: Store, info: ObjectInfo) -> None:
    # Buckets and memory hand out one state of an object; only a file can change under the hands of its reader.
    if isinstance(source, FileStore) and source.stat(info.key).etag != info.etag:
        name = f"{source.url.rstrip('/')}/{info.key}"
        raise LocalIOError(f"{name} changed while it was copied", hint="let the build finish before it is copied")
