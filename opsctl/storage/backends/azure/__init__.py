"""`az://CONTAINER/PREFIX`: Azure Blob Storage through its official SDK.

Which account, and how to get in, comes from the options `account` and `endpoint`, or from the variables that the Azure
CLI knows: `AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or
`AZURE_STORAGE_SAS_TOKEN`; without a secret, from the default credential chain of azure-identity. `AzureOptions` knows
`account`, `endpoint` and `anonymous`. No option holds a secret.

Objects up to 16 MiB are sent in one request from memory; larger ones in blocks, one in memory at a time, which become
visible all at once. The mtime of the source is kept in the metadata `mtime`. Names of metadata are C# identifiers
(letters, digits, `_`). Names of objects that Azure would change are refused: backslashes, control characters, segments
that end with a dot.
"""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.azure.options import AzureOptions
from opsctl.storage.backends.azure.store import AzureStore
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["AzureOptions", "AzureStore", "open_store"]


def open_store(url: StoreURL, options: Mapping[str, str | bool | int]) -> AzureStore:
    """Open the container and prefix that `url` names.

    Raises:
        UsageError: an option that is not known or has the wrong type, or nothing says which account.
        DeniedError: there are no credentials that could be sent.
    """
    return AzureStore(url, bind_options(options, AzureOptions, scheme=url.scheme))


_contract: type[Store] = AzureStore
_conditions: type[CanPutIf] = AzureStore
_copies: type[CanCopy] = AzureStore
_parts: type[CanMultipart] = AzureStore
_presigns: type[CanPresign] = AzureStore
_buckets: type[HasBuckets] = AzureStore
