"""Files and memory keep the promises of stores."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from opsctl.storage import Store, open_store
from opsctl.storage.backends.file import FileStore
from opsctl.storage.backends.memory import MemoryStore
from opsctl.storage.localfs import TEMP_PREFIX
from opsctl.storage.url import parse_url
from opsctl.testing.storage import (
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PutIfConformance,
    StoreConformance,
    UploadsConformance,
)


class TestFileStore(StoreConformance, PutIfConformance, CopyConformance, UploadsConformance, BucketConformance):
    """file:// keeps its promises; what a file system cannot hold is declared."""

    refused_keys: ClassVar = {
        "double-slash": "an empty name",
        "slash-end": "an empty name",
    }
    deviations: ClassVar = {
        "test_an_object_keeps_its_metadata_and_content_type": "a file has neither",
        "test_a_copy_keeps_metadata_type_and_mtime": "a file has an mtime only",
        "test_a_copy_onto_itself_changes_nothing": "a file has no metadata",
        "test_a_key_can_also_be_the_directory_of_others": "a name is a file or a directory",
        "test_nothing_is_written_without_its_bucket": "a directory is made by the first write",
        "test_roots_beside_each_other_are_apart": "a root that is a file is refused, not empty",
    }

    @pytest.fixture
    def open_at(self, tmp_path: Path) -> OpenAt:
        def open_at(name: str) -> FileStore:
            store = FileStore(parse_url(f"file://{tmp_path}/{name}"))
            with contextlib.suppress(FileExistsError):
                Path(store.root).mkdir(parents=True)
            return store

        return open_at

    def leave(self, store: Store, key: str, data: bytes) -> None:
        assert isinstance(store, FileStore)
        directory, _, name = f"{store.root}/{key}".rpartition("/")
        Path(directory).mkdir(parents=True, exist_ok=True)
        Path(directory, f"{TEMP_PREFIX}999999999-{name}").write_bytes(data)

    @pytest.fixture
    def missing_bucket(self, tmp_path: Path) -> FileStore:
        return FileStore(parse_url(f"file://{tmp_path}/missing/root"))


class TestMemoryStore(
    StoreConformance,
    PutIfConformance,
    CopyConformance,
    MultipartConformance,
    UploadsConformance,
    BucketConformance,
):
    """mem:// keeps its promises."""

    deviations: ClassVar = {
        "test_nothing_is_written_without_its_bucket": "a bucket is made by the first write",
        "test_no_transfer_holds_a_large_object_in_memory": "objects are in memory",
    }

    @pytest.fixture
    def open_at(self, tmp_path: Path) -> Iterator[OpenAt]:
        bucket = f"mem://{tmp_path.name}"
        MemoryStore(parse_url(bucket)).make_bucket()
        yield lambda name: open_store(f"{bucket}/{name}")
        with contextlib.suppress(Exception):
            whole = MemoryStore(parse_url(bucket))
            for info in whole.scan():
                whole.delete(info.key)
            whole.remove_bucket()

    @pytest.fixture
    def missing_bucket(self, tmp_path: Path) -> MemoryStore:
        return MemoryStore(parse_url(f"mem://{tmp_path.name}-missing"))
