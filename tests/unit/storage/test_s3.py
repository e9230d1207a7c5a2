"""Every error of boto3 has one meaning in opsctl, parts always fit, and digests are only taken from what is one."""

import contextlib
from typing import Any

import pytest
from botocore import exceptions as sdk
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError
from opsctl.storage import CanCopy, PutOptions, open_store
from opsctl.storage.backends.s3.errors import host_of, translate, translate_read
from opsctl.storage.backends.s3.objects import from_answer, put_arguments
from opsctl.storage.backends.s3.upload import part_size

MIB = 1024 * 1024
NAME, HOST = "s3://bucket/key", "minio.lab:9000"


def _answer(code: str, status: int, message: str = "said the server") -> sdk.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_answer("NoSuchBucket", 404), NotFoundError),
        (_answer("NoSuchKey", 404), NotFoundError),
        (_answer("404", 404), NotFoundError),
        (_answer("AccessDenied", 403), DeniedError),
        (_answer("403", 403), DeniedError),
        (_answer("InvalidAccessKeyId", 403), DeniedError),
        (_answer("SignatureDoesNotMatch", 403), DeniedError),
        (_answer("ExpiredToken", 400), DeniedError),
        (_answer("InvalidObjectState", 403), DeniedError),
        (_answer("PermanentRedirect", 301), UsageError),
        (_answer("AuthorizationHeaderMalformed", 400), UsageError),
        (_answer("PreconditionFailed", 412), ConflictError),
        (_answer("ConditionalRequestConflict", 409), ConflictError),
        (_answer("BucketNotEmpty", 409), ConflictError),
        (_answer("SlowDown", 503), TransientError),
        (_answer("500", 500), TransientError),
        (_answer("429", 429), TransientError),
        (_answer("RequestTimeout", 400), TransientError),
        (_answer("KeyTooLongError", 400), UsageError),
        (_answer("NotImplemented", 501), OpsctlError),
        (_answer("InvalidArgument", 400), OpsctlError),
        (sdk.NoCredentialsError(), DeniedError),
        (sdk.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), DeniedError),
        (sdk.TokenRetrievalError(provider="sso", error_msg="expired"), DeniedError),
        (sdk.ProfileNotFound(profile="nobody"), UsageError),
        (sdk.ParamValidationError(report="Invalid bucket name"), UsageError),
        (sdk.EndpointConnectionError(endpoint_url="http://x"), TransientError),
        (sdk.ConnectTimeoutError(endpoint_url="http://x"), TransientError),
        (sdk.ReadTimeoutError(endpoint_url="http://x"), TransientError),
        (sdk.ConnectionClosedError(endpoint_url="http://x"), TransientError),
        (sdk.SSLError(endpoint_url="http://x", error="self-signed"), TransientError),
        (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), TransientError),
        (sdk.FlexibleChecksumError(error_msg="differs"), TransientError),
        (sdk.DataNotFoundError(data_path="x"), OpsctlError),
    ],
)
def test_each_error_has_its_kind_and_names_the_object_on_one_line(error: Exception, kind: type[OpsctlError]) -> None:
    found = translate(error, name=NAME, host=HOST)
    assert type(found) is kind
    assert found.message.startswith(NAME)
    assert "\n" not in found.message
    if kind in {DeniedError, TransientError}:
        assert found.hint
    if kind is TransientError:
        assert HOST in found.message


def test_a_refusal_never_repeats_what_the_server_says_of_the_request() -> None:
    found = translate(_answer("SignatureDoesNotMatch", 403, "AWS4-HMAC-SHA256 Credential=AKIA"), name=NAME, host=HOST)
    assert "AKIA" not in f"{found} {found.hint}"


def test_only_errors_of_the_network_are_translated_while_reading() -> None:
    assert isinstance(translate_read(ConnectionResetError(), name=NAME, host=HOST), TransientError)
    assert isinstance(
        translate_read(sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), name=NAME, host=HOST), TransientError
    )
    assert translate_read(TypeError("a bug"), name=NAME, host=HOST) is None


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("", "s3.amazonaws.com:443"),
        ("http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://user:secret@minio.lab/x", "minio.lab:80"),
        ("https://minio.lab:port", "https://minio.lab:port"),
    ],
)
def test_a_host_is_named_without_what_else_the_endpoint_holds(endpoint: str, host: str) -> None:
    assert host_of(endpoint) == host


@given(size=st.integers(1, 50 * 1024**4))
def test_parts_always_suffice_and_are_never_too_small(size: int) -> None:
    part = part_size(size, smallest=8 * MIB)
    assert part >= 8 * MIB
    assert part % MIB == 0
    assert -(-size // part) <= 10_000


def test_parts_grow_only_when_they_must() -> None:
    assert part_size(10_000 * 8 * MIB, smallest=8 * MIB) == 8 * MIB
    assert part_size(10_000 * 8 * MIB + 1, smallest=8 * MIB) == 9 * MIB


@pytest.mark.parametrize(
    ("answer", "checksums"),
    [
        ({"ChecksumCRC32": "y/Q5Jg=="}, {"crc32": "cbf43926"}),
        ({"ChecksumCRC32": "y/Q5Jg==", "ChecksumType": "FULL_OBJECT"}, {"crc32": "cbf43926"}),
        ({"ChecksumCRC32": "y/Q5Jg==", "ChecksumType": "COMPOSITE"}, {}),
        ({"ChecksumSHA256": "y/Q5Jg==-3"}, {}),
        ({}, {}),
    ],
)
def test_a_digest_of_digests_is_not_one_of_the_object(answer: dict[str, str], checksums: dict[str, str]) -> None:
    info = from_answer("key", {"ETag": '"0123456789abcdef0123456789abcdef"', **answer}, size=9, mtime=1.0)
    assert info.checksums == checksums
    assert info.etag == "0123456789abcdef0123456789abcdef"


def test_nothing_is_sent_that_the_user_did_not_ask_for() -> None:
    assert put_arguments(None) == put_arguments(PutOptions()) == {}
    assert put_arguments(PutOptions(mtime=1.5, metadata={"a": "b"})) == {"Metadata": {"a": "b", "mtime": "1.5"}}


def test_an_endpoint_that_is_no_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"minio\.lab"):
        open_store("s3://b", options={"s3://b": {"endpoint": "minio.lab"}})


@pytest.mark.parametrize(
    ("options", "possible"),
    [
        ({"region": "eu-west-1"}, True),
        ({"region": "us-east-1", "anonymous": True}, False),
        ({"endpoint": "http://127.0.0.1:9000"}, False),
    ],
)
def test_only_stores_of_one_provider_and_account_copy_from_each_other(options: dict[str, Any], possible: bool) -> None:  # noqa: FBT001 - a case
    here, there = (open_store("s3://b", options={"s3://b": given}) for given in ({"region": "us-east-1"}, options))
    with contextlib.closing(here), contextlib.closing(there):
        assert isinstance(here, CanCopy)
        assert here.can_copy_from(there) == possible
