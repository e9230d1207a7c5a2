"""What opsctl keeps beside the bytes in a cloud: the mtime of the source, and the mark of a conditional write.

Both are user metadata of the object under reserved names and do not show in `ObjectInfo.metadata`. The spellings of
`mtime` are those of rclone, so that both tools understand each other's objects: seconds with a fraction on S3
(rclone.org/s3, "Modification times"), RFC 3339 on Google Cloud Storage and Azure Blob (rclone.org/googlecloudstorage,
rclone.org/azureblob). Either spelling is read everywhere.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

__all__ = ["MARK", "MTIME", "kept_mtime", "mark_of", "new_mark", "rfc3339", "seconds", "user_metadata"]

MTIME = "mtime"
MARK = "opsctlwrite"
"""Unique mark of one conditional write. When the answer to a write is lost, the SDK sends it again and is told that the
condition does not hold: the mark tells our own write from another's. (Letters only: Azure allows no `-`.)"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(mtime: float) -> str:
    """Return seconds since the epoch as decimal text that reads back as the same float: `1700000000.123456`."""
    return format(Decimal(repr(mtime)), "f")


def rfc3339(mtime: float) -> str:
    """Return seconds since the epoch as `2023-11-14T22:13:20.123456Z`, to the microsecond."""
    return (_EPOCH + timedelta(seconds=mtime)).isoformat().replace("+00:00", "Z")


def kept_mtime(metadata: Mapping[str, str]) -> float | None:
    """Return the kept mtime in seconds since the epoch; None where there is none, or none that can be understood."""
    text = metadata.get(MTIME, "")
    try:
        value = float(text)
    except ValueError:
        return _from_rfc3339(text)
    return value if math.isfinite(value) else None


def _from_rfc3339(text: str) -> float | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when - _EPOCH).total_seconds() if when.tzinfo else None


def user_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what the user put there: names in lower case, without the reserved ones that can be understood."""
    lower = {name.lower(): value for name, value in metadata.items()}
    hidden = {MARK} if kept_mtime(lower) is None else {MARK, MTIME}
    return {name: value for name, value in lower.items() if name not in hidden}


def mark_of(metadata: Mapping[str, str]) -> str:
    """Return the mark of the conditional write that wrote the object, "" for none."""
    return next((value for name, value in metadata.items() if name.lower() == MARK), "")


def new_mark() -> str:
    """Return a mark that no other write has."""
    return uuid.uuid4().hex
