"""`move_object`, `create_object`, streams, removal, usage, checks, cleanup, throttle: the parts around copies."""

import io
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.errors import ConflictError, LocalIOError, NotFoundError, PartialError, TransientError, UsageError
from opsctl.events import Event, Message
from opsctl.storage import ObjectInfo, PendingUpload, PutOptions, Store, open_store
from opsctl.storage.backends.memory import MemoryStore
from opsctl.testing.storage import content
from opsctl.testing.storage.bodies import BrokenBody, Pipe
from opsctl.transfer import (
    CheckRequest,
    Done,
    Filters,
    RemoveRequest,
    Rule,
    TransferError,
    check,
    clean,
    measure,
    remove,
)
from opsctl.transfer.objects import create_object, move_object
from opsctl.transfer.streams import put_stream
from opsctl.transfer.throttle import Throttle
from opsctl.transfer.trees import Tree


@pytest.fixture
def store() -> MemoryStore:
    made = open_store(f"mem://{uuid.uuid4().hex}")
    assert isinstance(made, MemoryStore)
    made.make_bucket()
    return made


def put(store: Store, key: str, data: bytes = b"x") -> None:
    store.put(key, io.BytesIO(data), size=len(data))


def keys(store: Store) -> list[str]:
    return [info.key for info in store.scan()]


# -- moves


class Losing(MemoryStore):
    """A store that says it has written, and has not."""

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        written = super().put(key, body, size=size, options=options)
        super().delete(key)
        return written

    def can_copy_from(self, source: Store) -> bool:
        return False


def test_case_41_a_source_stays_unless_its_copy_has_been_seen(store: MemoryStore) -> None:
    put(store, "k")
    with pytest.raises(NotFoundError):
        move_object(store, "k", Losing(open_store(f"{store.url}-b")._root.url), "k")  # type: ignore[attr-defined] # in memory
    assert keys(store) == ["k"]


def test_a_source_that_was_written_again_meanwhile_stays(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "k", b"first")
    target = open_store(f"{store.url}-b")
    delete = store.delete
    stat, asked = target.stat, []

    def late(key: str) -> ObjectInfo:
        asked.append(key)
        put(store, "k", b"again")
        return stat(key)

    monkeypatch.setattr(target, "stat", late)
    monkeypatch.setattr(store, "delete", delete)
    with pytest.raises(LocalIOError, match="changed while it was moved"):
        move_object(store, "k", target, "k")
    assert asked == ["k"]
    assert store.get("k").read() == b"again"


def test_of_many_that_create_one_object_one_succeeds(store: MemoryStore) -> None:
    source = open_store(f"{store.url}-b")
    put(source, "k")
    create_object(source, "k", store, "k")
    with pytest.raises(ConflictError):
        create_object(source, "k", store, "k")


def test_what_is_too_large_to_create_is_refused_unread(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "k", b"12345")
    monkeypatch.setattr("opsctl.transfer.objects.CREATE_MOST", 4)
    with pytest.raises(UsageError, match="too large"):
        create_object(store, "k", store, "other")


# -- streams


@given(st.integers(0, 100), st.integers(1, 40))
@settings(max_examples=60)
def test_a_stream_of_any_length_arrives_whole(size: int, part: int) -> None:
    for url in (f"mem://{uuid.uuid4().hex}",):
        store = open_store(url)
        options = PutOptions(content_type="text/x")
        put_stream(store, "k", Pipe(content(size), bite=7), options=options, part=part)  # type: ignore[arg-type] # RawIOBase
        assert store.get("k").read() == content(size)
        assert store.stat("k").content_type == "text/x"


def test_a_stream_to_a_file_goes_by_a_file(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/root")
    put_stream(store, "k", Pipe(content(1000)), part=64)  # type: ignore[arg-type] # RawIOBase
    assert (tmp_path / "root/k").read_bytes() == content(1000)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["k"]


@pytest.mark.parametrize("kind", ["mem", "file"])
def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path, kind: str) -> None:
    store = open_store(f"mem://{uuid.uuid4().hex}" if kind == "mem" else f"file://{tmp_path}")
    with pytest.raises(LocalIOError, match="cannot read the input: pipe"):
        put_stream(store, "k", BrokenBody(content(100), error=OSError(5, "pipe")), part=64)  # type: ignore[arg-type] # RawIOBase
    assert not isinstance(store, MemoryStore) or list(store.uploads()) == []
    assert not list(tmp_path.iterdir())


# -- removal


