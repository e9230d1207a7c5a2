"""The storage contract: five operations every store has, and optional powers apart from them.

A `Store` is opened at a root (`s3://bucket/prefix`, `file:///srv/data`); every key is relative to that root,
uses `/`, and cannot leave it. Stores raise only `opsctl.errors`: NotFoundError (no such object or bucket),
DeniedError, ConflictError (a condition did not hold), TransientError (after the SDK's own retries),
LocalIOError (disk), UsageError (a key that this store cannot hold).

An optional power is a runtime-checkable protocol; ask with `isinstance(store, CanCopy)`. A store claims only
what it really does: the conformance suite (`opsctl.testing.storage`) checks every claimed power.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

import msgspec

from opsctl.errors import UsageError

__all__ = [
    "CanCopy",
    "CanMultipart",
    "CanPresign",
    "CanPutIf",
    "HasBuckets",
    "HasUploads",
    "ObjectInfo",
    "Part",
    "PendingUpload",
    "PutOptions",
    "Store",
    "check_key",
]


class ObjectInfo(msgspec.Struct, frozen=True, gc=False):
    """What a store knows of one object.

    Args:
        key: relative to the root of the store.
        size: bytes.
        mtime: seconds since the epoch: when the source was last modified if whoever wrote the object kept it
            (see `mtime_kept`), else when the object was written.
        etag: opaque token that changes whenever the content changes; what `CanPutIf` compares. Never a digest.
        checksums: algorithm ("md5", "crc32c", "crc64nvme", "sha256") -> lower-case hex digest of the whole object;
            only what the store returned without an extra request, {} where it returned none.
        content_type: media type; "" where it was not returned (a listing seldom has it).
        metadata: user metadata, lower-case names; only `stat` fills it.
        storage_class: the provider's word, "" where unknown.
        version: version id or generation, "" where the store has none.
        written: seconds since the epoch when the object came to be as it is, by the clock of the store; nobody can set
            it (LastModified of a bucket, ctime of a file). 0 where it is not known.
        mtime_kept: whether `mtime` is that of the source. Where it is False, `stat` may know more than a listing.
    """

    key: str
    size: int
    mtime: float
    etag: str = ""
    checksums: Mapping[str, str] = {}
    content_type: str = ""
    metadata: Mapping[str, str] = {}
    storage_class: str = ""
    version: str = ""
    written: float = 0.0
    mtime_kept: bool = False


class PutOptions(msgspec.Struct, frozen=True):
    """What to write beside the bytes; a store that cannot keep one of them ignores it only if it says so in its docs.

    Args:
        content_type: media type, "" leaves the provider's default.
        cache_control: HTTP Cache-Control, "" for none.
        metadata: user metadata; lower-case ASCII names.
        mtime: seconds since the epoch to keep with the object, None for none.
    """

    content_type: str = ""
    cache_control: str = ""
    metadata: Mapping[str, str] = {}
    mtime: float | None = None


class Store(Protocol):
    """Five operations every store has."""

    @property
    def url(self) -> str:
        """The root as a URL, for people; never holds a credential."""

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of one object.

        Raises:
            NotFoundError: there is no such object.
        """

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with `prefix`, in UTF-8 byte order of the keys, lazily.

        `prefix` is a plain string prefix ("a" also matches "ab"); `start_after` skips keys up to and including it.
        """

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open the bytes of one object from `start`, at most `length` of them; the caller closes.

        A range that begins at or past the end yields no bytes. A body that ends before its announced length
        raises TransientError when read, never a silent short read.

        Raises:
            NotFoundError: there is no such object.
        """

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write one object of exactly `size` bytes, all or nothing; an existing one is replaced at once.

        Raises:
            LocalIOError: `body` ended before or went past `size`, or reading it failed; nothing was written.
        """

    def delete(self, key: str) -> None:
        """Delete one object; an absent key is not an error."""

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""


@runtime_checkable
class CanPutIf(Protocol):
    """Compare-and-swap of small objects: what locks and records stand on."""

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write `data` only if the object's etag is `match`, or only if there is none when `match` is None.

        Returns:
            the new object; its etag is what the next `put_if` gives as `match`.

        Raises:
            ConflictError: the condition does not hold; nothing was written.
        """


