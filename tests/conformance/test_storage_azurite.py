"""az:// keeps its promises on Azurite."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from opsctl.storage import Store, open_store
from opsctl.storage.backends.azure import AzureStore
from opsctl.testing.storage import (
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PresignConformance,
    PutIfConformance,
    StoreConformance,
)


class TestAzurite(
    StoreConformance,
    PutIfConformance,
    CopyConformance,
    MultipartConformance,
    PresignConformance,
    BucketConformance,
):
    presigned_put_headers: ClassVar = {"x-ms-blob-type": "BlockBlob"}
    deviations: ClassVar = {
        "test_a_scan_does_not_order_by_utf16_units": "Azurite does; the scan is refused rather than misread",
        "test_an_aborted_upload_cannot_finish": "Azure cannot forget blocks; they expire after a week",
    }
    refused_keys: ClassVar = {
        "backslash": "becomes a slash",
        "dots": "dots at the end of a segment are dropped",
        "dot-end": "dots at the end of a segment are dropped",
        "newline": "no control characters",
        "tab": "no control characters",
        "carriage": "no control characters",
        "control": "no control characters",
        "delete": "no control characters",
    }

    @pytest.fixture
    def container(self, azurite: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAt]:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
        container = f"az://azurite-{uuid.uuid4().hex}"
        with contextlib.ExitStack() as stack:
            yield lambda name: stack.enter_context(contextlib.closing(open_store(f"{container}/{name}")))

    @pytest.fixture
    def open_at(self, container: OpenAt) -> OpenAt:
        root = container("")
        assert isinstance(root, AzureStore)
        root.make_bucket()
        return container

    @pytest.fixture
    def missing_bucket(self, container: OpenAt) -> Store:
        return container("prefix")
