"""Locks: one holder at a time, whatever happens to the process that held it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opsctl.errors import ConfigError, ConflictError, LockTimeoutError, TransientError
from opsctl.events import Message
from opsctl.state import Identity, acquire, current_identity, force_release, inspect_lock, leases
from opsctl.state.records import Document
from opsctl.storage import ObjectInfo, Store, open_store
from opsctl.storage.backends.memory import MemoryStore

KEY = "locks/web.json"
Holder = tuple[subprocess.Popen[str], int]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}/state")


class Clock:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(leases, "_clock", clock)
    monkeypatch.setattr("opsctl.state.leases.time.sleep", clock.sleep)
    return clock


def rewrite(store: Store, **changes: Any) -> None:
    """Write the lock as somebody else would have left it."""
    document = Document(store, KEY, leases.LeaseRecord, kind="lock")
    saved = document.read()
    document.replace(saved, msgspec.structs.replace(saved.value, **changes))


def elsewhere(**changes: Any) -> Identity:
    """The identity of a process on another machine."""
    return msgspec.structs.replace(current_identity(), host="ci-7", boot="another boot", **changes)


def held_elsewhere(store: Store, **changes: Any) -> None:
    acquire(store, KEY, holder="deploy web").release()
    rewrite(store, state="held", identity=elsewhere(), **changes)


def test_a_second_holder_is_told_who_has_it_since_when_and_the_cure(store: Store) -> None:
    with (
        acquire(store, KEY, holder="deploy web v7"),
        pytest.raises(LockTimeoutError) as caught,
    ):
        acquire(store, KEY, cure="opsctl deploy unlock web")
    me = current_identity()
    assert f"held by {me.user}@{me.host} (pid {os.getpid()}) since 20" in caught.value.message
    assert caught.value.message.endswith("UTC: deploy web v7")
    assert caught.value.message.startswith(f"the lock {store.url}/{KEY} ")
    assert caught.value.hint == "wait for it, or if that process is gone: opsctl deploy unlock web"


def test_a_released_lock_is_had_at_once_with_a_greater_fence(store: Store) -> None:
    fences = []
    for _ in range(3):
        with acquire(store, KEY) as lease:
            fences.append(lease.fence)
    assert fences == [fences[0], fences[0] + 1, fences[0] + 2]


def test_fences_grow_also_when_somebody_removed_the_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with acquire(store, KEY) as lease:
        first = lease.fence
    store.delete(KEY)
    later = time.time() + 60
    monkeypatch.setattr("opsctl.state.leases.time.time", lambda: later)
    with acquire(store, KEY) as lease:
        assert lease.fence > first


def test_the_lock_is_released_when_the_body_raises(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), acquire(store, KEY):
        _ = 1 / 0
    assert inspect_lock(store, KEY).state == "released"


def test_a_waiter_gets_it_when_it_is_released(store: Store, clock: Clock) -> None:
    first = acquire(store, KEY)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        first.release()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("opsctl.state.leases.time.sleep", sleep)
        second = acquire(store, KEY, wait=60)
    assert second.fence == first.fence + 1
    second.release()


def test_a_silent_holder_elsewhere_is_passed_over_only_after_its_whole_ttl(store: Store, clock: Clock) -> None:
    held_elsewhere(store, ttl=30.0)
    with pytest.raises(LockTimeoutError):
        acquire(store, KEY, wait=29)
    seen, begun = [], clock.now
    lease = acquire(store, KEY, wait=60, sink=seen.append)
    assert clock.now - begun >= 30
    assert "no sign of life for 30 s" in seen[0].text
    lease.release()


def test_a_holder_elsewhere_that_renews_is_never_passed_over(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_elsewhere(store, ttl=5.0)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        rewrite(store)

    monkeypatch.setattr("opsctl.state.leases.time.sleep", sleep)
    with pytest.raises(LockTimeoutError, match="ci-7"):
        acquire(store, KEY, wait=100)


def test_clocks_of_other_machines_do_not_matter(store: Store, clock: Clock) -> None:
    held_elsewhere(store, ttl=30.0, since=0.0)
    with pytest.raises(LockTimeoutError, match="since 1970"):
        acquire(store, KEY, wait=29)


def test_control_characters_of_a_holder_do_not_reach_the_terminal(store: Store) -> None:
    held_elsewhere(store, holder="x\x1b[2J\ny")
    with pytest.raises(LockTimeoutError) as caught:
        acquire(store, KEY)
    assert caught.value.message.endswith(": x?[2J?y")


def test_a_lost_lease_is_noticed_by_the_renewal(store: Store) -> None:
    events, told = [], threading.Event()

    def tell(event: object) -> None:
        events.append(event)
        told.set()

    with acquire(store, KEY, ttl=0.3, sink=tell) as lease:
        lease.check()
        rewrite(store, identity=elsewhere(), fence=lease.fence + 1)
        assert told.wait(10)
        with pytest.raises(ConflictError, match="was lost to somebody else"):
            lease.check()
    assert [event.level for event in events] == ["error"]
    assert inspect_lock(store, KEY).state == "held", "what is no longer ours is not released"


def test_a_lease_that_was_not_renewed_in_time_counts_as_lost_before_others_may_take_it(
    store: Store, clock: Clock
) -> None:
    lease = acquire(store, KEY, ttl=30)
    clock.now += 26.9
    lease.check()
    clock.now += 0.2
    with pytest.raises(ConflictError):
        lease.check()
    lease.release()
    assert inspect_lock(store, KEY).state == "released", "it was still ours to give back"


def test_renewals_change_the_etag_and_keep_the_fence(store: Store) -> None:
    with acquire(store, KEY, ttl=0.06) as lease:
        fence, first = lease.fence, store.stat(KEY).etag
        deadline = time.monotonic() + 30
        while store.stat(KEY).etag == first:
            assert time.monotonic() < deadline
        assert inspect_lock(store, KEY).fence == fence


class Weak(MemoryStore):
    """A store that can be told to fail."""

    broken = False
    arrives = False

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        if self.broken and not self.arrives:
            raise TransientError("503")
        return super().put_if(key, data, match=match)


def test_a_renewal_that_fails_for_a_while_is_tried_again(tmp_path: Path) -> None:
    store = Weak(open_store(f"mem://{tmp_path.name}")._root.url)
    with acquire(store, KEY, ttl=3600) as lease:
        store.broken = True
        assert lease._renew() is False
        assert not lease.lost
        store.broken = False
        assert lease._renew() is True


def test_a_renewal_that_arrives_late_is_recognised_as_ours(tmp_path: Path) -> None:
    store = open_store(f"mem://{tmp_path.name}")
    with acquire(store, KEY, ttl=3600) as lease:
        rewrite(store)  # same process, same fence: only we could have written that
        assert lease._renew() is True
        assert not lease.lost


def test_a_release_that_fails_is_a_warning(tmp_path: Path) -> None:
    store = Weak(open_store(f"mem://{tmp_path.name}")._root.url)
    events: list[Message] = []
    lease = acquire(store, KEY, ttl=3600, sink=events.append)
    store.broken = True
    lease.release()
    assert [(event.level, event.hint) for event in events] == [("warning", "others get it after 3600 s")]


def test_a_forced_release_keeps_who_and_why_and_passes_over_the_fence(store: Store) -> None:
    held_elsewhere(store)
    before = inspect_lock(store, KEY)
    assert force_release(store, KEY, who="ana", why="the runner burnt down") == before
    after = inspect_lock(store, KEY)
    assert (after.state, after.note) == ("released", "released by force by ana: the runner burnt down")
    assert after.fence > before.fence
    assert force_release(store, KEY, who="ana", why="again") is None
    with acquire(store, KEY) as lease:
        assert lease.fence > after.fence


def test_there_is_nothing_to_force_where_nobody_ever_held_it(store: Store) -> None:
    assert force_release(store, KEY, who="ana", why="") is None
    assert inspect_lock(store, KEY) is None


def test_a_file_that_is_no_lock_is_refused(store: Store) -> None:
    store.put_if(KEY, b"hello", match=None)
    with pytest.raises(ConfigError, match="is not a record"):
        acquire(store, KEY)


HOLDER = """
    import sys, time
    from opsctl.state import acquire
    from opsctl.storage import open_store
    lease = acquire(open_store(sys.argv[1]), sys.argv[2], ttl=3600, holder="a deploy")
    print(lease.fence, flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(store: Store) -> Iterator[Holder]:
    argv = [sys.executable, "-c", textwrap.dedent(HOLDER), store.url, KEY]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        yield child, int(child.stdout.readline())
        child.kill()


def test_after_kill_9_of_the_holder_the_lock_is_had_at_once(store: Store, holder: Holder) -> None:
    child, fence = holder
    with pytest.raises(LockTimeoutError, match=rf"pid {child.pid}\) since .*: a deploy"):
        acquire(store, KEY)
    child.send_signal(signal.SIGKILL)
    child.wait()
    events = []
    with acquire(store, KEY, sink=events.append) as lease:
        assert lease.fence == fence + 1
    assert f"(pid {child.pid})" in events[0].text
    assert "its process is gone" in events[0].text


def test_a_killed_holder_that_nobody_waited_for_is_gone_as_well(store: Store, holder: Holder) -> None:
    """A zombie still has its pid."""
    child, fence = holder
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with acquire(store, KEY) as lease:
        assert lease.fence == fence + 1


def test_a_stopped_holder_finds_its_late_write_refused(store: Store, holder: Holder) -> None:
    child, fence = holder
    child.send_signal(signal.SIGSTOP)
    force_release(store, KEY, who="ana", why="it hangs")
    record = Document(store, "release.json", str, kind="release")
    with acquire(store, KEY) as lease:
        record.update(lambda _: "new", fence=lease.fence)
    with pytest.raises(ConflictError, match="newer lock"):
        record.update(lambda _: "late", fence=fence)
    assert record.read().value == "new"
