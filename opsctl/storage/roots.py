"""The root of a bucket store: adds the prefix of its URL to every key and takes it off again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opsctl.errors import OpsctlError
from opsctl.storage.protocol import ObjectInfo, check_key
from opsctl.storage.url import StoreURL

__all__ = ["Root", "in_order"]


@dataclass(frozen=True, slots=True)
class Root:
    """Where in a bucket a store begins.

    Args:
        url: as the user gave it, without a trailing `/`.
        prefix: of every name in the bucket, "" or ending in `/`.
    """

    url: StoreURL
    prefix: str

    @classmethod
    def of(cls, url: StoreURL) -> Root:
        """Return the root that `url` names; `s3://b/p` and `s3://b/p/` are one root."""
        path = url.path.removesuffix("/")
        return cls(StoreURL(url.scheme, url.bucket, path), f"{path}/" if path else "")

    @property
    def bucket(self) -> str:
        """The bucket, or container."""
        return self.url.bucket

    def absolute(self, key: str) -> str:
        """Return the name of `key` in the bucket.

        Raises:
            UsageError: the key could leave the root.
        """
        return self.prefix + check_key(key, store=str(self.url))

    def relative(self, name: str) -> str:
        """Return the key of a name in the bucket; "" for the marker of the root itself."""
        return name.removeprefix(self.prefix)

    def name(self, key: str) -> str:
        """Return the URL of an object for messages, on one line: what cannot be printed is escaped."""
        text = f"{self.url}/{key}"
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def in_order(found: Iterable[ObjectInfo], *, name: str) -> Iterator[ObjectInfo]:
    """Yield `found`, but refuse a listing that goes backwards.

    Merging two listings takes their order for granted: one that is out of order would make objects look absent, and a
    sync with deletion would remove them. S3 directory buckets, for one, list in no order (Amazon S3 API reference,
    ListObjectsV2).

    Raises:
        OpsctlError: a key is not greater, as UTF-8 bytes, than the one before it.
    """
    last = b""
    for info in found:
        key = info.key.encode()
        if last >= key and last:
            raise OpsctlError(f"{name} lists its objects out of order: {info.key!r} came too late")
        last = key
        yield info
