"""az:// keeps its promises on Azurite."""

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from opsctl.storage import Store, open_store, parse_url
from opsctl.storage.backends.azure import AzureOptions
from opsctl.storage.backends.azure.store import AzureStore
from opsctl.testing.storage import (
    MIB,
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PresignConformance,
    PutIfConformance,
    StoreConformance,
    content,
    fill,
    keys,
    put,
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
    page: ClassVar = 100  # Azure's is 5,000; going over pages is tested below
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


def test_listings_go_over_pages(azurite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    url = parse_url(f"az://azurite-{uuid.uuid4().hex}/root")
    with contextlib.closing(AzureStore(url, AzureOptions(), page_size=3)) as store:
        store.make_bucket()
        for names in (["a", "b", "c"], ["a", "b", "c", "d"], ["a", "b", "c", "d", "e", "f", "g"]):
            fill(store, names)
            assert keys(store) == names
            assert keys(store, start_after="b") == names[2:]


def test_an_object_keeps_its_md5_however_it_was_sent(azurite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    with contextlib.closing(AzureStore(parse_url(f"az://azurite-{uuid.uuid4().hex}"), AzureOptions())) as store:
        store.make_bucket()
        for size in (3, 17 * MIB):
            written = put(store, "key", content(size))
            assert written.checksums == {"md5": hashlib.md5(content(size)).hexdigest()}  # noqa: S324 - what Azure keeps
            assert store.stat("key").checksums == written.checksums
            assert next(store.scan()).checksums == written.checksums
