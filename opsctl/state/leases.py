"""Locks that survive the death of their holder: a lease that must be renewed, and a fence that only grows.

The lock is a record. Whoever replaces it by compare-and-swap holds it, and a thread rewrites it every third of its
time to live. It may be taken from a holder

- that released it, or whose process is certainly gone (same boot, same PID namespace, see `opsctl.identity`): at once;
- that has not rewritten it for the time to live, as watched by the one who wants it, on its own clock. Clocks of
  two machines are never compared; the times in the record are for people.

A holder that was paused cannot know at once that its lock is gone. Therefore each holder gets a greater fence than
all before it: give it to `Document.update(..., fence=lease.fence)`, which refuses to overwrite what was written under
a greater one, and call `lease.check()` before any other side effect.

Waiting is not first come, first served: after a release whoever asks first gets it.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

import msgspec

from opsctl.errors import ConflictError, LockTimeoutError, OpsctlError, TransientError
from opsctl.events import Message, Sink, discard
from opsctl.identity import Identity, current_identity, is_gone
from opsctl.state.records import ATTEMPTS, Document, Saved
from opsctl.storage import Store

__all__ = ["Lease", "LeaseRecord", "acquire", "force_release", "inspect_lock"]

_MARGIN = 0.9
"""Share of the time to live after which a holder that could not renew counts its lease as lost: before others do."""

_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class LeaseRecord(msgspec.Struct, frozen=True):
    """What the file of a lock says.

    Args:
        state: whether somebody holds it.
        holder: who, for people: what it is for, or "".
        identity: the process that holds or held it.
        fence: of that holder; grows with every acquisition.
        ttl: seconds without a sign of life after which it may be taken.
        since: seconds since the epoch on the holder's clock, for people only.
        note: how it ended: who released it by force, and why.
    """

    state: Literal["held", "released"]
    holder: str
    identity: Identity
    fence: int
    ttl: float
    since: float
    note: str = ""

    def describe(self) -> str:
        """Return who holds it and since when, as one printable line."""
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        who = f"{self.identity.user}@{self.identity.host} (pid {self.identity.pid})"
        text = f"{who} since {since}" + (f": {self.holder}" if self.holder else "")
        return "".join(char if char.isprintable() else "?" for char in text)


def acquire(
    store: Store,
    key: str,
    *,
    holder: str = "",
    ttl: float = 30.0,
    wait: float = 0.0,
    cure: str = "",
    sink: Sink = discard,
) -> Lease:
    """Take the lock `key`, waiting for it if need be.

    Args:
        store: one with conditional writes.
        key: of the lock's file.
        holder: what it is taken for, shown to those who wait.
        ttl: seconds that others must see no renewal before they may take it.
        wait: seconds to wait for it at most; 0 tries once. A holder on another machine that died can only be found
            out by waiting for longer than its ttl.
        cure: command that releases the lock by force, for the hint.
        sink: is told about a lock taken over, and of a lease that was lost.

    Returns:
        the lease; use it as a context manager, or release it.

    Raises:
        LockTimeoutError: somebody else holds it; says who and since when.
        UsageError: the store cannot hold state.
        ConfigError: the file is no lock.
    """
    document = _document(store, key)
    mine = LeaseRecord("held", holder, current_identity(), fence=0, ttl=ttl, since=time.time())
    watch = _Watch()
    deadline, pause = _clock() + wait, _PAUSE
    while True:
        begun = _clock()
        seen = document.read()
        taken = _take(document, seen, mine, watch=watch, sink=sink)
        if taken is not None:
            return Lease(document, taken, renewed=begun, sink=sink)
        left = deadline - _clock()
        if left <= 0:
            raise _timeout(document, seen, cure=cure)
        time.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311 - spreads out those who wait
        pause = min(_LONGEST_PAUSE, pause * 1.5, max(_PAUSE, ttl / 10))


def force_release(store: Store, key: str, *, who: str, why: str) -> LeaseRecord | None:
    """Release a lock that somebody else holds, and keep in it who did so and why.

    Its holder notices at its next renewal, and its fence is passed over.

    Returns:
        the record as it was, None where nobody held the lock.
    """
    document = _document(store, key)
    note = f"released by force by {who}: {why}"
    for _ in range(ATTEMPTS):
        saved = document.read()
        if saved is None or saved.value.state == "released":
            return None
        released = msgspec.structs.replace(saved.value, state="released", fence=saved.value.fence + 1, note=note)
        with contextlib.suppress(ConflictError):  # renewed meanwhile
            document.replace(saved, released)
            return saved.value
    raise ConflictError(f"the lock {document.url} changes faster than it can be released", hint="try again")


def inspect_lock(store: Store, key: str) -> LeaseRecord | None:
    """Return what the lock says now; None where nobody has ever held it."""
    saved = _document(store, key).read()
    return saved.value if saved else None


class Lease:
    """A held lock, renewed by a thread until it is released or lost. Made by `acquire`.

    Args:
        document: the file of the lock.
        saved: the record that made it ours.
        renewed: when the writing of it began, on `_clock`.
        sink: is told when the lease is lost.
    """

    def __init__(
        self, document: Document[LeaseRecord], saved: Saved[LeaseRecord], *, renewed: float, sink: Sink
    ) -> None:
        self._document = document
        self._saved = saved
        self._renewed = renewed
        self._sink = sink
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {document.url}", daemon=True)
        self._thread.start()

    @property
    def fence(self) -> int:
        """Greater than that of every holder before."""
        return self._saved.value.fence

    @property
    def url(self) -> str:
        """Where the lock is, for people."""
        return self._document.url

    @property
    def lost(self) -> bool:
        """Whether the lease can no longer be relied on: it was taken, or not renewed in time."""
        if not self._ended.is_set() and self._overdue():
            self._lost.set()
        return self._lost.is_set()

    def check(self) -> None:
        """Raise if the lease is lost; asks no server.

        Raises:
            ConflictError: it is.
        """
        if self.lost:
            raise ConflictError(
                f"the lock {self.url} was lost to somebody else", hint="this run must not go on; start it again"
            )

    def release(self) -> None:
        """Give the lock back; where that fails, a warning is sent and others get it after its time to live."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join(self._saved.value.ttl)
        try:
            if self._thread.is_alive():
                raise TransientError("the last renewal has not come back")
            self._document.replace(self._saved, msgspec.structs.replace(self._saved.value, state="released"))
        except ConflictError:
            self._lost.set()
        except OpsctlError as error:
            hint = f"others get it after {self._saved.value.ttl:g} s"
            self._sink(Message("", f"cannot release {self.url}: {error.message}", "warning", hint))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _overdue(self) -> bool:
        return _clock() - self._renewed >= self._saved.value.ttl * _MARGIN

    def _keep(self) -> None:
        ttl = self._saved.value.ttl
        pause = ttl / 3
        while not self._ended.wait(pause):
            pause = ttl / 3 if self._renew() else ttl / 20
            if self.lost:
                self._sink(Message("", f"the lock {self.url} was lost to somebody else", "error"))
                return

    def _renew(self) -> bool:
        begun = _clock()
        try:
            self._saved = self._rewrite()
        except ConflictError:
            self._lost.set()
            return False
        except OpsctlError:
            return False  # may pass; it is tried until the time is up
        self._renewed = begun
        return True

    def _rewrite(self) -> Saved[LeaseRecord]:
        try:
            return self._document.replace(self._saved, self._saved.value)
        except ConflictError:
            # A renewal given up for lost may have arrived late. Process and fence in the value are ours alone.
            found = self._document.read()
            if found is None or found.value != self._saved.value:
                raise
            return found


