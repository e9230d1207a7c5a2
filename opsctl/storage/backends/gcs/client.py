"""The SDK's client from the options of a store: credentials, timeouts and retries in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from opsctl.errors import UsageError
from opsctl.storage.backends.gcs.errors import host_of, translated
from opsctl.storage.backends.gcs.options import GCSOptions

__all__ = ["CALL", "RETRY", "TIMEOUT", "Connection", "connect"]

_SCOPES = ["https://www.googleapis.com/auth/devstorage.full_control"]
_ENDPOINT = "https://storage.googleapis.com"
_CONNECTIONS = 64
"""Threads of one transfer share a client; fewer connections than threads would make them queue."""

TIMEOUT = (4, 60)
"""Seconds to connect, and between two pieces of an answer."""
RETRY = DEFAULT_RETRY.with_timeout(6).with_delay(initial=0.5, maximum=4, multiplier=2)
"""What the SDK tries again for 6 seconds; its own default goes on for two minutes."""
CALL: dict[str, Any] = {"timeout": TIMEOUT, "retry": RETRY}


@dataclass(frozen=True, slots=True)
class Connection:
    """How a store reaches the service.

    Args:
        client: of the SDK.
        session: the HTTP session that the client uses, for streams that the SDK would hold in memory.
        endpoint: URL of the service without a trailing `/`.
        signer: credentials that can sign URLs, None for those that cannot.
    """

    client: Client
    session: requests.Session
    endpoint: str
    signer: Any


def connect(options: GCSOptions, *, name: str) -> Connection:
    """Return a connection with the credentials that the options and the environment name.

    Raises:
        DeniedError: there are no credentials.
        UsageError: the endpoint is not a URL.
    """
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    endpoint = (options.endpoint or emulator or _ENDPOINT).rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        hint = "give a URL, for example http://127.0.0.1:9023"
        raise UsageError(f"{name}: {endpoint!r} is not an endpoint", hint=hint)
    anonymous = options.anonymous or (bool(emulator) and not options.endpoint)
    credentials, project = (AnonymousCredentials(), None) if anonymous else _default(name=name, endpoint=endpoint)
    session = AuthorizedSession(credentials)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    client = Client(
        project=options.project or project,
        credentials=credentials,
        client_options={"api_endpoint": endpoint},
        _http=session,
    )
    return Connection(client, session, endpoint, credentials if isinstance(credentials, Signing) else None)


def _default(*, name: str, endpoint: str) -> tuple[Any, str | None]:
    with translated(name=name, host=host_of(endpoint)):
        credentials, project = google.auth.default(scopes=_SCOPES)
        return credentials, project
