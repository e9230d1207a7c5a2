"""What can be said of a store without opening it: whether its URL is one, and which options it takes.

loaded = load_project(store_rules=opsctl.storage.rules.STORE_RULES)
"""

from __future__ import annotations

from typing import cast

import msgspec

from opsctl.config.stores import StoreRules
from opsctl.errors import UsageError
from opsctl.plugins import STORE_OPTIONS, STORES
from opsctl.storage.url import parse_url, scheme_of

__all__ = ["STORE_RULES", "check_url", "options_of"]


def check_url(text: str) -> None:
    """Raise when no store could ever be opened at a URL.

    Raises:
        NotFoundError: there is no such kind of store.
        UsageError: it is no URL of a store, or it names no bucket or directory.
    """
    STORES.require(scheme_of(text) or "file")
    url = parse_url(text)
    if not url.bucket and not url.path:
        raise UsageError(f"{text!r} names no directory", hint="for example file://dir or file:///srv/data")


def options_of(prefix: str) -> type[msgspec.Struct] | None:
    """Return the model of the options of the stores below a URL prefix (`s3://`, `s3://bucket/path`).

    None: it is the store of a plug-in that does not publish one (entry point group `opsctl.store_options`).

    Raises:
        NotFoundError: there is no such kind of store.
        UsageError: it is no URL prefix.
    """
    scheme = scheme_of(prefix)
    if not scheme:
        raise UsageError(f"{prefix!r} is no URL prefix of stores", hint="for example s3://bucket")
    STORES.require(scheme)
    return cast("type[msgspec.Struct]", STORE_OPTIONS.load(scheme)) if STORE_OPTIONS.has(scheme) else None


STORE_RULES = StoreRules(check_url, options_of)
