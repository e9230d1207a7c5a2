"""`StoreConformance`: what every store does, whatever else it can do."""

from __future__ import annotations

import io
import itertools
import os
import time
import tracemalloc
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest

from opsctl.errors import LocalIOError, NotFoundError, OpsctlError, TransientError, UsageError
from opsctl.storage.protocol import (
    CanCopy,
    CanMultipart,
    CanPresign,
    CanPutIf,
    HasBuckets,
    HasUploads,
    PutOptions,
    Store,
)
from opsctl.storage.url import parse_url
from opsctl.testing.storage.base import MIB, Conformance, OpenAt, fill, keys, put, read
from opsctl.testing.storage.bodies import BrokenBody, Pipe, Zeros, content
from opsctl.testing.storage.names import BEYOND_16_BITS, HOSTILE, LEAVING, ORDERED

__all__ = ["OpenAt", "StoreConformance"]

_POWERS = (CanCopy, CanMultipart, CanPresign, CanPutIf, HasBuckets, HasUploads)


class StoreConformance(Conformance):
    """The five operations, on any store. See the package for how to use it."""

    sizes: ClassVar[tuple[int, ...]] = (0, 1, 255, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1, 24 * MIB)
    """Sizes to write and read back: where the store begins to send parts, whole parts, and one byte more."""

    large: ClassVar[int] = 17 * MIB
    """A size that the store sends in parts, if it ever does."""

    streamed: ClassVar[int] = 64 * MIB
    """A size that is much more than `memory`."""

    memory: ClassVar[int] = 48 * MIB
    """Bytes of Python objects that one transfer may hold at a time."""

    page: ClassVar[int] = 1000
    """Objects in one page of the server's listing, or how many of them its speed allows to be written."""

    mtime_precision: ClassVar[float] = 1e-6
    """Seconds to which the store keeps an mtime."""

    refused_keys: ClassVar[Mapping[str, str]] = {}
    """Case of `names.HOSTILE` that the store refuses with UsageError -> why."""

    mangled_keys: ClassVar[Mapping[str, str]] = {}
    """Case of `names.HOSTILE` that the server (not the store) gets wrong -> how; checked that it still does."""

    # -- what it claims

    def test_the_page_checks_exactly_the_powers_that_the_store_claims(self, store: Store) -> None:
        checked = {power for suite in type(self).__mro__ if (power := vars(suite).get("power")) is not None}
        claimed: object = store
        assert {power for power in _POWERS if isinstance(claimed, power)} == checked

    def test_its_url_can_be_parsed_and_holds_no_credential(self, store: Store) -> None:
        assert str(parse_url(store.url)) == store.url
        assert "@" not in store.url

    # -- one object

    def test_an_empty_store_has_nothing(self, store: Store) -> None:
        assert keys(store) == []
        with pytest.raises(NotFoundError, match="absent"):
            store.stat("absent")
        with pytest.raises(NotFoundError, match="absent"):
            store.get("absent")
        with pytest.raises(NotFoundError, match="absent"):
            store.get("absent", start=5, length=0)

    def test_objects_of_every_size_come_back_whole(self, store: Store) -> None:
        for size in self.sizes:
            data = content(size)
            put(store, "object", data)
            assert store.stat("object").size == size
            assert read(store, "object") == data, f"{size} bytes"

    def test_a_body_may_come_in_small_bites_and_cannot_be_rewound(self, store: Store) -> None:
        for size in (0, 300_000, self.large):
            store.put("piped", Pipe(content(size)), size=size)  # type: ignore[arg-type] # RawIOBase is a BinaryIO in all but name
            assert read(store, "piped") == content(size), f"{size} bytes"

    def test_put_returns_what_stat_returns(self, store: Store) -> None:
        for size in (3, self.large):
            written = put(store, "dir/object", content(size), options=PutOptions(mtime=1_700_000_000.5))
            found = store.stat("dir/object")
            assert (written.key, written.size) == ("dir/object", size)
            assert (written.key, written.size, written.etag) == (found.key, found.size, found.etag)
            assert written.mtime == pytest.approx(found.mtime, abs=self.mtime_precision)

    def test_a_put_replaces_everything_of_what_was_there(self, store: Store) -> None:
        first = put(store, "key", b"first", options=PutOptions(metadata={"old": "yes"}, content_type="text/plain"))
        second = put(store, "key", b"second!")
        assert read(store, "key") == b"second!"
        assert second.etag != first.etag
        assert "old" not in store.stat("key").metadata

    def test_an_etag_changes_with_the_content_and_only_then(self, store: Store) -> None:
        put(store, "key", b"1")
        before = store.stat("key")
        assert before.etag
        assert store.stat("key").etag == before.etag
        put(store, "key", b"2")
        assert store.stat("key").etag != before.etag

    def test_checksums_are_lower_case_hex(self, store: Store) -> None:
        put(store, "key", b"123456789")
        expected = {
            "md5": "25f9e794323b453885f5181f1b624d0b",
            "crc32": "cbf43926",
            "crc32c": "e3069283",
            "crc64nvme": "ae8b14860a799888",
            "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
            "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        }
        for info in (store.stat("key"), *store.scan()):
            for algorithm, digest in info.checksums.items():
                assert digest == expected[algorithm]

    def test_an_object_keeps_its_metadata_and_content_type(self, store: Store) -> None:
        metadata = {"owner": "ops", "build": "17 of 18"}
        for size in (3, self.large):
            options = PutOptions(content_type="text/x-log", cache_control="max-age=60", metadata=metadata, mtime=1.5)
            put(store, "key", content(size), options=options)
            found = store.stat("key")
            assert found.content_type == "text/x-log"
            assert dict(found.metadata) == metadata

    def test_an_object_keeps_its_mtime(self, store: Store) -> None:
        for mtime in (0.0, 1.5, 1_700_000_000.123456, 4_102_444_800.0):
            written = put(store, "key", b"x", options=PutOptions(mtime=mtime))
            assert written.mtime == pytest.approx(mtime, abs=self.mtime_precision)
            assert store.stat("key").mtime == pytest.approx(mtime, abs=self.mtime_precision)

    def test_an_object_without_mtime_is_as_old_as_its_write(self, store: Store) -> None:
        written = put(store, "key", b"x")
        for info in (written, store.stat("key"), *store.scan()):
            assert info.mtime == pytest.approx(time.time(), abs=3600)

    def test_deleting_twice_is_no_error(self, store: Store) -> None:
        put(store, "key", b"x")
        put(store, "keys", b"y")
        store.delete("key")
        store.delete("key")
        store.delete("never/was")
        assert keys(store) == ["keys"]
        with pytest.raises(NotFoundError):
            store.stat("key")

    def test_no_transfer_holds_a_large_object_in_memory(self, store: Store) -> None:
        tracemalloc.start()
        try:
            store.put("large", Zeros(self.streamed), size=self.streamed)  # type: ignore[arg-type] # RawIOBase
            assert tracemalloc.get_traced_memory()[1] < self.memory
            tracemalloc.reset_peak()
            with store.get("large") as body:
                read_back = sum(len(piece) for piece in iter(lambda: body.read(MIB), b""))
            assert read_back == self.streamed
            assert tracemalloc.get_traced_memory()[1] < self.memory
        finally:
            tracemalloc.stop()

    # -- ranges

    def test_ranges_are_slices(self, store: Store) -> None:
        data = b"0123456789"
        put(store, "ten", data)
        for start, length in itertools.product((0, 1, 5, 9, 10, 11, 1000), (None, 0, 1, 4, 5, 9, 10, 11, 1000)):
            expected = data[start:] if length is None else data[start : start + length]
            assert read(store, "ten", start=start, length=length) == expected, f"{start=} {length=}"

    def test_ranges_of_nothing_are_nothing(self, store: Store) -> None:
        put(store, "empty", b"")
        for start, length in itertools.product((0, 1), (None, 0, 1)):
            assert read(store, "empty", start=start, length=length) == b"", f"{start=} {length=}"

    def test_a_range_of_a_large_object_is_its_slice(self, store: Store) -> None:
        data = content(self.large)
        put(store, "large", data)
        start = self.large // 2 - 7
        assert read(store, "large", start=start, length=MIB + 3) == data[start : start + MIB + 3]
        assert read(store, "large", start=self.large - 5) == data[-5:]

    def test_a_body_can_be_read_in_pieces(self, store: Store) -> None:
        data = content(300_001)
        put(store, "key", data)
        with store.get("key") as body:
            first = body.read(10)
            pieces = [first, *iter(lambda: body.read(70_000), b"")]
            assert body.read(1) == b""
        assert len(first) == 10
        assert b"".join(pieces) == data

    def test_a_body_that_is_not_read_to_its_end_does_no_harm(self, store: Store) -> None:
        put(store, "key", content(3 * MIB))
        for _ in range(30):
            body = store.get("key")
            body.read(1)
            body.close()
        assert read(store, "key", length=5) == content(3 * MIB)[:5]

    # -- bodies that are not what was announced

    @pytest.mark.parametrize(("large", "there"), [(False, False), (False, True), (True, True)])
    def test_a_broken_body_leaves_what_was_there(self, store: Store, large: bool, there: bool) -> None:  # noqa: FBT001 - cases
        size = self.large if large else 1000
        data = content(size)
        if there:
            put(store, "key", b"old")
        broken = {
            "empty": io.BytesIO(),
            "short": io.BytesIO(data[:-1]),
            "long": io.BytesIO(data + b"!"),
            "exploding": BrokenBody(data[: size // 2], error=OSError(5, "Input/output error")),
            "exploding late": BrokenBody(data, error=OSError(5, "Input/output error")),
        }
        for case, body in broken.items():
            with pytest.raises(LocalIOError, match="key"):
                store.put("key", body, size=size)  # type: ignore[arg-type] # RawIOBase is a BinaryIO in all but name
            assert keys(store) == (["key"] if there else []), case
        assert not there or read(store, "key") == b"old"

    def test_an_error_of_the_other_store_passes_through_a_put(self, store: Store) -> None:
        for size in (1000, self.large):
            lost = BrokenBody(content(size)[: size // 2], error=TransientError("the other side went away"))
            with pytest.raises(TransientError, match="the other side went away"):
                store.put("key", lost, size=size)  # type: ignore[arg-type] # RawIOBase is a BinaryIO in all but name
            assert keys(store) == []

    # -- listings

    def test_a_scan_is_in_the_order_of_utf8_bytes(self, store: Store) -> None:
        fill(store, ORDERED)
        assert keys(store) == ORDERED

    def test_a_scan_does_not_order_by_utf16_units(self, store: Store) -> None:
        fill(store, BEYOND_16_BITS)
        assert keys(store) == BEYOND_16_BITS

    def test_a_prefix_is_a_plain_prefix(self, store: Store) -> None:
        fill(store, ORDERED)
        for prefix in ("a", "aa", "dir", "dir/", "dir/b", "dir1", "ü", "x", "dir/b/c", "dir/b/c/"):
            assert keys(store, prefix) == [key for key in ORDERED if key.startswith(prefix)], prefix

    def test_a_scan_can_start_after_any_key(self, store: Store) -> None:
        fill(store, ORDERED)
        for after in (*ORDERED, "A", "dir", "dir/", "dir/zz", "\U0010ffff"):
            expected = [key for key in ORDERED if key.encode() > after.encode()]
            assert keys(store, start_after=after) == expected, after
            assert keys(store, "dir", start_after=after) == [key for key in expected if key.startswith("dir")], after

    def test_a_scan_says_what_stat_says(self, store: Store) -> None:
        put(store, "a/b", b"123")
        [found] = store.scan()
        stat = store.stat("a/b")
        assert (found.key, found.size, found.etag) == (stat.key, stat.size, stat.etag)

    def test_a_scan_cannot_look_out_of_the_root(self, open_at: OpenAt) -> None:
        put(open_at("other"), "secret", b"x")
        for prefix in ("..", "../", "../other", "../other/", "/"):
            try:
                assert keys(open_at("root"), prefix) == [], prefix
            except UsageError:
                continue

    def test_roots_beside_each_other_are_apart(self, open_at: OpenAt) -> None:
        put(open_at("root"), "a", b"1")
        put(open_at("root2"), "b", b"2")
        put(open_at("roo"), "c", b"3")
        assert keys(open_at("root")) == ["a"]
        assert keys(open_at("root2")) == ["b"]
        assert keys(open_at("root/a")) == []

    def test_listings_of_more_than_a_page(self, store: Store) -> None:
        names = [f"n/{number:04}" for number in range(self.page + 1)]
        fill(store, names[:-1])
        assert keys(store) == names[:-1]
        fill(store, names[-1:])
        assert keys(store) == names
        assert keys(store, "n/", start_after=names[-3]) == names[-2:]
        assert keys(store, start_after=names[0]) == names[1:]
        assert [info.key for info in itertools.islice(store.scan(), 2)] == names[:2]

    # -- keys

    def test_keys_that_leave_the_root_are_refused(self, store: Store) -> None:
        for case, key in LEAVING.items():
            for attempt in (store.stat, store.get, store.delete, lambda key: put(store, key, b"x")):
                try:
                    attempt(key)
                except UsageError:
                    continue
                pytest.fail(f"{case}: {key!r} was not refused")

    def test_hostile_keys_are_kept_to_the_letter_or_refused(self, store: Store) -> None:
        wrong = {case: why for case, key in HOSTILE.items() if (why := self._mangles(store, case, key))}
        assert wrong.keys() == self.mangled_keys.keys(), wrong

    def _mangles(self, store: Store, case: str, key: str) -> str:
        if case in self.refused_keys:
            with pytest.raises(UsageError):
                put(store, key, b"x")
            return "" if keys(store) == [] else "refused, but written"
        data = key.encode()
        try:
            put(store, key, data)
            found = {"scan": keys(store), "prefix": keys(store, key), "after": keys(store, start_after=key)}
            kept = found == {"scan": [key], "prefix": [key], "after": []}
            kept = kept and read(store, key) == data and store.stat(key).key == key
            store.delete(key)
            left = keys(store)
        except OpsctlError as error:
            with suppress(OpsctlError):
                store.delete(key)
            return repr(error)
        for name in left:
            store.delete(name)
        return "" if kept and not left else f"{found}, left behind: {left}"

    def test_keys_that_look_alike_are_different(self, store: Store) -> None:
        alike = ["caf\u00e9", "cafe\u0301", "Key", "key", "a b", "a+b", "a%20b", "%41", "A", "x", "x;", "x,"]
        for key in alike:
            put(store, key, key.encode())
        assert keys(store) == sorted(alike, key=str.encode)
        assert [read(store, key) for key in alike] == [key.encode() for key in alike]

    def test_a_key_can_also_be_the_directory_of_others(self, store: Store) -> None:
        put(store, "d", b"1")
        put(store, "d/e", b"2")
        assert keys(store) == ["d", "d/e"]
        assert (read(store, "d"), read(store, "d/e")) == (b"1", b"2")
        store.delete("d")
        assert keys(store) == ["d/e"]

    # -- many at once

    def test_one_store_serves_many_threads(self, store: Store) -> None:
        def work(number: int) -> None:
            key, data = f"t/{number}", content(50_000, seed=number)
            assert put(store, key, data).size == len(data)
            assert store.stat(key).size == len(data)
            assert read(store, key) == data
            assert key in keys(store, "t/")
            store.delete(key)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(work, range(48)))
        assert keys(store) == []

    def test_concurrent_puts_of_one_key_leave_one_of_them_whole(self, open_at: OpenAt) -> None:
        stores = [open_at("root") for _ in range(2)]
        bodies = [content(200_000 + number, seed=number) for number in range(12)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda number: put(stores[number % 2], "key", bodies[number]), range(12)))
        assert read(stores[0], "key") in bodies
        assert keys(stores[0]) == ["key"]

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open connections are counted by /proc")
    def test_a_closed_store_keeps_no_connection(self, open_at: OpenAt) -> None:
        before = _sockets()
        for _ in range(3):
            store = open_at("root")
            fill(store, [f"{number}" for number in range(8)], data=b"x")
            store.get("1").close()
            store.close()
        deadline = time.monotonic() + 10
        while _sockets() > before and time.monotonic() < deadline:
            time.sleep(0.01)  # a server in this process closes its end in its own time
        assert _sockets() <= before


def _sockets() -> int:
    links = []
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names only
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115 - a link to no file
        except FileNotFoundError:  # closed meanwhile
            continue
    return sum(link.startswith("socket:") for link in links)
