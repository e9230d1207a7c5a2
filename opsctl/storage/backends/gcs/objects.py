"""Between opsctl's values and those of the Google SDK."""

from __future__ import annotations

import base64
import time
from typing import Any

from opsctl.errors import UsageError
from opsctl.storage.metadata import MTIME, kept_mtime, rfc3339, user_metadata
from opsctl.storage.protocol import ObjectInfo, PutOptions

__all__ = ["DEFAULT_TYPE", "FIELDS", "check_name", "describe", "from_blob"]

DEFAULT_TYPE = "application/octet-stream"
_LONGEST = 1024

FIELDS = "items(name,size,updated,generation,crc32c,md5Hash,contentType,storageClass,metadata),nextPageToken"
"""What a listing asks for: the rest is half of each answer."""


def describe(blob: Any, options: PutOptions | None) -> None:
    """Set on a blob of the SDK what its upload is to keep beside the bytes."""
    options = options or PutOptions()
    metadata = dict(options.metadata)
    if options.mtime is not None:
        metadata[MTIME] = rfc3339(options.mtime)
    blob.metadata = metadata or None
    blob.content_type = options.content_type or DEFAULT_TYPE
    blob.cache_control = options.cache_control or None


def from_blob(key: str, blob: Any) -> ObjectInfo:
    """Return what a blob of the SDK knows after a request."""
    metadata = {name.lower(): str(value) for name, value in (blob.metadata or {}).items()}
    mtime = kept_mtime(metadata)
    written = blob.updated.timestamp() if blob.updated else time.time()
    digests = {"crc32c": blob.crc32c, "md5": blob.md5_hash}
    return ObjectInfo(
        key=key,
        size=int(blob.size),
        mtime=written if mtime is None else mtime,
        etag=str(blob.generation),
        checksums={name: base64.b64decode(text).hex() for name, text in digests.items() if text},
        content_type=blob.content_type or "",
        metadata=user_metadata(metadata),
        storage_class=blob.storage_class or "",
        version=str(blob.generation),
        written=written,
        mtime_kept=mtime is not None,
    )


def check_name(name: str, *, shown: str) -> str:
    """Return `name` if Cloud Storage keeps it ("Object names" in Google's documentation of Cloud Storage).

    Args:
        name: of the object in its bucket.
        shown: the URL of the object, for messages.

    Raises:
        UsageError: it does not.
    """
    if "\r" in name or "\n" in name:
        raise UsageError(f"{shown}: Cloud Storage keeps no line breaks in a name")
    if len(name.encode()) > _LONGEST:
        raise UsageError(f"{shown}: Cloud Storage keeps no name of more than {_LONGEST} bytes")
    return name
