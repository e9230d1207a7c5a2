"""Errors of the Google SDK as errors of opsctl: the one place where they are translated.

Statuses are those of "HTTP status and error codes for JSON" in Google's reference of Cloud Storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
from google.api_core import exceptions as sdk
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError

__all__ = ["host_of", "translate", "translate_read", "translated"]

_KNOWN = (
    sdk.GoogleAPICallError,
    sdk.RetryError,
    auth.GoogleAuthError,
    requests.RequestException,
    DataCorruption,
    InvalidResponse,
)
_LIMITS = {"rateLimitExceeded", "userRateLimitExceeded"}
"""Reasons of a 403 that passes."""


@contextmanager
def translated(*, name: str, host: str) -> Iterator[None]:
    """Raise what the SDK raises inside as an error of opsctl.

    Args:
        name: of the object or store, for messages.
        host: of the endpoint, `host:port`.
    """
    try:
        yield
    except _KNOWN as error:
        raise translate(error, name=name, host=host) from error


def translate(error: Exception, *, name: str, host: str) -> OpsctlError:  # noqa: PLR0911 - a table, one line each
    """Return the error of opsctl that says the same as `error`."""
    if isinstance(error, sdk.RetryError) and isinstance(error.cause, _KNOWN):
        return translate(error.cause, name=name, host=host)
    if isinstance(error, sdk.GoogleAPICallError):
        return _answer(error, name=name, host=host)
    if isinstance(error, InvalidResponse):
        return _answer(sdk.from_http_response(error.response), name=name, host=host)
    if isinstance(error, DataCorruption):
        return TransientError(f"{name}: the bytes were damaged on their way to {host}", hint="try again")
    if isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError):
        return DeniedError(
            f"{name}: no usable Google credentials",
            hint="set GOOGLE_APPLICATION_CREDENTIALS, or log in with 'gcloud auth application-default login'",
        )
    if isinstance(error, (requests.ConnectionError, requests.Timeout, auth.TransportError)):
        return TransientError(f"{name}: cannot reach {host}", hint="check the endpoint and the network")
    return TransientError(f"{name}: lost the connection to {host}", hint="try again")


def translate_read(error: Exception, *, name: str, host: str) -> OpsctlError | None:
    """Return what an exception while reading a body means, None if it is not one of the network."""
    # urllib3, which hands out the body, raises its own errors; all of them are lost connections here.
    if isinstance(error, OSError) or type(error).__module__.startswith("urllib3."):
        return TransientError(f"{name}: lost the connection to {host}", hint="try again")
    return None


def host_of(endpoint: str) -> str:
    """Return `host:port` of an endpoint, without what else its URL may hold."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"


def _answer(error: sdk.GoogleAPICallError, *, name: str, host: str) -> OpsctlError:
    status = int(error.code or 0)
    reasons = {str(item.get("reason", "")) for item in error.errors if isinstance(item, dict)}
    if status == 404:  # noqa: PLR2004 - HTTP status
        return NotFoundError(f"{name} does not exist", hint="check the names of bucket and object")
    if status == 429 or (status >= 500 and status != 501) or reasons & _LIMITS:  # noqa: PLR2004 - HTTP status
        return TransientError(f"{name}: {host} answered {status}", hint="it is overloaded or down; try later")
    if status in {401, 403}:
        return DeniedError(f"{name}: denied by {host} ({status})", hint="check that the credentials may do this")
    if status in {409, 412}:
        return ConflictError(f"{name}: somebody else changed it first, or it is not empty ({status})")
    said = " ".join(str(error.message).split())
    kind = UsageError if status == 400 else OpsctlError  # noqa: PLR2004 - HTTP status
    return kind(f"{name}: {host} answered {status}: {said}")
