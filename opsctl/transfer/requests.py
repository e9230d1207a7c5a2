"""What a sync is asked to do, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsctl.errors import PartialError, StepFailedError
from opsctl.storage import PutOptions, StoreOptions
from opsctl.transfer.comparison import Policy
from opsctl.transfer.engine import Failure
from opsctl.transfer.filters import Filters
from opsctl.transfer.manifest import Manifest

__all__ = ["MaxDelete", "SyncRequest", "SyncResult"]


@dataclass(frozen=True, slots=True)
class MaxDelete:
    """How many deletions are taken for meant.

    Args:
        number: of objects, or percent of the objects that are at the destination.
        percent: which of the two.
    """

    number: float
    percent: bool = False

    def check(self, deletions: int, objects: int) -> None:
        """Raise StepFailedError if `deletions` of `objects` are too many."""
        most = self.number * objects / 100 if self.percent else self.number
        if deletions > most:
            raise StepFailedError(
                f"{deletions} of {objects} objects would be deleted, more than --max-delete {self} allows",
                hint="nothing was deleted; raise the limit if this is meant",
            )

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What to make equal to what.

    Args:
        source: URL of a directory or prefix.
        destination: URL of a directory or prefix.
        policy: what counts as equal, and whether to delete.
        filters: what counts at all, on both sides.
        max_delete: None for any number.
        allow_empty_source: delete although there is nothing at the source.
        jobs: objects under way at once.
        limit: bytes a second, None for as many as can.
        retry: only what failed in an earlier run.
        options: of stores, by URL prefix.
        put: for each object; None keeps what the source has and guesses content types.
    """

    source: str
    destination: str
    policy: Policy = field(default_factory=Policy)
    filters: Filters = field(default_factory=Filters)
    max_delete: MaxDelete | None = None
    allow_empty_source: bool = False
    jobs: int = 8
    limit: int | None = None
    retry: Manifest | None = None
    options: StoreOptions = field(default_factory=dict)
    put: PutOptions | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came of a sync, or would.

    Args:
        copied: objects, verified.
        deleted: objects.
        unchanged: objects that were equal.
        bytes: of the objects copied.
        failed: objects that could not be copied or deleted.
        held_back: deletions, and copies to where something must be deleted first, that were not done for that reason.
        failures: the first hundred of those failed.
    """

    copied: int
    deleted: int
    unchanged: int
    bytes: int
    failed: int = 0
    held_back: int = 0
    failures: tuple[Failure, ...] = ()

    def check(self) -> None:
        """Raise PartialError if something failed; why has been told of each."""
        if self.failed:
            objects = "1 object" if self.failed == 1 else f"{self.failed} objects"
            kept = f", {self.held_back} held back" if self.held_back else ""
            raise PartialError(
                f"{objects} failed{kept}", hint="--manifest FILE lists what failed for --retry-from FILE"
            )
