"""`run_sync`, `plan_sync`, `apply_plan`: the destination becomes the source, and nothing is lost on the way."""

import io
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opsctl.errors import (
    ConflictError,
    LocalIOError,
    NotFoundError,
    PartialError,
    StepFailedError,
    TransientError,
    UsageError,
)
from opsctl.events import Event, Message
from opsctl.storage import ObjectInfo, PutOptions, Store, open_store
from opsctl.storage.backends.memory import MemoryStore
from opsctl.transfer import (
    Done,
    Filters,
    MaxDelete,
    Policy,
    Rule,
    SyncRequest,
    SyncResult,
    apply_plan,
    plan_sync,
    run_sync,
)
from opsctl.transfer.manifest import Manifest, ManifestHead
from opsctl.transfer.planfile import open_plan

Tree = Mapping[str, bytes]
DELETE = Policy(delete=True)


@pytest.fixture(params=["file", "mem"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return where(request.param, tmp_path)


def where(kind: str, directory: Path) -> str:
    return f"file://{directory}" if kind == "file" else f"mem://{uuid.uuid4().hex}"


def make(url: str, tree: Tree, *, mtime: float = 1.5) -> Store:
    store = open_store(url)
    store.make_bucket()  # type: ignore[attr-defined] # files and memory have buckets
    for key, data in tree.items():
        store.put(key, io.BytesIO(data), size=len(data), options=PutOptions(mtime=mtime))
    return store


def held(store: Store) -> dict[str, bytes]:
    return {info.key: store.get(info.key).read() for info in store.scan()}


def run(place: str, **options: object) -> SyncResult:
    options.setdefault("policy", DELETE)
    return run_sync(SyncRequest(f"{place}/a", f"{place}/b", **options))  # type: ignore[arg-type] # options of it


NAMES = st.text(alphabet="ab-.0é", min_size=1, max_size=2).filter(lambda name: name not in {".", ".."})
KEYS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def possible(tree: Tree) -> bool:
    """Whether files can be so: no name is both a file and a directory."""
    return not any(other.startswith(f"{key}/") for key in tree for other in tree)


TREES = st.dictionaries(KEYS, st.sampled_from([b"", b"1", b"2", b"33"]), max_size=6).filter(possible)
COMPARES = st.sampled_from(["mtime", "checksum"])


@pytest.mark.parametrize("kinds", [("file", "file"), ("file", "mem"), ("mem", "file"), ("mem", "mem")])
@given(source=TREES, target=TREES, compare=COMPARES, planned=st.booleans())
@example(source={"a": b"1"}, target={"a/b": b"1", "a/c": b"1"}, compare="mtime", planned=False)  # case 32
@example(source={"a/b": b"1"}, target={"a": b"1"}, compare="mtime", planned=True)
@example(source={"a-b": b"", "a/b": b"1", "ab": b"2"}, target={}, compare="mtime", planned=True)
@settings(max_examples=40)
def test_afterwards_the_destination_is_the_source(
    kinds: tuple[str, str], source: Tree, target: Tree, compare: str, *, planned: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        left = make(where(kinds[0], Path(name) / "a"), source)
        right = make(where(kinds[1], Path(name) / "b"), target, mtime=2.5)
        request = SyncRequest(
            left.url, right.url, Policy(compare=compare, delete=True), allow_empty_source=True, jobs=3
        )
        if planned:
            path = Path(name) / "plan"
            foreseen = plan_sync(request, path)
            assert held(right) == target, "planning writes nothing"
            result = apply_plan(open_plan(path), request)
            assert (result.copied, result.deleted) == (foreseen.copied, foreseen.deleted)
        else:
            result = run_sync(request)
        assert (held(left), held(right)) == (source, source)
        assert (result.failed, result.held_back) == (0, 0)
        again = run_sync(request)
        assert (again.copied, again.deleted, again.unchanged) == (0, 0, len(source)), "sync twice, nothing to do"


@given(source=TREES, target=TREES, patterns=st.lists(st.sampled_from(["a*", "b/", "/a", "*é", "-"]), max_size=2))
@settings(max_examples=60)
def test_case_40_what_filters_exclude_is_neither_read_nor_deleted(
    source: Tree, target: Tree, patterns: list[str]
) -> None:
    filters = Filters(Rule(False, pattern) for pattern in patterns)
    left, right = make(f"mem://{uuid.uuid4().hex}", source), make(f"mem://{uuid.uuid4().hex}", target)
    run_sync(SyncRequest(left.url, right.url, DELETE, filters, allow_empty_source=True))
    expected = {key: data for key, data in source.items() if filters.wants(key)}
    expected |= {key: data for key, data in target.items() if not filters.wants(key)}
    assert {key: len(data) for key, data in held(right).items()} == {key: len(data) for key, data in expected.items()}


def test_without_delete_what_is_extra_stays(place: str) -> None:
    make(f"{place}/a", {"new": b"1", "same": b"2"})
    right = make(f"{place}/b", {"extra": b"3", "same": b"2"})
    result = run(place, policy=Policy())
    assert (result.copied, result.deleted, result.unchanged, result.bytes) == (1, 0, 1, 1)
    assert held(right) == {"extra": b"3", "new": b"1", "same": b"2"}


def test_mtimes_survive_a_round_trip(tmp_path: Path) -> None:
    first = make(f"file://{tmp_path}/a", {"f": b"1"}, mtime=1_600_000_000.123456)
    for source, target in [("file://{}/a", "mem://{}"), ("mem://{}", "file://{}/c")]:
        name = tmp_path if "file" in source else tmp_path.name
        other = tmp_path if "file" in target else tmp_path.name
        with suppress(NotFoundError):
            open_store(target.format(other)).make_bucket()  # type: ignore[attr-defined] # it has
        assert run_sync(SyncRequest(source.format(name), target.format(other))).copied == 1
    assert (tmp_path / "c/f").stat().st_mtime_ns == (tmp_path / "a/f").stat().st_mtime_ns
    assert run_sync(SyncRequest(f"file://{tmp_path}/c", first.url)).copied == 0


# -- nothing is deleted when anything is wrong


class Breaking(MemoryStore):
    """A store whose listing breaks off."""

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        for number, info in enumerate(super().scan(prefix, start_after=start_after)):
            if number == 2:
                raise TransientError("page 3: 500")
            yield info


def opening(monkeypatch: pytest.MonkeyPatch, stores: Mapping[str, Store]) -> None:
    def open_one(url: object, options: object = None) -> Store:
        return stores[str(url)]

    monkeypatch.setattr("opsctl.transfer.sync.open_store", open_one)


@pytest.mark.parametrize("side", ["a", "b"])
def test_case_1_a_listing_that_fails_deletes_nothing(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"mem://{uuid.uuid4().hex}"
    left = make(f"{url}/a", {"1": b"", "2": b"", "3": b"", "4": b""})
    right = make(f"{url}/b", {"0": b"", "2": b"", "3": b"", "4": b"", "5": b""})
    stores: dict[str, Store] = {f"{url}/a": left, f"{url}/b": right}
    stores[f"{url}/{side}"] = Breaking(stores[f"{url}/{side}"]._root.url)  # type: ignore[attr-defined] # in memory
    opening(monkeypatch, stores)
    done: list[Done] = []
    with pytest.raises(TransientError, match="page 3"):
        run_sync(SyncRequest(f"{url}/a", f"{url}/b", DELETE), each=done.append)
    assert {"0", "2", "3", "4", "5"} <= held(right).keys()
    assert {item.key for item in done if item.status == "held_back"} == {"0"}
    with pytest.raises(TransientError, match="page 3"):
        plan_sync(SyncRequest(f"{url}/a", f"{url}/b", DELETE), None)


def test_case_2_a_missing_or_empty_source_deletes_nothing(tmp_path: Path) -> None:
    right = make(f"file://{tmp_path}/b", {"x": b"1"})
    with pytest.raises(NotFoundError):
        run(f"file://{tmp_path}")
    (tmp_path / "a" / "empty").mkdir(parents=True)
    with pytest.raises(StepFailedError, match="holds nothing"):
        run(f"file://{tmp_path}")
    with pytest.raises(StepFailedError, match="holds nothing"):
        run(f"file://{tmp_path}", filters=Filters([Rule(True, "*.none")]))
    assert held(right) == {"x": b"1"}
    events: list[Event] = []
    request = SyncRequest(f"file://{tmp_path}/a", f"file://{tmp_path}/b")
    assert run_sync(request, sink=events.append).copied == 0
    assert [event.text for event in events if isinstance(event, Message)] == [
        f"file://{tmp_path}/a is left out: it holds nothing"
    ]
    assert run(f"file://{tmp_path}", allow_empty_source=True).deleted == 1


def test_case_3_and_38_what_cannot_be_copied_fails_alone_and_holds_deletions_back(tmp_path: Path) -> None:
    make(f"file://{tmp_path}/a", {"d/x": b"1", "y": b"2"})
    right = make(f"file://{tmp_path}/b", {"old": b"3"})
    for name, target in {"out": "/etc/passwd", "dangling": "nowhere", "dir": "d", "loop": "loop"}.items():
        (tmp_path / "a" / name).symlink_to(target)
    (tmp_path / "a" / "inside").symlink_to("d/x")
    os.mkfifo(tmp_path / "a" / "fifo")
    events: list[Event] = []
    done: list[Done] = []
    request = SyncRequest(f"file://{tmp_path}/a", right.url, DELETE)
    result = run_sync(request, sink=events.append, each=done.append)
    assert (result.copied, result.deleted, result.failed, result.held_back) == (3, 0, 4, 1)
    assert held(right) == {"d/x": b"1", "inside": b"1", "old": b"3", "y": b"2"}
    assert {item.key for item in done if item.status == "failed"} == {"out", "dangling", "dir", "loop"}
    assert [event.text for event in events if isinstance(event, Message) and event.level == "warning"] == [
        f"file://{tmp_path}/a/fifo is left out: not a regular file"
    ]
    with pytest.raises(PartialError, match=r"^4 objects failed, 1 held back$"):
        result.check()
    with pytest.raises(PartialError):
        plan_sync(request, tmp_path / "plan")
    assert not (tmp_path / "plan").exists(), "a plan that lacks something deletes too much"
    excluded = Filters(Rule(False, name) for name in ("out", "dangling", "/dir", "loop"))
    assert run(f"file://{tmp_path}", filters=excluded).deleted == 1


@pytest.mark.parametrize(
    ("limit", "fits"),
    [
        (MaxDelete(2), True),
        (MaxDelete(1), False),
        (MaxDelete(50, percent=True), True),
        (MaxDelete(49, percent=True), False),
    ],
)
def test_case_4_too_many_deletions_delete_nothing(place: str, limit: MaxDelete, *, fits: bool) -> None:
    make(f"{place}/a", {"1": b"", "2": b""})
    right = make(f"{place}/b", {"1": b"", "2": b"", "3": b"", "4": b""})
    if fits:
        assert run(place, max_delete=limit).deleted == 2
        return
    with pytest.raises(StepFailedError, match=f"2 of 4 objects would be deleted, more than --max-delete {limit}"):
        run(place, max_delete=limit)
    with pytest.raises(StepFailedError, match="--max-delete"):
        plan_sync(SyncRequest(f"{place}/a", f"{place}/b", DELETE, max_delete=limit), None)
    assert len(held(right)) == 4


@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a/", "a"), ("link", "a")])
def test_case_39_overlapping_sides_are_refused(tmp_path: Path, source: str, target: str) -> None:
    make(f"file://{tmp_path}/a", {"b/x": b"1"})
    (tmp_path / "link").symlink_to("a")
    for url in (f"file://{tmp_path}", "mem://overlap"):
        if url.startswith("file") or source != "link":
            with pytest.raises(UsageError, match="overlap"):
                run_sync(SyncRequest(f"{url}/{source}", f"{url}/{target}", DELETE))
    assert (tmp_path / "a/b/x").exists()


def test_sides_beside_each_other_do_not_overlap(tmp_path: Path) -> None:
    make(f"file://{tmp_path}/a", {"x": b"1"})
    assert run_sync(SyncRequest(f"file://{tmp_path}/a", f"file://{tmp_path}/ab")).copied == 1


# -- odd names


def test_case_30_markers_of_directories_are_neither_made_files_nor_deleted(tmp_path: Path) -> None:
    bucket = make(f"mem://{uuid.uuid4().hex}", {"dir/": b"", "dir/x": b"1", "full/": b"data"})
    files = make(f"file://{tmp_path}/b", {})
    result = run_sync(SyncRequest(bucket.url, files.url, DELETE))
    assert (result.copied, result.failed) == (1, 1), "a marker that holds bytes cannot be kept, and that is told"
    assert held(files) == {"dir/x": b"1"}
    assert run_sync(SyncRequest(files.url, bucket.url, DELETE)).deleted == 0
    assert held(bucket).keys() == {"dir/", "dir/x", "full/"}
    other = make(f"mem://{uuid.uuid4().hex}", {})
    assert run_sync(SyncRequest(bucket.url, other.url, DELETE)).copied == 3, "buckets keep them"


class Hostile(MemoryStore):
    """A bucket that lists keys which lead out of any directory."""

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        yield ObjectInfo("../../escaped", 1, 1.5)
        yield ObjectInfo("a//b", 1, 1.5)
        yield from super().scan(prefix, start_after=start_after)

    def stat(self, key: str) -> ObjectInfo:
        return ObjectInfo(key, 1, 1.5)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> io.BytesIO:  # type: ignore[override] # is one
        return io.BytesIO(b"x")


def test_case_33_keys_that_lead_out_of_the_destination_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(f"mem://{uuid.uuid4().hex}", {"ok": b"1", "through/x": b"1"})
    hostile = Hostile(store._root.url)  # type: ignore[attr-defined] # in memory
    (tmp_path / "deep" / "b").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "deep" / "b" / "through").symlink_to(tmp_path / "outside")
    files = open_store(f"file://{tmp_path}/deep/b")
    opening(monkeypatch, {"mem://h": hostile, "file://d": files})
    result = run_sync(SyncRequest("mem://h", "file://d"))
    assert (result.copied, result.failed) == (1, 3)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["b", "deep", "ok", "outside", "through"]


# -- plans


@pytest.fixture
def planned(place: str, tmp_path: Path) -> tuple[SyncRequest, Path]:
    make(f"{place}/a", {"changed": b"22", "new": b"1", "same": b"="})
    make(f"{place}/b", {"changed": b"1", "extra": b"3", "same": b"="})
    request = SyncRequest(f"{place}/a", f"{place}/b", DELETE)
    path = tmp_path / "plan.jsonl"
    result = plan_sync(request, path)
    assert (result.copied, result.deleted, result.unchanged, result.bytes) == (2, 1, 1, 3)
    return request, path


def test_a_plan_says_what_would_be_done_and_why(planned: tuple[SyncRequest, Path]) -> None:
    head, *actions, end = [msgspec.json.decode(line) for line in planned[1].read_bytes().splitlines()]
    assert (head["opsctl_plan"], head["source"], head["destination"]) == (1, planned[0].source, planned[0].destination)
    assert [(action["kind"], action["key"], action["reason"]) for action in actions] == [
        ("copy", "changed", "size"),
        ("delete", "extra", "extra"),
        ("copy", "new", "new"),
    ]
    assert end == {"end": {"copy": 2, "delete": 1, "bytes": 3}}


@pytest.mark.parametrize(
    ("side", "key"), [("a", "changed"), ("a", "new"), ("a", "extra"), ("b", "changed"), ("b", "extra"), ("b", "new")]
)
def test_a_plan_is_refused_when_the_world_moved(planned: tuple[SyncRequest, Path], side: str, key: str) -> None:
    request, path = planned
    store = open_store(request.source if side == "a" else request.destination)
    store.put(key, io.BytesIO(b"!"), size=1)
    target = open_store(request.destination)
    before = held(target)
    with pytest.raises(ConflictError, match=f"/{key} has c.* since the plan was made"):
        apply_plan(open_plan(path), request)
    assert held(target) == before, "nothing was done"


def test_a_plan_is_refused_when_something_it_names_is_gone(planned: tuple[SyncRequest, Path]) -> None:
    open_store(planned[0].source).delete("new")
    with pytest.raises(ConflictError, match="/new has changed"):
        apply_plan(open_plan(planned[1]), planned[0])


def test_what_a_plan_does_not_name_may_move(planned: tuple[SyncRequest, Path]) -> None:
    open_store(planned[0].source).put("later", io.BytesIO(b"!"), size=1)
    result = apply_plan(open_plan(planned[1]), planned[0])
    assert (result.copied, result.deleted) == (2, 1)


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_plan_that_was_cut_off_is_no_plan(planned: tuple[SyncRequest, Path], cut: int) -> None:
    path = planned[1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:cut]))
    with pytest.raises(UsageError, match="not a whole plan"):
        open_plan(path)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"opsctl_plan": 2, "source": "a", "destination": "b"}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan").write_text(text)
    with pytest.raises(UsageError, match="plan"):
        open_plan(tmp_path / "plan")
    with pytest.raises(NotFoundError):
        open_plan(tmp_path / "none")


def test_a_plan_that_cannot_be_written_is_an_error_before_anything_else(place: str, tmp_path: Path) -> None:
    make(f"{place}/a", {"x": b"1"})
    with pytest.raises(LocalIOError, match="cannot write"):
        plan_sync(SyncRequest(f"{place}/a", f"{place}/b", policy=Policy()), tmp_path / "none" / "plan")


# -- retries


def test_a_retry_looks_only_at_what_failed(place: str) -> None:
    make(f"{place}/a", {"1": b"a", "2": b"b", "3": b"c"})
    right = make(f"{place}/b", {"4": b"", "5": b""})
    head = ManifestHead(1, f"{place}/a", f"{place}/b")
    result = run(place, retry=Manifest(head, ("1", "4", "gone")))
    assert (result.copied, result.deleted) == (1, 1)
    assert held(right).keys() == {"1", "5"}
