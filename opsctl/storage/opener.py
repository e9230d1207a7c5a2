"""From a URL to an open store, with the options that the user gave for its prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from opsctl.plugins import STORES
from opsctl.storage.protocol import Store
from opsctl.storage.url import StoreURL, parse_url

__all__ = ["StoreOptions", "open_store"]

StoreOptions = Mapping[str, Mapping[str, str | bool | int]]
"""URL prefix ("s3://lab") -> options of the backend ({"endpoint": ..., "checksum": "when_required"})."""


def open_store(url: StoreURL | str, *, options: StoreOptions | None = None) -> Store:
    """Open the store rooted at `url`.

    Args:
        url: `s3://bucket/prefix`, `file://dir`, ...
        options: by URL prefix; the longest prefix that ends at a `/` or at the end of the bucket wins.

    Raises:
        NotFoundError: no such kind of store.
        MissingToolError: its SDK is not installed.
        UsageError: an option that the backend does not know, or a URL that it cannot open.
    """
    where = parse_url(url) if isinstance(url, str) else url
    factory = STORES.load(where.scheme)
    return cast("Store", factory(where, _options_for(where, options or {})))


def _options_for(url: StoreURL, options: StoreOptions) -> Mapping[str, str | bool | int]:
    text = str(url).rstrip("/") + "/"
    matching = [prefix for prefix in options if text.startswith(prefix.rstrip("/") + "/")]
    return options[max(matching, key=len)] if matching else {}
