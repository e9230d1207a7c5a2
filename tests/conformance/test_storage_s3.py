"""s3:// keeps its promises on three servers, each of which gets something else right."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import pytest

from opsctl.storage import Store, open_store
from opsctl.storage.backends.s3 import S3Store
from opsctl.testing.storage import (
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PresignConformance,
    PutIfConformance,
    StoreConformance,
)


class Server(NamedTuple):
    """An endpoint, who to be there, and what to tell the backend of it."""

    endpoint: str
    key: str = "test"
    secret: str = "test"
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


class S3Conformance(StoreConformance, CopyConformance, MultipartConformance, PresignConformance, BucketConformance):
    @pytest.fixture
    def bucket(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAt]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
        bucket = f"s3://bucket-{uuid.uuid4().hex}"
        options = {bucket: {"endpoint": server.endpoint, **server.options}}
        with contextlib.ExitStack() as stack:
            yield lambda name: stack.enter_context(contextlib.closing(open_store(f"{bucket}/{name}", options=options)))

    @pytest.fixture
    def open_at(self, bucket: OpenAt) -> OpenAt:
        root = bucket("")
        assert isinstance(root, S3Store)
        root.make_bucket()
        return bucket

    @pytest.fixture
    def missing_bucket(self, bucket: OpenAt) -> Store:
        return bucket("prefix")


class TestMoto(S3Conformance, PutIfConformance):
    """In PyPI, so always there."""

    deviations: ClassVar = {"test_an_aborted_upload_cannot_finish": "moto answers 500 to an unknown upload"}
    mangled_keys: ClassVar = {
        "newline": "no route of moto matches a newline: 404",
        "control": "moto writes start-after into the XML of its answer as it is: 500",
    }

    @pytest.fixture
    def server(self, moto_endpoint: str) -> Server:
        return Server(moto_endpoint)


class TestLocalStack(S3Conformance, PutIfConformance):
    """Closest to AWS."""

    deviations: ClassVar = {
        # https://github.com/localstack/localstack/pull/13746
        "test_a_scan_can_start_after_any_key": "4.13 compares start-after with keys that it has percent-encoded",
    }
    mangled_keys: ClassVar = {"control": "start-after is written into the XML of the answer as it is: 500"}

    @pytest.fixture
    def server(self, localstack_endpoint: str) -> Server:
        return Server(localstack_endpoint)


class TestRclone(S3Conformance):
    """Checks signatures; keeps objects as files; has no conditional writes, which the option `conditional` says."""

    deviations: ClassVar = {
        "test_a_part_that_is_sent_again_replaces_the_first": "parts are streamed on and cannot be replaced: 501",
        "test_put_returns_what_stat_returns": "the etag of an upload in parts is another once it is finished",
        "test_a_key_can_also_be_the_directory_of_others": "a name is a file or a directory",
    }
    mangled_keys: ClassVar = {
        "control": "start-after is written into the XML of the answer as it is: 500",
        "double-slash": "not a path: 400",
        "slash-end": "a directory, listed as a file",
    }

    @pytest.fixture
    def server(self, rclone_s3: Any) -> Server:
        return Server(rclone_s3.endpoint, rclone_s3.key, rclone_s3.secret, {"conditional": False})
