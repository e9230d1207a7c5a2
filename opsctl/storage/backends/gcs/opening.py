"""Opens an `gs://` store; importing this imports the SDK."""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.gcs.options import GCSOptions
from opsctl.storage.backends.gcs.store import GCSStore
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["open_store"]


def open_store(url: StoreURL, options: Mapping[str, str | bool | int]) -> GCSStore:
    """Open the bucket and prefix that `url` names.

    Raises:
        UsageError: an option that is not known or has the wrong type, or a name that no bucket can have.
        DeniedError: there are no credentials.
    """
    return GCSStore(url, bind_options(options, GCSOptions, scheme=url.scheme))


_contract: type[Store] = GCSStore
_conditions: type[CanPutIf] = GCSStore
_copies: type[CanCopy] = GCSStore
_parts: type[CanMultipart] = GCSStore
_presigns: type[CanPresign] = GCSStore
_buckets: type[HasBuckets] = GCSStore
