"""Stores: one protocol over files, S3, Google Cloud Storage, Azure Blob and memory.

`open_store(url)` imports only the backend that the URL names.
"""

from opsctl.storage.opener import StoreOptions, open_store
from opsctl.storage.protocol import (
    CanCopy,
    CanMultipart,
    CanPresign,
    CanPutIf,
    HasBuckets,
    HasUploads,
    ObjectInfo,
    Part,
    PendingUpload,
    PutOptions,
    Store,
    check_key,
)
from opsctl.storage.url import StoreURL, parse_url

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
    "StoreOptions",
    "StoreURL",
    "check_key",
    "open_store",
    "parse_url",
]
