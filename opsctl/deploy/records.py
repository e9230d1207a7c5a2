"""What a slot remembers, in the state store: releases, the pointer to the one that serves, the journal, the lock.

The files, and what they say::

deploys/<env>/<service>/lock.json                who may change it
deploys/<env>/<service>/journal.json             what is about to happen
deploys/<env>/<service>/current.json             which release serves
deploys/<env>/<service>/releases/00000007.json   one attempt; written once, never changed
"""

from __future__ import annotations

import re
from collections import deque

from opsctl.deploy.history import Current
from opsctl.deploy.journal import Journal, JournalBook
from opsctl.deploy.model import Release, Slot
from opsctl.errors import ConflictError, NotFoundError
from opsctl.events import Sink, discard
from opsctl.state import Document, Lease, LeaseRecord, acquire, force_release, inspect_lock
from opsctl.storage import Store

__all__ = ["Records"]

_RELEASE = re.compile(r"(\d{8,})\.json")


class Records:
    """The memory of one slot.

    Args:
        store: state store of the project.
        slot: what is deployed where.
    """

    def __init__(self, store: Store, slot: Slot) -> None:
        self._store = store
        self._slot = slot

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return f"{self._store.url.rstrip('/')}/{self._slot.key}"

    def lock(self, *, purpose: str, wait: float, ttl: float, sink: Sink = discard) -> Lease:
        """Take the lock of the slot.

        Args:
            purpose: shown to those who wait.
            wait: seconds to wait for it at most.
            ttl: seconds after which others may take it from a holder that shows no sign of life.
            sink: told about a lock that is taken over or lost.

        Raises:
            LockTimeoutError: somebody else holds it.
        """
        cure = f"opsctl deploy unlock {self._slot.service} --env {self._slot.env}"
        return acquire(self._store, self._lock_key, holder=purpose, ttl=ttl, wait=wait, cure=cure, sink=sink)

    def lock_holder(self) -> LeaseRecord | None:
        """Return who holds the lock, None when nobody does."""
        record = inspect_lock(self._store, self._lock_key)
        return record if record is not None and record.state == "held" else None

    def unlock(self, *, who: str, why: str) -> LeaseRecord | None:
        """Release the lock by force; return who held it, None when nobody did."""
        return force_release(self._store, self._lock_key, who=who, why=why)

    def open_journal(self, lease: Lease) -> JournalBook:
        """Return the journal for writing."""
        return JournalBook(self._journal, lease)

    def journal(self) -> Journal:
        """Return the journal as it is now."""
        saved = self._journal.read()
        return saved.value if saved else Journal()

    def current(self) -> Current | None:
        """Return the pointer to what serves, None before the first success."""
        saved = self._current.read()
        return saved.value if saved else None

    def point(self, current: Current, *, fence: int) -> None:
        """Move the pointer.

        Raises:
            ConflictError: a later holder of the lock has moved it.
        """
        self._current.update(lambda _: current, fence=fence)

    def release(self, seq: int) -> Release:
        """Return the record of one attempt.

        Raises:
            NotFoundError: there is none of that number.
        """
        saved = self._release(seq).read()
        if saved is None:
            hint = f"see `opsctl deploy history {self._slot.service} --env {self._slot.env}`"
            raise NotFoundError(f"{self._slot} has no release {seq}", hint=hint)
        return saved.value

    def add(self, release: Release, *, fence: int) -> None:
        """Write the record of an attempt; that the same one is there already is fine.

        Raises:
            ConflictError: another attempt has that number.
        """
        document = self._release(release.seq)
        try:
            document.create(release, fence=fence)
        except ConflictError:
            found = document.read()
            if found is None or found.value.id != release.id:
                raise

    def recent(self, limit: int) -> list[Release]:
        """Return the records of the last `limit` attempts, the latest first."""
        latest = deque(self._numbers(after=0), maxlen=limit)
        return [self.release(seq) for seq in reversed(latest)]

    def last_number(self, *, after: int) -> int:
        """Return the highest number that a record has, `after` when none is higher than that."""
        return max(self._numbers(after=after), default=after)

    def _numbers(self, *, after: int) -> list[int]:
        prefix = f"{self._slot.key}/releases/"
        found = self._store.scan(prefix, start_after=_name(prefix, after) if after else "")
        try:
            names = [item.key.removeprefix(prefix) for item in found]
        except NotFoundError:  # nothing was ever written to this store
            return []
        return sorted(int(match[1]) for match in map(_RELEASE.fullmatch, names) if match)

    @property
    def _lock_key(self) -> str:
        return f"{self._slot.key}/lock.json"

    @property
    def _journal(self) -> Document[Journal]:
        return Document(self._store, f"{self._slot.key}/journal.json", Journal, kind="deploy journal")

    @property
    def _current(self) -> Document[Current]:
        return Document(self._store, f"{self._slot.key}/current.json", Current, kind="current release")

    def _release(self, seq: int) -> Document[Release]:
        return Document(self._store, _name(f"{self._slot.key}/releases/", seq), Release, kind="release")


def _name(prefix: str, seq: int) -> str:
    return f"{prefix}{seq:08d}.json"
