"""`s3://BUCKET/PREFIX`: Amazon S3 and servers that speak its language, through boto3.

Credentials, region and endpoint come from where boto3's users expect them: environment, `~/.aws`, SSO, instance
metadata. `S3Options` adds, by URL prefix, `endpoint`, `region`, `profile`, `addressing`, `checksum`, `conditional`,
`anonymous` and `requester_pays`. No option holds a secret.

Objects up to 16 MiB are sent in one request from memory; larger ones in parts, one in memory at a time, and the upload
is aborted on any error. The mtime of the source is kept in the metadata `mtime`, where only `stat` sees it. Metadata
values are ASCII. Checksums are those that the server keeps of the whole object; an etag is never taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.s3.options import S3Options
from opsctl.storage.backends.s3.store import ConditionalS3Store, S3Store
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["ConditionalS3Store", "S3Options", "S3Store", "open_store"]


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
