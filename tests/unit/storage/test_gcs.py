"""Every error of Google's SDK has one meaning in opsctl; parts are composed 32 at a time; names that are refused."""

from typing import Any

import pytest
import requests
import urllib3.exceptions
from google.api_core import exceptions as sdk
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError
from opsctl.storage import Part, open_store
from opsctl.storage.backends.gcs.errors import translate, translate_read
from opsctl.storage.backends.gcs.objects import check_name
from opsctl.storage.backends.gcs.parts import compose

NAME, HOST = "gs://bucket/key", "storage.googleapis.com:443"


def _response(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = b"{}"
    response.request = requests.Request("GET", "http://x").prepare()
    return response


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.NotFound("x"), NotFoundError),
        (sdk.Forbidden("x"), DeniedError),
        (sdk.Unauthorized("x"), DeniedError),
        (sdk.Forbidden("x", errors=[{"reason": "rateLimitExceeded"}]), TransientError),
        (sdk.TooManyRequests("x"), TransientError),
        (sdk.ServiceUnavailable("x"), TransientError),
        (sdk.PreconditionFailed("x"), ConflictError),
        (sdk.Conflict("x"), ConflictError),
        (sdk.BadRequest("x"), UsageError),
        (sdk.MethodNotImplemented("x"), OpsctlError),
        (sdk.RetryError("x", cause=sdk.ServiceUnavailable("x")), TransientError),
        (sdk.RetryError("x", cause=sdk.Forbidden("x")), DeniedError),
        (sdk.RetryError("x", cause=None), TransientError),
        (InvalidResponse(_response(412), "x"), ConflictError),
        (DataCorruption(_response(200), "x"), TransientError),
        (auth.DefaultCredentialsError("x"), DeniedError),
        (auth.RefreshError("x"), DeniedError),
        (auth.TransportError("x"), TransientError),
        (requests.ConnectionError("x"), TransientError),
        (requests.exceptions.ChunkedEncodingError("x"), TransientError),
    ],
)
def test_each_error_has_its_kind_and_names_the_object(error: Exception, kind: type[OpsctlError]) -> None:
    found = translate(error, name=NAME, host=HOST)
    assert type(found) is kind
    assert found.message.startswith(NAME)
    if kind in {DeniedError, TransientError}:
        assert found.hint


def test_only_errors_of_the_network_are_translated_while_reading() -> None:
    for error in (ConnectionResetError(), urllib3.exceptions.ProtocolError("x")):
        assert isinstance(translate_read(error, name=NAME, host=HOST), TransientError)
    assert translate_read(TypeError("a bug"), name=NAME, host=HOST) is None


class _Bucket:
    """Composes names as the service composes bytes."""

    def __init__(self) -> None:
        self.contents: dict[str, list[str]] = {}
        self.most = 0

    def blob(self, name: str, generation: int | None = None) -> "_Blob":
        return _Blob(self, name)


class _Blob:
    def __init__(self, bucket: _Bucket, name: str) -> None:
        self.bucket, self.name = bucket, name

    def compose(self, sources: list["_Blob"], **_: Any) -> None:
        self.bucket.most = max(self.bucket.most, len(sources))
        contents = [part for source in sources for part in self.bucket.contents.get(source.name, [source.name])]
        self.bucket.contents[self.name] = contents


@pytest.mark.parametrize("number", [1, 2, 32, 33, 1024, 1025, 3000])
def test_any_number_of_parts_is_composed_in_order_32_at_a_time(number: int) -> None:
    bucket = _Bucket()
    parts = [Part(index, "7", 1) for index in range(1, number + 1)]
    compose(bucket, bucket.blob("target"), "root/", "token", parts)
    assert bucket.contents["target"] == [f"root/.opsctl-upload/token/{index:05}" for index in range(1, number + 1)]
    assert bucket.most <= 32


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "x" * 1025, "ü" * 513])
def test_names_that_the_service_refuses_are_refused_here(name: str) -> None:
    with pytest.raises(UsageError, match="gs://b/x"):
        check_name(name, shown="gs://b/x")


def test_an_endpoint_or_a_bucket_that_cannot_be_one_is_a_usage_error() -> None:
    for url, options in (("gs://b", {"endpoint": "x", "anonymous": True}), ("gs://-b-", {"anonymous": True})):
        with pytest.raises(UsageError, match=url):
            open_store(url, options={url: options})
