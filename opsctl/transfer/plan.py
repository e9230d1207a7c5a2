"""From two listings to what must be done: a merge that keeps one object of each in memory and asks nobody.

    source   target   compared        action    reason
    yes      no                       copy      new
    yes      yes      sizes differ    copy      size
    yes      yes      by the policy   copy      newer | mtime | checksum | unknown
    yes      yes      by the policy   skip      same
    no       yes      delete          delete    extra
    no       yes      not delete      skip      extra

Actions come in key order. Whoever carries them out leaves the deletions until everything else has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from opsctl.errors import OpsctlError
from opsctl.storage import ObjectInfo

__all__ = ["Action", "Compare", "Kind", "Policy", "Reason", "diff"]

Kind = Literal["copy", "delete", "skip"]
Reason = Literal["asked", "new", "size", "newer", "mtime", "checksum", "unknown", "same", "extra"]
Compare = Literal["newer", "mtime", "checksum", "size"]


class Action(msgspec.Struct, frozen=True):
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


class Policy(msgspec.Struct, frozen=True):
    """When two objects of one key count as the same, after their sizes.

    Args:
        compare: `newer`: the source was not modified after the target was written, as fits buckets, which list when an
            object was written; `mtime`: both were modified at the same time, where both sides keep it; `checksum`:
            a digest that both sides know is equal; `size`: nothing more.
        window: seconds by which two times may differ and still count as equal.
        delete: delete what the source does not have.
    """

    compare: Compare = "newer"
    window: float = 0.0
    delete: bool = False


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
            reason = _compare(left, right, policy)
            yield Action("skip" if reason == "same" else "copy", left.key, reason, source=left, target=right)
            left, right = next(sources, None), next(targets, None)


def _ordered(listing: Iterable[ObjectInfo], side: str) -> Iterator[ObjectInfo]:
    last: str | None = None
    for info in listing:
        if last is not None and info.key <= last:  # code points: the same order as that of UTF-8 bytes
            raise OpsctlError(f"the {side} lists {info.key!r} after {last!r}, which is out of order")
        last = info.key
        yield info


def _compare(source: ObjectInfo, target: ObjectInfo, policy: Policy) -> Reason:
    if source.size != target.size:
        return "size"
    if policy.compare == "newer":
        return "newer" if source.mtime > target.mtime + policy.window else "same"
    if policy.compare == "mtime":
        return "mtime" if abs(source.mtime - target.mtime) > policy.window else "same"
    if policy.compare == "checksum":
        return _compare_checksums(source, target)
    return "same"


def _compare_checksums(source: ObjectInfo, target: ObjectInfo) -> Reason:
    common = source.checksums.keys() & target.checksums.keys()
    if not common:
        return "unknown"
    equal = all(source.checksums[name] == target.checksums[name] for name in common)
    return "same" if equal else "checksum"
