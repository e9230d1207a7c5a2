"""s3:// keeps its promises on moto."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import ClassVar

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


class TestMoto(
    StoreConformance,
    PutIfConformance,
    CopyConformance,
    MultipartConformance,
    PresignConformance,
    BucketConformance,
):
    deviations: ClassVar = {"test_an_aborted_upload_cannot_finish": "moto answers 500 to an unknown upload"}
    mangled_keys: ClassVar = {
        "newline": "no route of moto matches a newline: 404",
        "control": "moto writes start-after into the XML of its answer as it is: 500",
    }

    @pytest.fixture
    def bucket(self, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAt]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        bucket = f"s3://moto-{uuid.uuid4().hex}"
        with contextlib.ExitStack() as stack:
            yield lambda name: stack.enter_context(
                contextlib.closing(open_store(f"{bucket}/{name}", options={bucket: {"endpoint": moto_endpoint}}))
            )

    @pytest.fixture
    def open_at(self, bucket: OpenAt) -> OpenAt:
        root = bucket("")
        assert isinstance(root, S3Store)
        root.make_bucket()
        return bucket

    @pytest.fixture
    def missing_bucket(self, bucket: OpenAt) -> Store:
        return bucket("prefix")
