"""The SDK's client of one account: timeouts, retries and sizes of requests in one place."""

from __future__ import annotations

from typing import Any

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from opsctl import __version__
from opsctl.storage.backends.azure.account import Account

__all__ = ["PUT_SIZE", "make_client"]

_MIB = 1024 * 1024
PUT_SIZE = 16 * _MIB
"""Largest object in bytes that is sent in one request, from memory."""
_GET_SIZE = 4 * _MIB
"""Bytes of one request of a download; the SDK holds them in memory, and reserves 8 bytes of list for each of them."""
_READ_SIZE = 256 * 1024
"""Bytes that one read takes off the wire; azure-core's default for a transport is 4 KiB."""
_CONNECT_SECONDS = 3
_READ_SECONDS = 60
_CONNECTIONS = 64
"""Threads of one transfer share a client; fewer connections than threads would make them queue."""


def make_client(account: Account) -> BlobServiceClient:
    """Return a client of the account."""
    return BlobServiceClient(
        account.endpoint,
        credential=account.credential,
        transport=_transport(),
        # About a second each, three times; the SDK's own default waits 15 s before its first retry.
        retry_policy=ExponentialRetry(initial_backoff=0, increment_base=1, retry_total=3, random_jitter_range=1),
        max_single_put_size=PUT_SIZE,
        max_single_get_size=_GET_SIZE,
        max_chunk_get_size=_GET_SIZE,
        user_agent=f"opsctl/{__version__}",
    )


def _transport() -> Any:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return RequestsTransport(
        session=session,
        session_owner=True,
        # The client's own keywords of these names count only for a transport that it makes itself.
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        connection_data_block_size=_READ_SIZE,
    )
