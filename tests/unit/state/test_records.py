"""Records: what protects a team from overwriting each other, and from files that are no records."""

import io
import threading
from pathlib import Path

import msgspec
import pytest

from opsctl.errors import ConfigError, ConflictError, TransientError, UsageError
from opsctl.state import Document, state_store
from opsctl.storage import ObjectInfo, Store, open_store
from opsctl.storage.backends.memory import MemoryStore


class Count(msgspec.Struct):
    number: int


@pytest.fixture(params=["mem", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(f"mem://{tmp_path.name}-{id(tmp_path)}" if request.param == "mem" else f"file://{tmp_path}/state")


def counter(store: Store) -> Document[Count]:
    return Document(store, "dir/count.json", Count, kind="count")


def plus_one(now: Count | None) -> Count:
    return Count(now.number + 1 if now else 1)


def write(store: Store, data: bytes) -> None:
    store.put("dir/count.json", io.BytesIO(data), size=len(data))


def test_what_was_created_is_read_back_with_its_etag(store: Store) -> None:
    document = counter(store)
    assert document.read() is None
    created = document.create(Count(1))
    assert document.read() == created
    assert store.stat("dir/count.json").etag == created.etag


def test_create_refuses_what_is_there(store: Store) -> None:
    counter(store).create(Count(1))
    with pytest.raises(ConflictError):
        counter(store).create(Count(2))


def test_replace_refuses_what_changed_since_it_was_read(store: Store) -> None:
    document = counter(store)
    old = document.create(Count(1))
    document.replace(old, Count(2))
    with pytest.raises(ConflictError):
        document.replace(old, Count(3))
    assert document.read().value == Count(2)


def test_the_same_value_written_again_counts_as_a_change(store: Store) -> None:
    """Else A -> B -> A would go unseen on stores whose etag is a digest."""
    document = counter(store)
    first = document.create(Count(1))
    again = document.replace(first, Count(1))
    assert again.nonce != first.nonce
    with pytest.raises(ConflictError):
        document.replace(first, Count(2))


def test_updates_of_many_threads_are_all_counted(store: Store) -> None:
    threads = [threading.Thread(target=lambda: [counter(store).update(plus_one) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter(store).read().value == Count(100)


def test_an_update_that_changes_nothing_writes_nothing(store: Store) -> None:
    document = counter(store)
    before = document.create(Count(1))
    assert document.update(lambda _: Count(1)) == before
    assert document.read() == before


def test_a_write_under_an_older_fence_is_refused(store: Store) -> None:
    document = counter(store)
    document.create(Count(1), fence=7)
    with pytest.raises(ConflictError, match=r"newer lock \(7\) than this one \(6\)"):
        document.update(plus_one, fence=6)
    assert document.update(plus_one, fence=7).fence == 7
    assert document.update(plus_one, fence=9).fence == 9
    assert document.update(plus_one).fence == 9, "a write without a fence keeps the one that is there"
    assert document.read().value == Count(4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not a record"),
        (b"{", "is not a record"),
        (b"\xff\xfe", "is not a record"),
        (b"[1, 2]", "is not a record"),
        (b'{"kind": "count", "version": 1, "fence": 0, "nonce": "x"}', "is not a record"),
        (b'{"kind": "count", "version": 1, "fence": 0, "nonce": "x", "value": 1, "more": 1}', "is not a record"),
        (b'{"kind": "lock", "version": 1, "fence": 0, "nonce": "x", "value": {"number": 1}}', "kind 'lock'"),
        (b'{"kind": "count", "version": 2, "fence": 0, "nonce": "x", "value": {"number": 1}}', "version 2"),
        (b'{"kind": "count", "version": 1, "fence": 0, "nonce": "x", "value": {"number": "1"}}', "is damaged"),
        (b" " * ((16 << 20) + 1), "larger than 16 MiB"),
    ],
    ids=["empty", "cut", "binary", "array", "no-value", "unknown-field", "kind", "version", "type", "huge"],
)
def test_a_damaged_or_foreign_file_is_named_and_left_alone(store: Store, data: bytes, reason: str) -> None:
    write(store, data)
    with pytest.raises(ConfigError, match=reason) as caught:
        counter(store).update(plus_one)
    assert caught.value.message.startswith(f"{store.url}/dir/count.json: ")
    assert "\n" not in caught.value.message
    assert store.get("dir/count.json").read() == data


class Plain:
    """A store without any power."""

    url = "sftp://host/dir"


def test_a_store_without_conditional_writes_cannot_hold_state() -> None:
    with pytest.raises(UsageError, match="sftp://host/dir cannot hold state"):
        state_store(Plain())


class LostReply(MemoryStore):
    """The write arrives, its reply does not."""

    error: Exception = ConflictError("412")
    arrives = True

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        if self.arrives:
            super().put_if(key, data, match=match)
        raise self.error


@pytest.mark.parametrize("error", [ConflictError("the SDK tried twice"), TransientError("timeout")])
def test_a_write_whose_reply_was_lost_is_recognised(tmp_path: Path, error: Exception) -> None:
    store = LostReply(open_store(f"mem://{tmp_path.name}")._root.url)
    store.error = error
    saved = counter(store).create(Count(1))
    assert counter(store).read() == saved
    store.arrives = False
    with pytest.raises(type(error)):
        counter(store).replace(saved, Count(2))
    assert counter(store).read() == saved


class Moving(MemoryStore):
    """Somebody else writes between the two requests of a read."""

    meanwhile = staticmethod(lambda: None)

    def stat(self, key: str) -> ObjectInfo:
        info = super().stat(key)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return info


def test_a_change_between_the_requests_of_a_read_is_never_overwritten(tmp_path: Path) -> None:
    plain = open_store(f"mem://{tmp_path.name}")
    store = Moving(plain._root.url)
    counter(plain).create(Count(1))
    store.meanwhile = lambda: counter(plain).update(plus_one)
    assert counter(store).update(plus_one).value == Count(3)


def test_an_update_that_always_loses_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    plain = open_store(f"mem://{tmp_path.name}")

    def change(now: Count | None) -> Count:
        counter(plain).update(plus_one)
        return Count(-1)

    with pytest.raises(ConflictError, match="changes faster than it can be updated"):
        counter(plain).update(change)
    assert counter(plain).read().value == Count(30)
