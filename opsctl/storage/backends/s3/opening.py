"""Opens an `s3://` store; importing this imports the SDK."""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.s3.options import S3Options
from opsctl.storage.backends.s3.store import ConditionalS3Store, S3Store
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["open_store"]


def open_store(url: StoreURL, options: Mapping[str, str | bool | int]) -> S3Store:
    """Open the bucket and prefix that `url` names.

    Raises:
        UsageError: an option that is not known or has the wrong type, or a profile that does not exist.
    """
    bound = bind_options(options, S3Options, scheme=url.scheme)
    return ConditionalS3Store(url, bound) if bound.conditional else S3Store(url, bound)


_contract: type[Store] = S3Store
_copies: type[CanCopy] = S3Store
_parts: type[CanMultipart] = S3Store
_presigns: type[CanPresign] = S3Store
_buckets: type[HasBuckets] = S3Store
_conditions: type[CanPutIf] = ConditionalS3Store