def test_one_that_cannot_be_deleted_leaves_the_others_deleted(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b", "c"):
        put(store, key)
    delete = MemoryStore.delete

    def refuse(self: MemoryStore, key: str) -> None:
        if key == "b":
            raise LocalIOError("no")
        delete(self, key)

    monkeypatch.setattr(MemoryStore, "delete", refuse)
    done: list[Done] = []
    with pytest.raises(TransferError, match="1 of 3 objects were not deleted; no"):
        remove(RemoveRequest((store.url,), recursive=True), each=done.append)
    assert keys(store) == ["b"]
    assert {(item.key, item.status) for item in done} == {("a", "done"), ("b", "failed"), ("c", "done")}


def test_removal_below_a_prefix_leaves_its_neighbours(store: MemoryStore) -> None:
    for key in ("p", "p/a", "p/b.log", "pq"):
        put(store, key)
    rule = Rule(include=False, pattern="*.log")
    assert remove(RemoveRequest((f"{store.url}/p",), recursive=True, filters=Filters([rule]))).copied == 1
    assert keys(store) == ["p", "p/b.log", "pq"]
    remove(RemoveRequest((f"{store.url}/p",), recursive=True))
    assert keys(store) == ["p", "pq"]
    remove(RemoveRequest((f"{store.url}/p",), recursive=True))
    assert keys(store) == ["pq"], "nothing is below the name, so the object of the name is meant"


# -- listings


@pytest.mark.parametrize("rules", [["-skip/"], ["-*"], ["-/a/skip", "-/b/skip"], ["-skip/x*"]])
def test_a_long_excluded_folder_of_a_bucket_is_jumped_over(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, rules: list[str]
) -> None:
    monkeypatch.setattr("opsctl.transfer.trees._PAGE", 5)
    for top in ("a", "b"):
        for key in ["before", *(f"skip/x{number:03}" for number in range(100)), "skip0", "skips"]:
            put(store, f"{top}/{key}")
    filters = Filters(Rule(rule[0] == "+", rule[1:]) for rule in rules)
    seen: list[str] = []
    scan = MemoryStore.scan

    def watched(self: MemoryStore, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        for info in scan(self, prefix, start_after=start_after):
            seen.append(info.key)
            yield info

    monkeypatch.setattr(MemoryStore, "scan", watched)
    found = [info.key for info in Tree(store, filters).listed()]
    monkeypatch.undo()
    assert found == [key for key in keys(store) if filters.wants(key)]
    assert (len(seen) < 30) == (rules != ["-skip/x*"]), "names that only look alike must be looked at one by one"


# -- sums


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["a", "b", "c."]), min_size=1, max_size=4).map("/".join), st.integers(0, 9)
    )
)
@settings(max_examples=60)
def test_sums_are_those_of_every_folder(tree: dict[str, int]) -> None:
    store = open_store(f"mem://{uuid.uuid4().hex}")
    store.make_bucket()  # type: ignore[attr-defined] # in memory
    for key, size in tree.items():
        put(store, key, bytes(size))
    for depth in range(4):
        found = list(measure(store.url, depth=depth))
        expected = {"": list(tree.values())}
        for key, size in tree.items():
            names = key.split("/")[:-1][:depth]
            for end in range(1, len(names) + 1):
                expected.setdefault("/".join(names[:end]) + "/", []).append(size)
        assert {use.name: (use.objects, use.bytes) for use in found} == {
            name: (len(sizes), sum(sizes)) for name, sizes in expected.items()
        }
        assert len(found) == len(expected)
        assert found[-1].name == ""


# -- checks


def test_what_cannot_be_compared_is_told_apart_from_what_differs(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b"):
        put(store, key)
        put(open_store(f"file://{tmp_path}"), key)

    def fail(*_: object, **__: object) -> str:
        raise TransientError("reset")

    monkeypatch.setattr("opsctl.transfer.engine.time.sleep", lambda _: None)
    monkeypatch.setattr("opsctl.transfer.comparison.read_digest", fail)
    result = check(CheckRequest(store.url, f"file://{tmp_path}"))
    assert (result.same, result.differ, result.failed) == (0, 0, 2)
    with pytest.raises(PartialError, match=r"^2 objects were not compared$"):
        result.check()


# -- leftovers


def test_only_what_is_old_enough_and_not_in_use_is_cleaned(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.begin_upload("k")
    assert clean(store.url, older_than=60).copied == 0
    assert clean(store.url, older_than=0, dry_run=True).copied == 1
    assert clean(store.url, older_than=0).copied == 1
    assert clean(store.url, older_than=0).copied == 0
    store.begin_upload("k")

    def busy(self: MemoryStore, pending: PendingUpload) -> None:
        raise ConflictError("busy")

    monkeypatch.setattr(MemoryStore, "discard_upload", busy)
    events: list[Event] = []
    assert clean(store.url, older_than=0, sink=events.append).copied == 0
    assert [event.text for event in events if isinstance(event, Message)] == ["busy"]


# -- the limit


def test_a_throttle_makes_threads_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    throttle = Throttle(1000)
    threads = [threading.Thread(target=throttle.take, args=(500,)) for _ in range(4)]
    for thread in threads:
        thread.start()
        thread.join()
    assert slept == [0.5, 1.0, 1.5, 2.0]
    throttle.take(-2000)
    throttle.take(100)
    assert slept[-1] == pytest.approx(0.1)
