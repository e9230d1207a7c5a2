"""The suites of the optional powers; a page inherits those that its store claims."""

from __future__ import annotations

import io
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Protocol, cast

import pytest

from opsctl.errors import ConflictError, LocalIOError, NotFoundError, UsageError
from opsctl.storage.protocol import (
    CanCopy,
    CanMultipart,
    CanPresign,
    CanPutIf,
    HasBuckets,
    HasUploads,
    Part,
    PutOptions,
    Store,
)
from opsctl.testing.storage.base import MIB, Conformance, OpenAt, keys, put, read
from opsctl.testing.storage.bodies import Pipe, content
from opsctl.testing.storage.names import HOSTILE, LEAVING

__all__ = [
    "BucketConformance",
    "CopyConformance",
    "MultipartConformance",
    "PresignConformance",
    "PutIfConformance",
    "UploadsConformance",
]


class _CasStore(Store, CanPutIf, Protocol): ...


class _CopyStore(Store, CanCopy, Protocol): ...


class _PartsStore(Store, CanMultipart, Protocol): ...


class _LeftoverStore(Store, HasUploads, Protocol): ...


class _PresignStore(Store, CanPresign, Protocol): ...


class _BucketStore(Store, HasBuckets, Protocol): ...


class PutIfConformance(Conformance):
    """Conditional writes: exactly one winner."""

    power = CanPutIf

    def test_put_if_creates_once(self, store: _CasStore) -> None:
        first = store.put_if("lock", b"mine", match=None)
        with pytest.raises(ConflictError, match="lock"):
            store.put_if("lock", b"theirs", match=None)
        assert read(store, "lock") == b"mine"
        assert (first.key, first.size, first.etag) == ("lock", 4, store.stat("lock").etag)

    def test_put_if_replaces_only_what_it_knows(self, store: _CasStore) -> None:
        first = store.put_if("record", b"1", match=None)
        second = store.put_if("record", b"2", match=first.etag)
        with pytest.raises(ConflictError, match="record"):
            store.put_if("record", b"3", match=first.etag)
        assert read(store, "record") == b"2"
        third = store.put_if("record", b"", match=store.stat("record").etag)
        assert len({first.etag, second.etag, third.etag}) == 3
        assert read(store, "record") == b""

    def test_put_if_knows_what_a_plain_put_wrote(self, store: _CasStore) -> None:
        etag = put(store, "record", b"1").etag
        store.put_if("record", b"2", match=etag)
        assert read(store, "record") == b"2"

    def test_put_if_never_revives_what_is_gone(self, store: _CasStore) -> None:
        first = store.put_if("record", b"1", match=None)
        store.delete("record")
        with pytest.raises(ConflictError, match="record"):
            store.put_if("record", b"2", match=first.etag)
        assert keys(store) == []

    def test_put_if_refuses_keys_that_leave_the_root(self, store: _CasStore) -> None:
        for key in LEAVING.values():
            with pytest.raises(UsageError):
                store.put_if(key, b"x", match=None)

    def test_put_if_leaves_no_trace_in_the_metadata(self, store: _CasStore) -> None:
        store.put_if("record", b"1", match=None)
        assert dict(store.stat("record").metadata) == {}

    def test_of_many_that_create_one_wins(self, open_at: OpenAt) -> None:
        stores = [open_at("root") for _ in range(2)]

        def create(turn: int) -> bytes | None:
            store = stores[turn % 2]
            assert isinstance(store, CanPutIf)
            data = b"%d" % turn
            try:
                store.put_if(f"race/{turn // 6}", data, match=None)
            except ConflictError:
                return None
            return data

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(create, range(60)))
        for number in range(10):
            winners = [data for data in results[number * 6 : number * 6 + 6] if data is not None]
            assert winners == [read(stores[0], f"race/{number}")]

    def test_no_increment_of_a_counter_is_lost(self, store: _CasStore) -> None:
        store.put_if("counter", b"0", match=None)

        def increment(_: int) -> None:
            while True:
                etag = store.stat("counter").etag
                value = int(read(store, "counter"))
                try:
                    store.put_if("counter", b"%d" % (value + 1), match=etag)
                except ConflictError:
                    continue
                return

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(increment, range(24)))
        assert read(store, "counter") == b"24"


