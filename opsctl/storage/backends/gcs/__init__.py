"""`gs://BUCKET/PREFIX`: Google Cloud Storage through its official SDK.

Credentials are application default credentials (`GOOGLE_APPLICATION_CREDENTIALS`, gcloud, the metadata server);
`STORAGE_EMULATOR_HOST` names an emulator, which gets none. `GCSOptions` adds, by URL prefix, `endpoint`, `project`,
`user_project` and `anonymous`. No option holds a secret.

An etag is the generation of the object. Objects up to 16 MiB are sent in one request from memory; larger ones by a
resumable upload, 8 MiB at a time, which becomes visible at its end. The mtime of the source is kept in the
metadata `mtime`. Uploads in parts are composed from objects below `.opsctl-upload/`, which scans do not show. Names
with line breaks are refused, as the service does.
"""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.gcs.options import GCSOptions
from opsctl.storage.backends.gcs.store import GCSStore
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["GCSOptions", "GCSStore", "open_store"]


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
