"""Between opsctl's values and those of the Azure SDK."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from azure.storage.blob import BlobProperties, ContentSettings

from opsctl.errors import UsageError
from opsctl.storage.metadata import MTIME, kept_mtime, rfc3339, user_metadata
from opsctl.storage.protocol import ObjectInfo, PutOptions

__all__ = ["check_name", "from_answer", "from_properties", "is_directory", "put_arguments", "quoted"]

_DIRECTORY = "hdi_isfolder"


def put_arguments(options: PutOptions | None, *, md5: bytes | None = None) -> dict[str, Any]:
    """Return what an upload and a commit of blocks take beside the bytes.

    Args:
        options: as the caller of `put` gave them.
        md5: digest of the whole object, which the service keeps, and checks if it comes with the bytes.
    """
    options = options or PutOptions()
    metadata = dict(options.metadata)
    if options.mtime is not None:
        metadata[MTIME] = rfc3339(options.mtime)
    settings = ContentSettings(
        content_type=options.content_type or None,
        cache_control=options.cache_control or None,
        content_md5=bytearray(md5) if md5 is not None else None,
    )
    return {"metadata": metadata, "content_settings": settings}


def from_properties(key: str, found: BlobProperties) -> ObjectInfo:
    """Return what the properties of a blob, or its entry in a listing, say."""
    metadata = {name.lower(): value for name, value in (found.metadata or {}).items()}
    mtime = kept_mtime(metadata)
    md5 = found.content_settings.content_md5
    return ObjectInfo(
        key=key,
        size=found.size,
        mtime=found.last_modified.timestamp() if mtime is None else mtime,
        etag=found.etag.strip('"'),
        checksums={"md5": bytes(md5).hex()} if md5 else {},
        content_type=found.content_settings.content_type or "",
        metadata=user_metadata(metadata),
        storage_class=str(found.blob_tier or ""),
        version=found.version_id or "",
        written=found.last_modified.timestamp(),
        mtime_kept=mtime is not None,
    )


def from_answer(key: str, answer: Mapping[str, Any], *, size: int, mtime: float | None, md5: bytes) -> ObjectInfo:
    """Return what an answer to a write, and what was written, say of the object, without asking again."""
    written = answer.get("last_modified")
    own = written.timestamp() if written else time.time()
    return ObjectInfo(
        key=key,
        size=size,
        mtime=own if mtime is None else mtime,
        etag=str(answer["etag"]).strip('"'),
        checksums={"md5": md5.hex()},
        version=answer.get("version_id") or "",
    )


def is_directory(found: BlobProperties) -> bool:
    """Say whether an entry of a listing is a directory of an account with a hierarchical namespace."""
    return (found.metadata or {}).get(_DIRECTORY, "").lower() == "true"


def quoted(etag: str) -> str:
    """Return an etag as HTTP wants it."""
    return f'"{etag}"'


def check_name(name: str, *, shown: str) -> str:
    """Return `name` if Azure keeps it to the letter.

    The service refuses control characters, and takes a backslash for a slash and drops dots that end a segment
    ("Naming and referencing containers, blobs, and metadata" in Microsoft's reference; rclone.org/azureblob,
    "Restricted filename characters").

    Args:
        name: of the blob in its container.
        shown: the URL of the object, for messages.

    Raises:
        UsageError: it does not.
    """
    if "\\" in name or any(not char.isprintable() and ord(char) < 0xA0 for char in name):  # noqa: PLR2004 - C0, C1
        raise UsageError(f"{shown}: Azure keeps no backslash and no control character in a name")
    if any(segment.endswith(".") for segment in name.split("/")):
        raise UsageError(f"{shown}: Azure keeps no name in which a segment ends with a dot")
    return name
