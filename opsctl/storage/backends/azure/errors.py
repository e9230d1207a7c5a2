"""Errors of the Azure SDK as errors of opsctl: the one place where they are translated.

Codes are those of "Blob service error codes" in Microsoft's reference of the REST API. The text of an answer is never
repeated: for a refused signature it quotes the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from azure.core import exceptions as sdk

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError

__all__ = ["code_of", "host_of", "translate", "translate_read", "translated"]

_MISSING_CONTAINER = {"ContainerNotFound", "ContainerDisabled"}
_CONFLICT = {"InvalidBlockList", "InvalidBlockId"}
_USAGE = {"InvalidMetadata", "InvalidResourceName", "InvalidUri", "MetadataTooLarge", "OutOfRangeInput"}
_DENIED = {
    "AuthenticationFailed": "the key or signature is wrong or has expired, or the clock of this machine is wrong",
    "AuthorizationFailure": "check the network rules of the storage account",
    "AuthorizationPermissionMismatch": "the role 'Storage Blob Data Contributor' is needed",
    "BlobArchived": "the object is archived: restore it first",
    "KeyBasedAuthenticationNotPermitted": "the account takes no keys: log in with 'az login'",
    "NoAuthenticationInformation": "the container is not public: give credentials",
    "PublicAccessNotPermitted": "the account allows no public access: give credentials",
}


@contextmanager
def translated(*, name: str, host: str) -> Iterator[None]:
    """Raise what the SDK raises inside as an error of opsctl.

    Args:
        name: of the object or store, for messages.
        host: of the endpoint, `host:port`.
    """
    try:
        yield
    except sdk.AzureError as error:
        raise translate(error, name=name, host=host) from error


def translate(error: sdk.AzureError, *, name: str, host: str) -> OpsctlError:
    """Return the error of opsctl that says the same as `error`."""
    status = getattr(error, "status_code", None)
    if isinstance(error, sdk.HttpResponseError) and status:
        return _answer(code_of(error), int(status), name=name, host=host)
    if isinstance(error, sdk.ClientAuthenticationError):
        return DeniedError(
            f"{name}: no usable Azure credentials",
            hint="log in with 'az login', or set AZURE_STORAGE_KEY or AZURE_STORAGE_CONNECTION_STRING",
        )
    if isinstance(error, sdk.ServiceRequestError):
        return TransientError(f"{name}: cannot reach {host}", hint="check the account, the endpoint and the network")
    if isinstance(error, (sdk.ServiceResponseError, sdk.HttpResponseError)):
        return TransientError(f"{name}: lost the connection to {host}", hint="try again")
    return OpsctlError(f"{name}: {type(error).__name__} from {host}")


def translate_read(error: Exception, *, name: str, host: str) -> OpsctlError | None:
    """Return what an exception while reading a body means, None if it is not one of the SDK or of the network."""
    if isinstance(error, sdk.AzureError):
        return translate(error, name=name, host=host)
    if isinstance(error, OSError):
        return TransientError(f"{name}: lost the connection to {host}", hint="try again")
    return None


def code_of(error: sdk.HttpResponseError) -> str:
    """Return the error code that the service gave, "" for none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def host_of(endpoint: str) -> str:
    """Return `host:port` of an endpoint, without what else its URL may hold."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"


def _answer(code: str, status: int, *, name: str, host: str) -> OpsctlError:  # noqa: PLR0911 - a table, one line each
    said = f"{status} {code}".strip()
    if code in _MISSING_CONTAINER:
        return NotFoundError(f"{name}: there is no such container", hint="check the name, or make it first")
    if code in _DENIED or status in {401, 403}:
        return DeniedError(
            f"{name}: denied by {host} ({said})", hint=_DENIED.get(code, "check that the credentials may do this")
        )
    if status == 404:  # noqa: PLR2004 - HTTP status
        return NotFoundError(f"{name} does not exist")
    if code in _CONFLICT or status in {409, 412}:
        return ConflictError(f"{name}: somebody else changed it first ({said})")
    if status == 429 or (status >= 500 and status != 501):  # noqa: PLR2004 - HTTP status
        return TransientError(f"{name}: {host} answered {said}", hint="it is overloaded or down; try later")
    if code in _USAGE:
        return UsageError(f"{name}: {host} cannot hold this ({said})")
    return OpsctlError(f"{name}: {host} answered {said}")
