"""Between opsctl's values and the arguments and answers of boto3."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from opsctl.storage.metadata import MTIME, kept_mtime, seconds, user_metadata
from opsctl.storage.protocol import ObjectInfo, PutOptions

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectTypeDef

__all__ = ["from_answer", "from_head", "from_listing", "put_arguments", "quoted", "unquoted"]

_CHECKSUMS = {
    "ChecksumCRC32": "crc32",
    "ChecksumCRC32C": "crc32c",
    "ChecksumCRC64NVME": "crc64nvme",
    "ChecksumSHA1": "sha1",
    "ChecksumSHA256": "sha256",
}


def put_arguments(options: PutOptions | None) -> dict[str, Any]:
    """Return what PutObject and CreateMultipartUpload take beside the key."""
    if options is None:
        return {}
    metadata = dict(options.metadata)
    if options.mtime is not None:
        metadata[MTIME] = seconds(options.mtime)
    given = {"ContentType": options.content_type, "CacheControl": options.cache_control, "Metadata": metadata}
    return {name: value for name, value in given.items() if value}


def from_head(key: str, head: HeadObjectOutputTypeDef) -> ObjectInfo:
    """Return what HeadObject says of an object."""
    metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
    mtime = kept_mtime(metadata)
    return ObjectInfo(
        key=key,
        size=head["ContentLength"],
        mtime=head["LastModified"].timestamp() if mtime is None else mtime,
        etag=unquoted(head["ETag"]),
        checksums=_checksums(head),
        content_type=head.get("ContentType", ""),
        metadata=user_metadata(metadata),
        storage_class=head.get("StorageClass", ""),
        version=_version(head),
        written=head["LastModified"].timestamp(),
        mtime_kept=mtime is not None,
    )


def from_listing(key: str, item: ObjectTypeDef) -> ObjectInfo:
    """Return what ListObjectsV2 says of an object."""
    return ObjectInfo(
        key=key,
        size=item["Size"],
        mtime=item["LastModified"].timestamp(),
        etag=unquoted(item["ETag"]),
        storage_class=item.get("StorageClass", ""),
        written=item["LastModified"].timestamp(),
    )


def from_answer(key: str, answer: Mapping[str, Any], *, size: int, mtime: float | None) -> ObjectInfo:
    """Return what an answer to a write says of the object written, and what is known of it without asking again.

    Args:
        key: relative to the root.
        answer: of PutObject, CompleteMultipartUpload or CopyObject (its `CopyObjectResult` merged in).
        size: bytes written.
        mtime: what was kept as mtime; the time of the answer stands in for None.
    """
    return ObjectInfo(
        key=key,
        size=size,
        mtime=_date(answer) if mtime is None else mtime,
        etag=unquoted(answer["ETag"]),
        checksums=_checksums(answer),
        version=_version(answer),
    )


def quoted(etag: str) -> str:
    """Return an etag as HTTP wants it."""
    return f'"{etag}"'


def unquoted(etag: str) -> str:
    """Return an etag as opsctl keeps it."""
    return etag.strip('"')


def _checksums(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the whole object; a composite one is a digest of digests and is left out.

    A composite one is named so by its type; servers that give no type end it in `-` and the number of parts (Amazon S3
    User Guide, "Checking object integrity").
    """
    if answer.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    found = {algorithm: str(answer.get(name, "")) for name, algorithm in _CHECKSUMS.items()}
    return {algorithm: base64.b64decode(text).hex() for algorithm, text in found.items() if text and "-" not in text}


def _version(answer: Mapping[str, Any]) -> str:
    version = str(answer.get("VersionId", ""))
    return "" if version == "null" else version


def _date(answer: Mapping[str, Any]) -> float:
    try:
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return parsedate_to_datetime(date).timestamp()
    except (KeyError, ValueError):
        return time.time()
