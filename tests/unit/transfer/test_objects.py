"""One object on its way: never a mixture of two states, never damaged bytes that count as copied."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opsctl.errors import LocalIOError, OpsctlError, TransientError
from opsctl.storage import ObjectInfo, PutOptions, Store, open_store
from opsctl.storage.backends.file import FileStore
from opsctl.storage.backends.memory import MemoryStore
from opsctl.storage.url import StoreURL, parse_url
from opsctl.transfer.objects import copy_object
from opsctl.transfer.verification import SourceBody

SIZE = 3_000_000


class Hooked(MemoryStore):
    """A target that lets something happen when half of the body has been read."""

    happens: Callable[[], object] = staticmethod(lambda: None)
    streams = True

    def can_copy_from(self, source: Store) -> bool:
        return not self.streams

    def put(self, key: str, body: Any, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        first = body.read(size // 2)
        self.happens()
        return super().put(key, Rest(first, body), size=size, options=options)


class Rest(io.RawIOBase):
    """What was read already, and then the rest, in bites."""

    def __init__(self, first: bytes, rest: Any) -> None:
        self.first, self.rest = first, rest

    def read(self, amount: int = -1) -> bytes:
        if self.first:
            piece, self.first = self.first[:amount], self.first[amount:]
            return piece
        return self.rest.read(min(amount, 65536))


@pytest.fixture
def source(tmp_path: Path) -> FileStore:
    store = FileStore(StoreURL("file", "", str(tmp_path / "from")))
    store.put("dir/key", io.BytesIO(os.urandom(SIZE)), size=SIZE)
    return store


@pytest.fixture
def target(tmp_path: Path) -> Hooked:
    store = Hooked(parse_url(f"mem://{tmp_path.name}"))
    store.make_bucket()
    return store


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other bytes, same size")


def replace(path: Path) -> None:
    (path.parent / "new").write_bytes(bytes(SIZE))
    (path.parent / "new").rename(path)


CHANGES = {
    "grows": append,
    "shrinks": lambda path: os.truncate(path, SIZE - 10),
    "shrinks to what was read": lambda path: os.truncate(path, SIZE // 2),
    "is rewritten": rewrite,
    "is replaced": replace,
    "is deleted": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changes_during_its_upload_is_never_published(
    source: FileStore, target: Hooked, change: Callable[[Path], object]
) -> None:
    target.put("key", io.BytesIO(b"old"), size=3)
    target.happens = lambda: change(Path(source.root, "dir/key"))
    with pytest.raises(OpsctlError, match="dir/key"):
        copy_object(source, "dir/key", target, "key")
    assert target.get("key").read() == b"old"


def test_a_file_that_does_not_change_arrives_with_its_digests_checked(source: FileStore, target: Hooked) -> None:
    moved: list[int] = []
    written = copy_object(source, "dir/key", target, "key", moved=moved.append)
    assert sum(moved) == written.size == SIZE
    assert target.get("key").read() == source.get("dir/key").read()


@pytest.mark.parametrize("size", [0, 1])
def test_the_smallest_files_arrive_too(source: FileStore, target: Hooked, size: int) -> None:
    source.put("small", io.BytesIO(bytes(size)), size=size)
    assert copy_object(source, "small", target, "small", verify="sha256").size == size


class Lying(Hooked):
    """A target that says something else than it was given."""

    says: dict[str, Any]

    def put(self, key: str, body: Any, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        return msgspec.structs.replace(super().put(key, body, size=size, options=options), **self.says)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"size": SIZE - 1}, f"arrived with {SIZE - 1} of {SIZE} bytes"),
        ({"checksums": {"md5": "0" * 32}}, "arrived damaged: md5 differs"),
        ({"checksums": {"crc32": "0" * 8}}, "arrived damaged: crc32 differs"),
    ],
)
def test_what_arrived_otherwise_is_an_error_and_removed(
    source: FileStore, target: Hooked, says: dict[str, Any], reason: str
) -> None:
    lying = Lying(target._root.url)
    lying.says = says
    with pytest.raises(TransientError, match=reason):
        copy_object(source, "dir/key", lying, "key")
    assert list(target.scan()) == []


class Damaging(Hooked):
    """A target that keeps something else than it was given, and does not notice."""

    def put(self, key: str, body: Any, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        super().put(key, body, size=size, options=options)
        return msgspec.structs.replace(super().put(key, io.BytesIO(bytes(size)), size=size), checksums={})

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        size = source.stat(source_key).size
        return MemoryStore.put(self, key, io.BytesIO(bytes(size)), size=size)


@pytest.mark.parametrize("streams", [True, False])
def test_reading_back_finds_what_the_target_did_not_notice(source: FileStore, target: Hooked, streams: object) -> None:
    damaging = Damaging(target._root.url)
    damaging.streams = bool(streams)
    copy_object(source, "dir/key", damaging, "key")
    with pytest.raises(TransientError, match="arrived damaged: sha256 differs"):
        copy_object(source, "dir/key", damaging, "key", verify="sha256")
    assert list(target.scan()) == []


def test_inside_one_kind_of_store_the_store_copies(source: FileStore, tmp_path: Path) -> None:
    other = open_store(f"file://{tmp_path}/to")
    moved: list[int] = []
    copy_object(source, "dir/key", other, "a/b", verify="sha256", moved=moved.append)
    assert moved == [SIZE]
    assert Path(tmp_path, "to/a/b").stat().st_mtime_ns == Path(source.root, "dir/key").stat().st_mtime_ns


class Rewinding(Hooked):
    """A target that reads the body twice, as SDKs do when they sign it or try again."""

    def put(self, key: str, body: Any, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        body.seek(0, os.SEEK_END)
        assert body.tell() == size
        body.seek(0)
        body.read(1000)
        body.seek(0)
        return MemoryStore.put(self, key, body, size=size, options=options)


def test_a_target_that_starts_over_gets_and_proves_the_same_bytes(source: FileStore, target: Hooked) -> None:
    moved: list[int] = []
    copy_object(source, "dir/key", Rewinding(target._root.url), "key", moved=moved.append)
    assert sum(moved) == SIZE
    assert target.get("key").read() == source.get("dir/key").read()


def test_digests_of_what_was_not_read_through_are_not_claimed() -> None:
    body = SourceBody(io.BytesIO(b"0123456789"), size=10, unchanged=lambda: None, moved=None, algorithms=("md5",))
    body.seek(5)
    assert bytes(body.read()) == b"56789"
    assert body.digests() == {}
    buffer = bytearray(4)
    body.seek(0)
    assert body.readinto(buffer) == 4
    assert body.digests() == {}


def test_a_source_that_vanished_is_an_error(source: FileStore, target: Hooked) -> None:
    with pytest.raises(OpsctlError, match="missing"):
        copy_object(source, "missing", target, "key")
    assert LocalIOError.exit_code == 1
