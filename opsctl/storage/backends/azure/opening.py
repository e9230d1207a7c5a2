"""Opens an `az://` store; importing this imports the SDK."""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.storage.backends.azure.options import AzureOptions
from opsctl.storage.backends.azure.store import AzureStore
from opsctl.storage.options import bind_options
from opsctl.storage.protocol import CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, Store
from opsctl.storage.url import StoreURL

__all__ = ["open_store"]


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
