"""Which revisions are good, which one a rollback goes to, and which ones are kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from opsctl.deploy.model import Outcome, Release

__all__ = ["Current", "Good", "Status", "promote", "rollback_target", "status_of"]

Status = Literal["active", "retired", "failed", "rolled_back"]


class Good(msgspec.Struct, frozen=True):
    """A revision that has served and is kept.

    Args:
        number: of the attempt that made it.
        deploy: id of that attempt.
        replaces: revision that served when it was made; where a rollback from it goes. 0 for none.
    """

    number: int
    deploy: str
    replaces: int = 0


class Current(msgspec.Struct, frozen=True):
    """The pointer to what serves.

    Args:
        seq: attempt that serves.
        good: revisions that are kept because they have served, the latest first; the first one is what serves.
    """

    seq: int
    good: tuple[Good, ...]

    @property
    def revision(self) -> int:
        """What serves."""
        return self.good[0].number

    @property
    def kept(self) -> frozenset[int]:
        """The numbers of the good revisions."""
        return frozenset(good.number for good in self.good)


def promote(current: Current | None, *, seq: int, good: Good, retain: int) -> Current:
    """Return the pointer after attempt `seq` has made the revision `good` serve.

    At most `retain` revisions stay good: the one that serves, the one a rollback would go to, and then those that
    served most recently.
    """
    before = [other for other in (current.good if current else ()) if other.number != good.number]
    ranked = sorted(before, key=lambda other: other.number != good.replaces)  # stable: the others stay by recency
    kept = ranked[: retain - 1]
    return Current(seq, (good, *(other for other in before if other in kept)))


def rollback_target(current: Current) -> int:
    """Return the revision that a rollback without `--to` goes to, 0 for none.

    It is the one that the serving one replaced when it was made. So two rollbacks in a row go back twice, and a release
    that was rolled back from is not returned to by a later rollback.
    """
    replaced = current.good[0].replaces
    return replaced if replaced in current.kept else 0


def status_of(release: Release, current: Current | None) -> Status:
    """Return what a release is now."""
    if current is not None and release.seq == current.seq:
        return "active"
    return _ENDED[release.outcome]


_ENDED: Mapping[Outcome, Status] = {"succeeded": "retired", "failed": "failed", "rolled_back": "rolled_back"}
