"""`mem://NAME`: stores in memory that live as long as the process; for tests, trials and plug-in authors.

All `mem://NAME` of one process are the same bucket, whatever prefix they are opened at. It appears with the first
write or `make_bucket`. Objects keep their metadata and know their MD5 and SHA-256. Every power is there but
`CanPresign`: nobody else could read such a URL.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from opsctl.errors import ConflictError, NotFoundError, UsageError
from opsctl.storage.bodies import check_end, read_exact
from opsctl.storage.options import NoOptions, bind_options
from opsctl.storage.protocol import (
    CanCopy,
    CanMultipart,
    CanPutIf,
    HasBuckets,
    HasUploads,
    ObjectInfo,
    Part,
    PendingUpload,
    PutOptions,
    Store,
)
from opsctl.storage.roots import Root
from opsctl.storage.url import StoreURL

__all__ = ["MemoryStore", "open_store"]


def open_store(url: StoreURL, options: Mapping[str, str | bool | int]) -> MemoryStore:
    """Open the bucket `url` names, at its prefix.

    Raises:
        UsageError: an option, as there are none.
    """
    bind_options(options, NoOptions, scheme=url.scheme)
    return MemoryStore(url)


class _Upload(msgspec.Struct):
    key: str
    options: PutOptions
    parts: dict[int, bytes]
    begun: float


class _Bucket:
    """Objects by full key, and their keys in order; `lock` guards all of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.objects: dict[str, tuple[bytes, ObjectInfo]] = {}
        self.keys: list[str] = []
        self.uploads: dict[str, _Upload] = {}


_BUCKETS: dict[str, _Bucket] = {}
_BUCKETS_LOCK = threading.Lock()
_SERIAL = itertools.count(1)
"""Where etags and upload ids come from: none is ever used twice."""