class CopyConformance(Conformance):
    """Copies that the provider does itself."""

    power = CanCopy

    copied_sizes: ClassVar[tuple[int, ...]] = (0, 1, 17 * MIB)

    def test_a_copy_is_the_same_bytes(self, store: _CopyStore) -> None:
        assert store.can_copy_from(store)
        for size in self.copied_sizes:
            put(store, "source", content(size))
            copied = store.copy_from(store, "source", "to/target")
            assert read(store, "to/target") == content(size)
            assert (copied.key, copied.size, copied.etag) == ("to/target", size, store.stat("to/target").etag)

    def test_a_copy_keeps_metadata_type_and_mtime(self, store: _CopyStore) -> None:
        options = PutOptions(content_type="text/x-log", metadata={"owner": "ops"}, mtime=1_600_000_000.25)
        put(store, "source", b"x", options=options)
        store.copy_from(store, "source", "target")
        found = store.stat("target")
        assert (found.content_type, dict(found.metadata)) == ("text/x-log", {"owner": "ops"})
        assert found.mtime == pytest.approx(1_600_000_000.25, abs=1e-6)

    def test_a_copy_crosses_roots(self, open_at: OpenAt) -> None:
        source, target = open_at("root"), open_at("other/place")
        assert isinstance(target, CanCopy)
        put(source, "a/b", b"data")
        assert target.can_copy_from(source)
        target.copy_from(source, "a/b", "c")
        assert (keys(target), read(target, "c"), read(source, "a/b")) == (["c"], b"data", b"data")

    def test_a_copy_replaces_what_is_there(self, store: _CopyStore) -> None:
        put(store, "source", b"new")
        put(store, "target", b"old", options=PutOptions(metadata={"old": "yes"}))
        store.copy_from(store, "source", "target")
        assert (read(store, "target"), dict(store.stat("target").metadata)) == (b"new", {})

    def test_a_copy_onto_itself_changes_nothing(self, store: _CopyStore) -> None:
        put(store, "key", b"data", options=PutOptions(metadata={"owner": "ops"}))
        copied = store.copy_from(store, "key", "key")
        assert (read(store, "key"), copied.size) == (b"data", 4)
        assert dict(store.stat("key").metadata) == {"owner": "ops"}

    def test_copies_of_hostile_keys(self, store: _CopyStore) -> None:
        refused: Mapping[str, str] = getattr(self, "refused_keys", {}) | getattr(self, "mangled_keys", {})
        for case, key in HOSTILE.items():
            if case in refused:
                continue
            put(store, key, key.encode())
            store.copy_from(store, key, f"copy of/{key}")
            assert read(store, f"copy of/{key}") == key.encode(), case
            store.delete(f"copy of/{key}")

    def test_a_copy_of_nothing_is_not_found(self, store: _CopyStore) -> None:
        with pytest.raises(NotFoundError, match="absent"):
            store.copy_from(store, "absent", "target")
        assert keys(store) == []

    def test_a_copy_cannot_leave_either_root(self, store: _CopyStore) -> None:
        put(store, "key", b"x")
        for key in LEAVING.values():
            with pytest.raises(UsageError):
                store.copy_from(store, "key", key)
            with pytest.raises(UsageError):
                store.copy_from(store, key, "key")

    def test_other_kinds_of_stores_are_not_copied_from(self, store: _CopyStore) -> None:
        assert not store.can_copy_from(cast("Store", _Foreign()))


class _Foreign:
    """A store of another kind."""

    url = "foreign://x"

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} of a foreign store was used")


