"""Errors of boto3 as errors of opsctl: the one place where they are translated.

Codes are those of the Amazon S3 API reference, "Error responses". Messages of the server are repeated only where they
say something about the request; never for credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3.exceptions
from botocore import exceptions as sdk

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError

__all__ = ["MISSING", "code_of", "host_of", "translate", "translate_read", "translated"]

_MISSING_BUCKET = {"NoSuchBucket"}
MISSING = {"NoSuchKey", "NoSuchUpload", "NotFound", "404"}
"""Codes that say that an object or upload is not there."""
_CONFLICT = {
    "BucketAlreadyExists",
    "BucketNotEmpty",
    "ConditionalRequestConflict",
    "OperationAborted",
    "PreconditionFailed",
    "409",
    "412",
}
_USAGE = {"EntityTooLarge", "InvalidBucketName", "KeyTooLongError", "MetadataTooLarge"}
_REGION = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_BUSY = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}
_DENIED = {
    "ExpiredToken": "the credentials have expired: log in again",
    "InvalidAccessKeyId": "the server does not know this access key: check AWS_ACCESS_KEY_ID, or the profile",
    "InvalidObjectState": "the object is archived: restore it first",
    "InvalidToken": "the session token is wrong: log in again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY, or the profile",
}
_CREDENTIALS = (
    sdk.CredentialRetrievalError,
    sdk.LoginError,
    sdk.NoAuthTokenError,
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.SSOError,
    sdk.TokenRetrievalError,
    sdk.UnauthorizedSSOTokenError,
)
_USAGE_ERRORS = (
    sdk.ConfigNotFound,
    sdk.ConfigParseError,
    sdk.InvalidConfigError,
    sdk.InvalidRegionError,
    sdk.NoRegionError,
    sdk.ParamValidationError,
    sdk.ProfileNotFound,
)
_BROKEN = (sdk.FlexibleChecksumError, sdk.IncompleteReadError)


@contextmanager
def translated(*, name: str, host: str) -> Iterator[None]:
    """Raise what boto3 raises inside as an error of opsctl.

    Args:
        name: of the object or store, for messages.
        host: of the endpoint, `host:port`.
    """
    try:
        yield
    except (sdk.BotoCoreError, sdk.ClientError) as error:
        raise translate(error, name=name, host=host) from error


def translate(error: Exception, *, name: str, host: str) -> OpsctlError:
    """Return the error of opsctl that says the same as `error`."""
    if isinstance(error, sdk.ClientError):
        return _answer(error, name=name, host=host)
    if isinstance(error, _CREDENTIALS):
        return DeniedError(
            f"{name}: no usable AWS credentials: {_words(error)}",
            hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with 'aws sso login'",
        )
    if isinstance(error, _USAGE_ERRORS):
        return UsageError(f"{name}: {_words(error)}")
    if isinstance(error, sdk.SSLError):
        return TransientError(f"{name}: no trusted connection to {host}", hint="set AWS_CA_BUNDLE for a private CA")
    if isinstance(error, (sdk.HTTPClientError, sdk.ConnectionError, *_BROKEN)):
        return TransientError(f"{name}: {_broken(error)} {host}", hint="check the endpoint and the network")
    return OpsctlError(f"{name}: {_words(error)}")


def translate_read(error: Exception, *, name: str, host: str) -> OpsctlError | None:
    """Return what an exception while reading a body means, None if it is not one of boto3 or of the network."""
    if isinstance(error, (sdk.BotoCoreError, sdk.ClientError)):
        return translate(error, name=name, host=host)
    if isinstance(error, (urllib3.exceptions.HTTPError, OSError)):
        return TransientError(f"{name}: lost the connection to {host}", hint="try again")
    return None


def code_of(error: sdk.ClientError) -> str:
    """Return the error code that the server gave, or the status of an answer without a body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def host_of(endpoint: str) -> str:
    """Return `host:port` of an endpoint, without what else its URL may hold."""
    try:
        parts = urlsplit(endpoint or "https://s3.amazonaws.com")
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return endpoint.rpartition("@")[2]
    return f"{parts.hostname}:{port}"


def _answer(error: sdk.ClientError, *, name: str, host: str) -> OpsctlError:  # noqa: PLR0911 - a table, one line each
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    if code in _MISSING_BUCKET:
        return NotFoundError(f"{name}: there is no such bucket", hint="check the name, or make it first")
    if code in _REGION:
        return UsageError(f"{name}: {host} is not in the region of the bucket", hint="set the option 'region'")
    if code in _DENIED or status in {401, 403}:
        hint = _DENIED.get(code, "check that the credentials may do this")
        return DeniedError(f"{name}: denied by {host} ({code})", hint=hint)
    if code in MISSING or status == 404:  # noqa: PLR2004 - HTTP status
        return NotFoundError(f"{name} does not exist")
    if code in _CONFLICT or status in {409, 412}:
        return ConflictError(f"{name}: {said or 'the condition does not hold'} ({code})")
    if code in _BUSY or status == 429 or (status >= 500 and status != 501):  # noqa: PLR2004 - HTTP status
        return TransientError(f"{name}: {host} answered {status} ({code})", hint="it is overloaded or down; try later")
    if code in _USAGE:
        return UsageError(f"{name}: {said} ({code})")
    return OpsctlError(f"{name}: {host} answered {status} ({code}): {said}")


def _broken(error: Exception) -> str:
    if isinstance(error, sdk.FlexibleChecksumError):
        return "the bytes were damaged on their way from"
    if isinstance(error, (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError)):
        return "cannot reach"
    if isinstance(error, sdk.ReadTimeoutError):
        return "no answer in time from"
    return "lost the connection to"


def _words(error: Exception) -> str:
    return " ".join(str(error).split())
