"""The journal of a slot: what is about to happen, written before it happens.

One document, rewritten by compare-and-swap under the fence of the lease. It is open from the first arrow of an attempt
until its record is written; what it holds is enough for another process to finish the attempt or to undo it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from opsctl.deploy.model import Attempt, Failure, Stage
from opsctl.errors import ConflictError
from opsctl.state import Document, Lease, Saved

__all__ = ["Journal", "JournalBook"]


class Journal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document.

    Args:
        seq: number of the last attempt that was begun.
        state: "closed" between attempts; "reverting" once the way back has been decided.
        attempt: the last one, with what is known of it so far; None only before the first.
        arrows: its stages.
        position: index of the arrow that is about to be taken or has been.
        cause: why it is reverted.
    """

    seq: int = 0
    state: Literal["closed", "open", "reverting"] = "closed"
    attempt: Attempt | None = None
    arrows: tuple[Stage, ...] = ()
    position: int = 0
    cause: Failure | None = None

    @property
    def stage(self) -> Stage:
        """The arrow that is about to be taken or has been."""
        return self.arrows[self.position]

    @property
    def switching(self) -> bool:
        """Whether the intent to switch has been written."""
        return "switch" in self.arrows[: self.position + 1]

    @property
    def touched(self) -> bool:
        """Whether the target may have been touched."""
        return "start" in self.arrows[: self.position + 1]

    @property
    def decided(self) -> bool:
        """Whether the last gate has been passed: from then on an attempt is finished, never undone."""
        return "retire" in self.arrows[: self.position + 1]


class JournalBook:
    """The journal in its store, as its writer sees it.

    Args:
        document: where it is.
        lease: under which it is written.
    """

    def __init__(self, document: Document[Journal], lease: Lease) -> None:
        self._document = document
        self._lease = lease
        self._saved: Saved[Journal] | None = document.read()

    @property
    def now(self) -> Journal:
        """The journal as it was last read or written."""
        return self._saved.value if self._saved else Journal()

    def begin(self, attempt: Attempt, arrows: tuple[Stage, ...]) -> None:
        """Open the journal with the intent to take the first arrow."""
        self._write(Journal(seq=attempt.seq, state="open", attempt=attempt, arrows=arrows))

    def advance(self, attempt: Attempt, position: int) -> None:
        """Write the intent to take the arrow at `position`, and what is known of the attempt by now."""
        self._write(msgspec.structs.replace(self.now, attempt=attempt, position=position))

    def revert(self, attempt: Attempt, cause: Failure) -> None:
        """Write the intent to undo the attempt."""
        self._write(msgspec.structs.replace(self.now, state="reverting", attempt=attempt, cause=cause))

    def close(self, *, unused: bool = False) -> None:
        """Write that the attempt is over.

        Args:
            unused: it changed nothing and leaves no record; its number is given out again.
        """
        now = self.now
        self._write(msgspec.structs.replace(now, state="closed", seq=now.seq - 1 if unused else now.seq))

    def reload(self) -> None:
        """Read the journal again, after an interrupt that may have hit in the middle of a write.

        Raises:
            ConflictError: a later holder of the lock has written it.
        """
        self._saved = self._document.read()
        if self._saved is not None and self._saved.fence > self._lease.fence:
            raise ConflictError(f"{self._document.url} was written by a later holder of the lock")

    def _write(self, journal: Journal) -> None:
        self._lease.check()
        if self._saved is not None and (self._saved.value, self._saved.fence) == (journal, self._lease.fence):
            return
        if self._saved is None:
            self._saved = self._document.create(journal, fence=self._lease.fence)
        else:
            self._saved = self._document.replace(self._saved, journal, fence=self._lease.fence)