class MultipartConformance(Conformance):
    """Uploads in parts that outlive the process which began them."""

    power = CanMultipart

    part_size: ClassVar[int] = 5 * MIB
    """The smallest part that is not the last, in bytes."""

    def test_parts_may_come_in_any_order(self, store: _PartsStore) -> None:
        data = content(2 * self.part_size + 7)
        upload = store.begin_upload("key", options=PutOptions(content_type="text/x-log", metadata={"owner": "ops"}))
        parts = [self._send(store, upload, data, number) for number in (3, 1, 2)]
        assert keys(store) == []
        finished = store.finish_upload("key", upload, sorted(parts, key=lambda part: part.number))
        assert read(store, "key") == data
        found = store.stat("key")
        assert (finished.size, finished.etag) == (len(data), found.etag)
        assert (found.content_type, dict(found.metadata)) == ("text/x-log", {"owner": "ops"})

    def test_a_part_that_is_sent_again_replaces_the_first(self, store: _PartsStore) -> None:
        data = content(self.part_size + 7)
        upload = store.begin_upload("key", options=PutOptions(mtime=1_600_000_000.25))
        self._send(store, upload, content(len(data), seed=1), 1)
        parts = [self._send(store, upload, data, number) for number in (1, 2)]
        store.finish_upload("key", upload, parts)
        assert read(store, "key") == data
        assert store.stat("key").mtime == pytest.approx(1_600_000_000.25, abs=1e-6)

    def test_an_upload_outlives_the_store_object_that_began_it(self, open_at: OpenAt) -> None:
        data = content(self.part_size + 7)
        first, second = open_at("root"), open_at("root")
        assert isinstance(first, CanMultipart)
        assert isinstance(second, CanMultipart)
        upload = first.begin_upload("key")
        part = self._send(first, upload, data, 1)
        first.close()
        second.finish_upload("key", upload, [part, self._send(second, upload, data, 2)])
        assert read(second, "key") == data

    def test_an_upload_replaces_only_when_it_finishes(self, store: _PartsStore) -> None:
        put(store, "key", b"old")
        upload = store.begin_upload("key")
        part = self._send(store, upload, b"new", 1)
        assert read(store, "key") == b"old"
        store.finish_upload("key", upload, [part])
        assert read(store, "key") == b"new"

    def test_uploads_of_one_key_do_not_mix(self, store: _PartsStore) -> None:
        first, second = store.begin_upload("key"), store.begin_upload("key")
        assert first != second
        part = self._send(store, first, b"first", 1)
        self._send(store, second, b"second", 1)
        store.finish_upload("key", first, [part])
        assert read(store, "key") == b"first"
        store.abort_upload("key", second)
        assert read(store, "key") == b"first"

    def test_an_aborted_upload_leaves_nothing(self, store: _PartsStore) -> None:
        upload = store.begin_upload("key")
        self._send(store, upload, b"x", 1)
        store.abort_upload("key", upload)
        store.abort_upload("key", upload)
        assert keys(store) == []

    def test_an_aborted_upload_cannot_finish(self, store: _PartsStore) -> None:
        upload = store.begin_upload("key")
        part = self._send(store, upload, b"x", 1)
        store.abort_upload("key", upload)
        with pytest.raises((NotFoundError, ConflictError)):
            store.finish_upload("key", upload, [part])
        assert keys(store) == []

    def test_parts_are_read_to_their_size_and_no_further(self, store: _PartsStore) -> None:
        data = content(self.part_size + 7)
        body = Pipe(data)
        upload = store.begin_upload("key")
        sizes = {1: self.part_size, 2: 7}
        parts = [
            store.upload_part("key", upload, number=number, body=body, size=size)  # type: ignore[arg-type] # RawIOBase
            for number, size in sizes.items()
        ]
        assert [(part.number, part.size) for part in parts] == list(sizes.items())
        store.finish_upload("key", upload, parts)
        assert read(store, "key") == data

    def test_a_short_part_is_an_error(self, store: _PartsStore) -> None:
        upload = store.begin_upload("key")
        with pytest.raises(LocalIOError, match="key"):
            store.upload_part("key", upload, number=1, body=io.BytesIO(b"12"), size=3)
        store.abort_upload("key", upload)
        assert keys(store) == []

    def test_uploads_refuse_keys_that_leave_the_root(self, store: _PartsStore) -> None:
        for key in LEAVING.values():
            with pytest.raises(UsageError):
                store.begin_upload(key)

    def _send(self, store: CanMultipart, upload: str, data: bytes, number: int) -> Part:
        piece = data[(number - 1) * self.part_size : number * self.part_size]
        return store.upload_part("key", upload, number=number, body=io.BytesIO(piece), size=len(piece))


