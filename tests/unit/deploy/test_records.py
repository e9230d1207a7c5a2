"""The memory of a slot: records that never change, a pointer that cannot go back, a journal with one writer."""

import secrets
from datetime import UTC, datetime

import msgspec
import pytest

from opsctl.deploy.history import Current, Good, status_of
from opsctl.deploy.model import Attempt, Failure, Release, Slot, Spec
from opsctl.deploy.records import Records
from opsctl.errors import ConfigError, ConflictError, NotFoundError
from opsctl.storage import open_store


@pytest.fixture
def url() -> str:
    return f"mem://{secrets.token_hex(4)}/state"


@pytest.fixture
def records(url: str) -> Records:
    return Records(open_store(url), Slot("shop", "dev", "web"))


def attempt(seq: int) -> Attempt:
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Attempt(seq=seq, id=f"d{seq}", revision=seq, maker=f"d{seq}", created=created, who="me@here", spec=Spec())


def release(seq: int) -> Release:
    return Release.of(attempt(seq), "succeeded")


def test_nothing_is_there_at_first(records: Records) -> None:
    assert records.current() is None
    assert records.recent(10) == []
    assert records.last_number(after=0) == 0
    assert records.journal().state == "closed"
    assert records.lock_holder() is None
    with pytest.raises(NotFoundError, match="web@dev has no release 1"):
        records.release(1)


def test_a_record_is_written_once(records: Records) -> None:
    records.add(release(1), fence=1)
    records.add(release(1), fence=2)
    assert records.release(1) == release(1)
    other = msgspec.structs.replace(release(1), id="somebody else")
    with pytest.raises(ConflictError):
        records.add(other, fence=9)
    assert records.release(1).id == "d1"


def test_recent_records_come_latest_first(records: Records) -> None:
    for seq in (1, 2, 9, 10, 11, 100_000_000):
        records.add(release(seq), fence=1)
    assert [found.seq for found in records.recent(3)] == [100_000_000, 11, 10]
    assert records.last_number(after=5) == 100_000_000
    assert records.last_number(after=200_000_000) == 200_000_000


def test_the_pointer_does_not_follow_an_old_lock(records: Records) -> None:
    records.point(Current(2, (Good(2, "d2"),)), fence=5)
    with pytest.raises(ConflictError):
        records.point(Current(1, (Good(1, "d1"),)), fence=4)
    assert records.current() == Current(2, (Good(2, "d2"),))


def test_the_journal_has_one_writer(records: Records) -> None:
    with records.lock(purpose="a", wait=0, ttl=30) as first:
        old = records.open_journal(first)
        old.begin(attempt(1), ("start", "switch"))
        records.unlock(who="me", why="test")
        with records.lock(purpose="b", wait=0, ttl=30) as second:
            new = records.open_journal(second)
            new.advance(attempt(1), 1)
            with pytest.raises(ConflictError):
                old.advance(attempt(1), 1)
            with pytest.raises(ConflictError):
                old.reload()
            assert new.now.stage == "switch"


def test_a_journal_that_says_the_same_is_not_written_again(records: Records, url: str) -> None:
    with records.lock(purpose="a", wait=0, ttl=30) as lease:
        book = records.open_journal(lease)
        book.begin(attempt(1), ("start", "switch"))
        before = open_store(url).stat("deploys/dev/web/journal.json").etag
        book.advance(attempt(1), 0)
        assert open_store(url).stat("deploys/dev/web/journal.json").etag == before


def test_a_foreign_file_is_named_not_misread(records: Records, url: str) -> None:
    open_store(url).put_if("deploys/dev/web/current.json", b"{}", match=None)  # type: ignore[attr-defined]  # memory
    with pytest.raises(ConfigError, match=r"deploys/dev/web/current\.json: is not a record of opsctl"):
        records.current()


def test_status_is_derived() -> None:
    current = Current(2, (Good(2, "d2"),))
    failed = Release.of(attempt(3), "failed", failure=Failure(stage="health", kind="failed", message="no"))
    assert status_of(release(2), current) == "active"
    assert status_of(release(1), current) == "retired"
    assert status_of(failed, current) == "failed"
    assert status_of(Release.of(attempt(3), "rolled_back"), None) == "rolled_back"
