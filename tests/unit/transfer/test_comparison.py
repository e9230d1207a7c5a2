"""When two objects count as the same: times of every precision, stores that keep none, digests of every kind."""

import io
from pathlib import Path
from typing import ClassVar

import pytest

from opsctl.storage import ObjectInfo, PutOptions, Store, open_store
from opsctl.storage.backends.memory import MemoryStore
from opsctl.transfer.comparison import Judge, Policy, compare_listed

T = 1_700_000_000.0


def kept(mtime: float, written: float = T + 100) -> ObjectInfo:
    return ObjectInfo("k", 1, mtime, written=written, mtime_kept=True)


def listed(written: float) -> ObjectInfo:
    """As S3 lists: when it was written, not what its metadata keeps."""
    return ObjectInfo("k", 1, written, written=written)


@pytest.mark.parametrize(
    ("source", "target", "window", "reason"),
    [
        pytest.param(kept(T + 0.5), kept(T + 0.5), 0.0, "same", id="equal"),
        pytest.param(kept(T + 0.5000001), kept(T + 0.5), 0.0, "same", id="nanoseconds-lost"),
        pytest.param(kept(T + 0.75), kept(T), 0.0, "same", id="whole-seconds-kept"),
        pytest.param(kept(T + 0.75), kept(T + 1), 0.0, "same", id="rounded-up"),
        pytest.param(kept(T + 1), kept(T), 0.0, "mtime", id="one-second"),
        pytest.param(kept(T - 1), kept(T), 0.0, "mtime", id="one-second-older"),
        pytest.param(kept(T + 1.75), kept(T), 0.0, "mtime", id="fat-is-not-guessed"),
        pytest.param(kept(T + 1.75), kept(T), 2.0, "same", id="fat-with-a-window"),
        pytest.param(kept(T + 3600), kept(T), 0.0, "mtime", id="an-hour-of-daylight-saving"),
        pytest.param(kept(T + 1e8 + 0.5), kept(T + 1e8 + 0.5), 0.0, "same", id="future"),
        pytest.param(kept(T, written=T), listed(T + 50), 0.0, "same", id="untouched-since-it-was-written"),
        pytest.param(kept(T - 500, written=T + 60), listed(T + 50), 0.0, "undecided", id="replaced-by-an-older-file"),
        pytest.param(kept(T, written=T + 49), listed(T + 50), 0.0, "undecided", id="within-the-error-of-clocks"),
        pytest.param(listed(T), listed(T + 5), 0.0, "same", id="bucket-to-bucket"),
        pytest.param(listed(T), listed(T), 0.0, "undecided", id="written-at-the-same-second"),
        pytest.param(listed(T + 5), kept(T - 5), 0.0, "undecided", id="downloaded-with-its-mtime"),
        pytest.param(listed(T), kept(T), 0.0, "same", id="downloaded-without"),
        pytest.param(ObjectInfo("k", 1, T), ObjectInfo("k", 1, T), 0.0, "undecided", id="a-store-that-says-nothing"),
    ],
)
def test_case_29_times(source: ObjectInfo, target: ObjectInfo, window: float, reason: str) -> None:
    assert compare_listed(source, target, Policy(window=window)) == reason


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (kept(T + 0.5), kept(T + 0.5), "same"),
        (kept(T + 5.5), kept(T + 0.5), "mtime"),
        (kept(T), listed(T + 1), "same"),
        (kept(T + 2), listed(T + 1), "mtime"),
        (listed(T), listed(T + 0.5), "same"),
        (listed(T + 9), listed(T + 0.5), "mtime"),
        (listed(T), kept(T - 9), "mtime"),
        (ObjectInfo("k", 1, T), ObjectInfo("k", 1, T + 1), "same"),
    ],
)
def test_what_is_asked_decides(source: ObjectInfo, target: ObjectInfo, reason: str) -> None:
    class Asked:
        def __init__(self, info: ObjectInfo) -> None:
            self.info = info

        def stat(self, key: str) -> ObjectInfo:
            return self.info

    judge = Judge(Asked(source), Asked(target), Policy())  # type: ignore[arg-type] # all that is asked of them
    assert judge.compare(source, target, target_key="k") == reason


class Silent(MemoryStore):
    """A store that knows no digests, or others than anybody can compute (case 11: the etag is no digest either)."""

    checksums: ClassVar[dict[str, str]] = {}

    def stat(self, key: str) -> ObjectInfo:
        found = super().stat(key)
        return ObjectInfo(key, found.size, found.mtime, found.etag, checksums=self.checksums)


@pytest.mark.parametrize("kind", ["file", "mem", "silent", "foreign"])
@pytest.mark.parametrize("other", ["file", "mem", "silent", "foreign"])
@pytest.mark.parametrize(("data", "reason"), [(b"same", "same"), (b"else", "checksum")])
def test_content_is_compared_whatever_digests_the_stores_know(
    tmp_path: Path, kind: str, other: str, data: bytes, reason: str
) -> None:
    def make(which: str, name: str, content: bytes) -> Store:
        store: Store = open_store(f"file://{tmp_path}/{name}" if which == "file" else f"mem://{tmp_path.name}/{name}")
        if which in {"silent", "foreign"}:
            assert isinstance(store, MemoryStore)
            store = Silent(store._root.url)
            vars(store)["checksums"] = {"crc64nvme": name} if which == "foreign" else {}
        store.put("k", io.BytesIO(content), size=4, options=PutOptions(mtime=1.5))
        return store

    source, target = make(kind, "a", b"same"), make(other, "b", data)
    judge = Judge(source, target, Policy(compare="checksum"))
    if kind == other == "foreign":
        return  # two stores that both know this digest are believed
    assert judge.compare(source.stat("k"), target.stat("k"), target_key="k") == reason