class PresignConformance(Conformance):
    """URLs that work without credentials for a while."""

    power = CanPresign

    presigned_put_headers: ClassVar[Mapping[str, str]] = {}
    """Headers that the provider wants of whoever uses a presigned PUT."""

    def test_a_presigned_url_reads_one_object(self, store: _PresignStore) -> None:
        for key in ("plain", "odd +%#?&=/ü🚀"):
            put(store, key, key.encode())
            assert _open(store.presign(key, method="GET", seconds=60)) == key.encode()

    def test_a_presigned_url_writes_one_object(self, store: _PresignStore) -> None:
        url = store.presign("dir/new", method="PUT", seconds=60)
        headers = {"Content-Type": "application/octet-stream", **self.presigned_put_headers}
        _open(urllib.request.Request(url, data=b"sent", method="PUT", headers=headers))  # noqa: S310 - our own URL
        assert read(store, "dir/new") == b"sent"

    def test_what_cannot_be_presigned_is_refused(self, store: _PresignStore) -> None:
        with pytest.raises(UsageError, match="DELETE"):
            store.presign("key", method="DELETE", seconds=60)
        for seconds in (0, -5):
            with pytest.raises(UsageError, match="second"):
                store.presign("key", method="GET", seconds=seconds)
        for key in LEAVING.values():
            with pytest.raises(UsageError):
                store.presign(key, method="GET", seconds=60)


def _open(request: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own URL
        data: bytes = answer.read()
        return data


class BucketConformance(Conformance):
    """Buckets that may have to be made first."""

    power = HasBuckets

    def test_a_bucket_is_made_used_and_removed(self, missing_bucket: _BucketStore) -> None:
        assert not missing_bucket.bucket_exists()
        missing_bucket.make_bucket()
        missing_bucket.make_bucket()
        assert missing_bucket.bucket_exists()
        put(missing_bucket, "key", b"x")
        with pytest.raises(ConflictError):
            missing_bucket.remove_bucket()
        missing_bucket.delete("key")
        missing_bucket.remove_bucket()
        assert not missing_bucket.bucket_exists()

    def test_nothing_is_written_without_its_bucket(self, missing_bucket: _BucketStore) -> None:
        with pytest.raises(NotFoundError, match=re.escape(missing_bucket.url)):
            put(missing_bucket, "key", b"x")

    def test_nothing_is_found_without_its_bucket(self, missing_bucket: _BucketStore) -> None:
        attempts: list[Callable[[], object]] = [
            lambda: missing_bucket.stat("key"),
            lambda: missing_bucket.get("key"),
            lambda: keys(missing_bucket),
            missing_bucket.remove_bucket,
        ]
        for attempt in attempts:
            with pytest.raises(NotFoundError, match=re.escape(missing_bucket.url)):
                attempt()


class UploadsConformance(Conformance):
    """What killed writers leave can be found and removed.

    A store whose leftovers are not those of `begin_upload` overrides `leave`.
    """

    power = HasUploads

    def leave(self, store: Store, key: str, data: bytes) -> None:
        """Leave an unfinished write of `data` to `key`."""
        assert isinstance(store, CanMultipart)
        upload = store.begin_upload(key)
        store.upload_part(key, upload, number=1, body=io.BytesIO(data), size=len(data))

    def test_leftovers_are_listed_and_are_no_objects(self, store: _LeftoverStore) -> None:
        before = time.time()
        self.leave(store, "dir/key", b"12345")
        put(store, "whole", b"x")
        [found] = store.uploads()
        assert found.key.startswith("dir/")
        assert found.size in {0, 5}
        assert before - 5 <= found.begun <= time.time() + 5
        assert keys(store) == ["whole"]

    def test_leftovers_of_other_roots_are_not_listed(self, open_at: OpenAt) -> None:
        self.leave(open_at("root/a"), "key", b"x")
        beside, above = cast("_LeftoverStore", open_at("root/ab")), cast("_LeftoverStore", open_at("root"))
        assert list(beside.uploads()) == []
        assert len(list(above.uploads())) == 1

    def test_leftovers_are_discarded_once_and_for_all(self, store: _LeftoverStore) -> None:
        self.leave(store, "dir/key", b"x")
        self.leave(store, "other", b"x")
        put(store, "dir/whole", b"x")
        first, second = sorted(store.uploads(), key=lambda found: found.key, reverse=True)
        for _ in range(2):
            store.discard_upload(first)
        assert [found.key for found in store.uploads()] == [second.key]
        assert keys(store) == ["dir/whole"]