class _Watch:
    """How long a lock has shown no sign of life, on our own clock."""

    def __init__(self) -> None:
        self._nonce = ""
        self._since = 0.0

    def seconds(self, nonce: str) -> float:
        if nonce != self._nonce:
            self._nonce, self._since = nonce, _clock()
        return _clock() - self._since


def _document(store: Store, key: str) -> Document[LeaseRecord]:
    return Document(store, key, LeaseRecord, kind="lock")


def _take(
    document: Document[LeaseRecord],
    seen: Saved[LeaseRecord] | None,
    mine: LeaseRecord,
    *,
    watch: _Watch,
    sink: Sink,
) -> Saved[LeaseRecord] | None:
    """Try to become the holder; None when the lock is held or somebody else was quicker."""
    if seen is None:
        # From the time of day: where somebody removed the file of the lock by hand, fences still grow.
        return _won(lambda: document.create(msgspec.structs.replace(mine, fence=int(time.time()))))
    reason = _vacancy(seen, watch)
    if reason is None:
        return None
    record = msgspec.structs.replace(mine, fence=seen.value.fence + 1)
    won = _won(lambda: document.replace(seen, record))
    if won is not None and reason:
        sink(Message("", f"took over {document.url} from {seen.value.describe()}: {reason}", "warning"))
    return won


def _vacancy(seen: Saved[LeaseRecord], watch: _Watch) -> str | None:
    """Return why the lock may be taken, "" for a released one, None while it may not."""
    if seen.value.state == "released":
        return ""
    if is_gone(seen.value.identity):
        return "its process is gone"
    if watch.seconds(seen.nonce) >= seen.value.ttl:
        return f"no sign of life for {seen.value.ttl:g} s"
    return None


def _won(write: Callable[[], Saved[LeaseRecord]]) -> Saved[LeaseRecord] | None:
    try:
        return write()
    except ConflictError:
        return None


def _timeout(document: Document[LeaseRecord], seen: Saved[LeaseRecord] | None, *, cure: str) -> LockTimeoutError:
    who = seen.value.describe() if seen and seen.value.state == "held" else "somebody who was quicker"
    force = f", or if that process is gone: {cure}" if cure else ""
    return LockTimeoutError(f"the lock {document.url} is held by {who}", hint=f"wait for it{force}")


def _clock() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