@runtime_checkable
class CanCopy(Protocol):
    """Copies that the provider does itself."""

    def can_copy_from(self, source: Store) -> bool:
        """Say whether `source` is one that the provider can copy from on its own."""

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy one object of `source`, of any size, with its metadata, to `key` here.

        Raises:
            NotFoundError: the source object is not there.
        """


class Part(msgspec.Struct, frozen=True):
    """One uploaded part.

    Args:
        number: from 1.
        etag: what the store returned for it.
        size: bytes.
        checksum: the store's own word on the bytes, which `finish_upload` gives back to it; "" for none.
    """

    number: int
    etag: str
    size: int
    checksum: str = ""


@runtime_checkable
class CanMultipart(Protocol):
    """Uploads in parts that survive the process which began them."""

    def begin_upload(self, key: str, *, options: PutOptions | None = None) -> str:
        """Begin an upload and return its id. Nothing is visible at `key` before `finish_upload`."""

    def upload_part(self, key: str, upload: str, *, number: int, body: BinaryIO, size: int) -> Part:
        """Upload part `number` (from 1), the next `size` bytes of `body`; sending one again replaces it.

        `body` is not looked at past `size`: it may hold the parts that follow.

        Raises:
            LocalIOError: `body` ended before `size`, or reading it failed; the part was not sent.
        """

    def finish_upload(self, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the parts, in order, into the object."""

    def abort_upload(self, key: str, upload: str) -> None:
        """Forget the upload and its parts; an unknown id is not an error."""


class PendingUpload(msgspec.Struct, frozen=True):
    """What a write that never finished has left.

    Args:
        key: that it would have become; of files, that of the temporary file.
        upload: id, as `begin_upload` gave it; "" where there are none.
        begun: seconds since the epoch.
        size: bytes that it takes up; 0 where that is not known.
    """

    key: str
    upload: str
    begun: float
    size: int = 0


@runtime_checkable
class HasUploads(Protocol):
    """Stores where a killed writer leaves something that costs space and is not listed as an object."""

    def uploads(self) -> Iterator[PendingUpload]:
        """Yield what unfinished writes have left below the root, those that are still being written as well."""

    def discard_upload(self, pending: PendingUpload) -> None:
        """Remove it; one that is not there any more is not an error.

        Raises:
            ConflictError: it is in use.
        """


@runtime_checkable
class CanPresign(Protocol):
    """URLs that work without credentials for a while."""

    def presign(self, key: str, *, method: str, seconds: int) -> str:
        """Return a URL that allows `method` ("GET" or "PUT") on `key` for `seconds`."""


@runtime_checkable
class HasBuckets(Protocol):
    """Stores whose bucket (container, root directory) may have to be made first."""

    def bucket_exists(self) -> bool:
        """Say whether the bucket of this store is there."""

    def make_bucket(self) -> None:
        """Make the bucket; one that is already ours is not an error."""

    def remove_bucket(self) -> None:
        """Remove the empty bucket.

        Raises:
            ConflictError: it is not empty.
        """


def check_key(key: str, *, store: str) -> str:
    """Return `key` if it can be kept safely everywhere below a root.

    Refuses what would leave the root or be read differently elsewhere: an empty key, a leading `/`, segments
    `.` and `..`, and NUL. Anything else (spaces, `+`, `%`, `//`, a trailing `/`, control characters, any Unicode)
    is the business of the store.

    Raises:
        UsageError: the key is refused.
    """
    segments = key.split("/")
    if not key or key.startswith("/") or "\0" in key or "." in segments or ".." in segments:
        raise UsageError(f"{store} cannot hold the key {key!r}", hint="keys are relative, without '.' or '..' segments")
    return key
