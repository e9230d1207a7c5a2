"""From two listings to what must be done: a merge that keeps one object of each in memory and asks nobody.

    source   target   compared            action    reason
    yes      no                           copy      new
    yes      yes      sizes differ        copy      size
    yes      yes      by the policy       copy      mtime | checksum
    yes      yes      by the policy       skip      same
    yes      yes      listings say too    check     undecided
                      little
    no       yes      delete              delete    extra
    no       yes      not delete          skip      extra

Actions come in key order. Whoever carries them out settles the checks (`opsctl.transfer.comparison.Judge`) and leaves
the deletions until everything else has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from opsctl.errors import OpsctlError
from opsctl.storage import ObjectInfo
from opsctl.transfer.comparison import Policy, Reason, compare_listed

__all__ = ["Action", "Kind", "diff"]

Kind = Literal["copy", "delete", "skip", "check"]


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to do.

    Args:
        kind: what to do with the object at `key` of the target.
        key: in the target.
        reason: why.
        source: what is copied; None for deletions.
        target: what is there now; None where nothing is.
    """

    kind: Kind
    key: str
    reason: Reason
    source: ObjectInfo | None = None
    target: ObjectInfo | None = None

    @property
    def size(self) -> int:
        """Bytes of the source, or of what is deleted."""
        info = self.source or self.target
        return info.size if info else 0


def diff(source: Iterable[ObjectInfo], target: Iterable[ObjectInfo], policy: Policy) -> Iterator[Action]:
    """Yield what makes `target` equal to `source`, lazily, in key order.

    Args:
        source: objects in the byte order of their keys, as `Store.scan` yields them.
        target: the same.
        policy: what counts as equal, and whether to delete.

    Raises:
        OpsctlError: a listing is out of order; what looks absent could be there.
    """
    sources, targets = _ordered(source, "source"), _ordered(target, "target")
    left, right = next(sources, None), next(targets, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.key < right.key):
            assert left is not None  # noqa: S101 - for the type checker: not both are None
            yield Action("copy", left.key, "new", source=left)
            left = next(sources, None)
        elif left is None or right.key < left.key:
            yield Action("delete" if policy.delete else "skip", right.key, "extra", target=right)
            right = next(targets, None)
        else:
            yield _met(left, right, policy)
            left, right = next(sources, None), next(targets, None)


def _met(source: ObjectInfo, target: ObjectInfo, policy: Policy) -> Action:
    reason = compare_listed(source, target, policy)
    kind: Kind = {"same": "skip", "undecided": "check"}.get(reason, "copy")  # type: ignore[assignment] # words of Kind
    return Action(kind, source.key, reason, source=source, target=target)


def _ordered(listing: Iterable[ObjectInfo], side: str) -> Iterator[ObjectInfo]:
    last: str | None = None
    for info in listing:
        if last is not None and info.key <= last:  # code points: the same order as that of UTF-8 bytes
            raise OpsctlError(f"the {side} lists {info.key!r} after {last!r}, which is out of order")
        last = info.key
        yield info