class MemoryStore:
    """A bucket in memory, seen from a prefix."""

    def __init__(self, url: StoreURL) -> None:
        self._root = Root.of(url)

    @property
    def url(self) -> str:
        """The root as a URL."""
        return str(self._root.url)

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of one object."""
        return self._find(key)[1]

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with `prefix`, in key order; sees writes made meanwhile.

        Raises:
            NotFoundError: there is no such bucket.
        """
        bucket = self._bucket()
        last = self._root.prefix + start_after if start_after > prefix else None
        while True:
            with bucket.lock:
                keys = bucket.keys
                at = (
                    bisect.bisect_left(keys, self._root.prefix + prefix)
                    if last is None
                    else bisect.bisect_right(keys, last)
                )
                if at == len(keys) or not keys[at].startswith(self._root.prefix + prefix):
                    return
                last = keys[at]
                info = bucket.objects[last][1]
            # Not with a key that equals the prefix of the store itself: it is no name below the root.
            if last != self._root.prefix:
                yield self._relative(info)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open the bytes of one object."""
        data = self._find(key)[0]
        end = len(data) if length is None else start + length
        return io.BytesIO(data[start:end])

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write one object with all its options."""
        full = self._full(key)
        data = read_exact(body, size, name=self._root.name(key))
        check_end(body, name=self._root.name(key))
        bucket = self._made()
        with bucket.lock:
            return self._relative(_store(bucket, full, data, options or PutOptions()))

    def delete(self, key: str) -> None:
        """Delete one object."""
        full = self._full(key)
        bucket = self._bucket()
        with bucket.lock:
            if bucket.objects.pop(full, None) is not None:
                del bucket.keys[bisect.bisect_left(bucket.keys, full)]

    def close(self) -> None:
        """Do nothing: the bucket stays."""

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write if the etag is still `match` (None: if there is no object)."""
        full = self._full(key)
        bucket = self._made()
        with bucket.lock:
            now = bucket.objects.get(full)
            if (now[1].etag if now else None) != match:
                raise ConflictError(
                    f"{self._root.name(key)} was changed by somebody else", hint="read it again and retry"
                )
            return self._relative(_store(bucket, full, bytes(data), PutOptions()))

    def can_copy_from(self, source: Store) -> bool:
        """Say yes to every other store in memory."""
        return isinstance(source, MemoryStore)

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy one object of a store in memory, with its metadata."""
        if not isinstance(source, MemoryStore):
            raise UsageError(f"{self.url} cannot copy from {source.url} on its own", hint="read it and put it")
        full = self._full(key)
        data, info = source._find(source_key)  # noqa: SLF001 - same class
        options = PutOptions(content_type=info.content_type, metadata=info.metadata, mtime=info.mtime)
        bucket = self._made()
        with bucket.lock:
            return self._relative(_store(bucket, full, data, options))

    def begin_upload(self, key: str, *, options: PutOptions | None = None) -> str:
        """Begin an upload in parts."""
        upload = _Upload(key=self._full(key), options=options or PutOptions(), parts={}, begun=time.time())
        name = f"upload-{next(_SERIAL)}"
        self._made().uploads[name] = upload
        return name

    def upload_part(self, key: str, upload: str, *, number: int, body: BinaryIO, size: int) -> Part:
        """Keep one part; the same number again replaces it."""
        begun = self._upload(key, upload)
        begun.parts[number] = data = read_exact(body, size, name=self._root.name(key))
        return Part(number=number, etag=hashlib.md5(data, usedforsecurity=False).hexdigest(), size=size)

    def finish_upload(self, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the parts that are named, by number."""
        begun = self._upload(key, upload)
        for part in parts:
            held = begun.parts.get(part.number)
            if held is None or hashlib.md5(held, usedforsecurity=False).hexdigest() != part.etag:
                raise ConflictError(f"{self._root.name(key)}: part {part.number} is not the one that was uploaded")
        data = b"".join(begun.parts[part.number] for part in sorted(parts, key=lambda part: part.number))
        bucket = self._bucket()
        with bucket.lock:
            bucket.uploads.pop(upload, None)
            return self._relative(_store(bucket, begun.key, data, begun.options))

    def abort_upload(self, key: str, upload: str) -> None:
        """Forget an upload."""
        self._full(key)
        self._bucket().uploads.pop(upload, None)

    def uploads(self) -> Iterator[PendingUpload]:
        """Yield the uploads below the root that are not finished."""
        bucket = self._bucket()
        with bucket.lock:
            begun = sorted(bucket.uploads.items(), key=lambda item: item[1].key)
        for name, upload in begun:
            if upload.key.startswith(self._root.prefix):
                size = sum(map(len, upload.parts.values()))
                yield PendingUpload(self._root.relative(upload.key), name, upload.begun, size)

    def discard_upload(self, pending: PendingUpload) -> None:
        """Forget an upload."""
        self.abort_upload(pending.key, pending.upload)

    def bucket_exists(self) -> bool:
        """Say whether the bucket has been made."""
        return self._root.bucket in _BUCKETS

    def make_bucket(self) -> None:
        """Make the bucket."""
        self._made()

    def remove_bucket(self) -> None:
        """Remove the bucket, which must be empty."""
        bucket = self._bucket()
        with _BUCKETS_LOCK, bucket.lock:
            if bucket.objects:
                raise ConflictError(f"mem://{self._root.bucket} is not empty", hint="delete what it holds first")
            _BUCKETS.pop(self._root.bucket, None)

    def _full(self, key: str) -> str:
        full = self._root.absolute(key)
        try:
            key.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{self.url} cannot hold the key {key!r}", hint="it has no UTF-8 form") from None
        return full

    def _relative(self, info: ObjectInfo) -> ObjectInfo:
        return msgspec.structs.replace(info, key=self._root.relative(info.key))

    def _bucket(self) -> _Bucket:
        try:
            return _BUCKETS[self._root.bucket]
        except KeyError:
            raise NotFoundError(
                f"there is no bucket mem://{self._root.bucket}", hint="make it or write to it"
            ) from None

    def _made(self) -> _Bucket:
        with _BUCKETS_LOCK:
            return _BUCKETS.setdefault(self._root.bucket, _Bucket())

    def _find(self, key: str) -> tuple[bytes, ObjectInfo]:
        full = self._full(key)
        bucket = self._bucket()
        with bucket.lock:
            found = bucket.objects.get(full)
        if found is None:
            raise NotFoundError(f"{self._root.name(key)} is not there")
        return found[0], self._relative(found[1])

    def _upload(self, key: str, upload: str) -> _Upload:
        begun = self._bucket().uploads.get(upload)
        if begun is None or begun.key != self._full(key):
            raise NotFoundError(f"{self._root.name(key)} has no upload {upload!r}")
        return begun


def _store(bucket: _Bucket, full: str, data: bytes, options: PutOptions) -> ObjectInfo:
    """Keep `data` under a full key; the caller holds the lock."""
    if full not in bucket.objects:
        bisect.insort(bucket.keys, full)
    now = time.time()
    digests = {"md5": hashlib.md5(data, usedforsecurity=False), "sha256": hashlib.sha256(data)}
    info = ObjectInfo(
        key=full,
        size=len(data),
        mtime=now if options.mtime is None else options.mtime,
        etag=f"{next(_SERIAL):x}",
        checksums={name: digest.hexdigest() for name, digest in digests.items()},
        content_type=options.content_type,
        metadata=dict(options.metadata),
        written=now,
        mtime_kept=options.mtime is not None,
    )
    bucket.objects[full] = data, info
    return info


_contract: type[Store] = MemoryStore
_powers: tuple[type[CanPutIf], type[CanCopy], type[CanMultipart], type[HasUploads], type[HasBuckets]] = (
    MemoryStore,
    MemoryStore,
    MemoryStore,
    MemoryStore,
    MemoryStore,
)
