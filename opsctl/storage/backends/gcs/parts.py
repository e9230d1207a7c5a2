"""Uploads in parts: objects beside the store that are composed into one.

The JSON API has no multipart upload; composing is what it offers for parts that are sent in any order and by several
processes ("Composite objects" in Google's documentation of Cloud Storage). Parts lie at `.opsctl-upload/TOKEN/NUMBER`
below the root, where scans do not show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.api_core.exceptions import NotFound

from opsctl.storage.backends.gcs.client import CALL
from opsctl.storage.protocol import Part

__all__ = ["FOLDER", "compose", "forget", "part_name"]

FOLDER = ".opsctl-upload/"
_MOST_SOURCES = 32  # of one compose request
_AT_ONCE = 8


def part_name(prefix: str, token: str, number: int) -> str:
    """Return the name in the bucket of one part."""
    return f"{prefix}{FOLDER}{token}/{number:05}"


def compose(bucket: Any, target: Any, prefix: str, token: str, parts: Sequence[Part]) -> None:
    """Join `parts`, in order, into the blob `target`, in rounds of 32."""
    sources = [
        bucket.blob(part_name(prefix, token, part.number), generation=int(part.etag) if part.etag else None)
        for part in parts
    ]
    level = 0
    while len(sources) > _MOST_SOURCES:
        level += 1
        groups = [sources[at : at + _MOST_SOURCES] for at in range(0, len(sources), _MOST_SOURCES)]
        sources = [bucket.blob(f"{prefix}{FOLDER}{token}/{level}-{number:05}") for number in range(len(groups))]
        for joined, group in zip(sources, groups, strict=True):
            joined.compose(group, **CALL)
    target.compose(sources, **CALL)


def forget(bucket: Any, prefix: str, token: str) -> None:
    """Delete all parts of an upload."""
    found = bucket.list_blobs(prefix=f"{prefix}{FOLDER}{token}/", fields="items(name),nextPageToken", **CALL)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_delete, found))


def _delete(blob: Any) -> None:
    try:
        blob.delete(**CALL)
    except NotFound:
        return
