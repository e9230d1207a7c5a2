"""Whether two objects of one key are the same: first by what the listings say, then by asking, then by reading.

A listing of S3 tells when an object was written, not the mtime that its metadata keeps. What is certain without a
request is decided at once (`compare_listed`); the rest is left to a `Judge`, which runs where the copies run, several
at a time. How this was chosen, and what it costs: docs/decisions/012-sync.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from opsctl.storage import ObjectInfo, Store
from opsctl.storage.backends.file import FileStore
from opsctl.transfer.verification import ALGORITHMS, read_digest

__all__ = ["Compare", "Judge", "Policy", "Reason", "compare_listed"]

Reason = Literal["asked", "new", "size", "mtime", "checksum", "undecided", "same", "extra"]
Compare = Literal["mtime", "checksum", "size"]

_CLOCKS = 2.0
"""Seconds by which the clocks of a source and of a target are allowed to differ."""

_PRECISION = 0.001
"""Seconds: stores keep milliseconds or better, or whole seconds."""


class Policy(msgspec.Struct, frozen=True):
    """When two objects of one key count as the same, after their sizes.

    Args:
        compare: `mtime`: they were modified at the same time, or the target was written after the source was last
            touched where it keeps no time; `checksum`: their digests are equal; `size`: nothing more.
        window: seconds by which two times may differ and still count as equal; 0 judges by the precision of each.
        delete: delete what the source does not have.
    """

    compare: Compare = "mtime"
    window: float = 0.0
    delete: bool = False


def compare_listed(source: ObjectInfo, target: ObjectInfo, policy: Policy) -> Reason:
    """Say whether two objects are the same, `undecided` where the listings do not tell."""
    if source.size != target.size:
        return "size"
    if policy.compare == "checksum":
        return _by_digests(source.checksums, target.checksums)
    return _by_listed_times(source, target, policy.window) if policy.compare == "mtime" else "same"


class Judge:
    """Decides what listings leave open.

    Args:
        source: store of the sources.
        target: store of the targets.
        policy: what counts as equal.
    """

    def __init__(self, source: Store, target: Store, policy: Policy) -> None:
        self._source = source
        self._target = target
        self._policy = policy

    def compare(self, source: ObjectInfo, target: ObjectInfo, *, target_key: str) -> Reason:
        """Return the reason to copy, or `same`.

        Args:
            source: as listed.
            target: as listed.
            target_key: key of the target in its store.

        Raises:
            NotFoundError: one of them is gone meanwhile.
        """
        if self._policy.compare == "checksum":
            return self._by_content(source, target, target_key)
        source = source if source.mtime_kept else self._source.stat(source.key)
        target = target if target.mtime_kept else self._target.stat(target_key)
        if source.size != target.size:
            return "size"
        return _by_times(source, target, self._policy.window)

    def _by_content(self, source: ObjectInfo, target: ObjectInfo, target_key: str) -> Reason:
        """Compare digests: those that stores know, else of what is read, which is local where one side is."""
        left = source.checksums or self._source.stat(source.key).checksums
        right = target.checksums or self._target.stat(target_key).checksums
        reason = _by_digests(left, right)
        if reason != "undecided":
            return reason
        known, unread = (left, False) if _readable(left) and not _readable(right) else (right, True)
        algorithm = _readable(known) or "sha256"
        if not _readable(left) and not _readable(right):
            left = {algorithm: read_digest(self._source, source.key, algorithm=algorithm)}
            right = {algorithm: read_digest(self._target, target_key, algorithm=algorithm)}
        elif unread and not (_readable(left) and isinstance(self._target, FileStore)):
            left = {algorithm: read_digest(self._source, source.key, algorithm=algorithm)}
        else:
            algorithm = _readable(left)
            right = {algorithm: read_digest(self._target, target_key, algorithm=algorithm)}
        return _by_digests(left, right)


def _readable(checksums: Mapping[str, str]) -> str:
    """Return the algorithm of a digest that can be computed here, "" where there is none."""
    return next((name for name in ALGORITHMS if name in checksums), "")


def _by_digests(left: Mapping[str, str], right: Mapping[str, str]) -> Reason:
    common = left.keys() & right.keys()
    if not common:
        return "undecided"
    return "same" if all(left[name] == right[name] for name in common) else "checksum"


def _by_listed_times(source: ObjectInfo, target: ObjectInfo, window: float) -> Reason:
    if source.mtime_kept and target.mtime_kept:
        return "same" if _at_once(source.mtime, target.mtime, window) else "mtime"
    if not target.mtime_kept and source.written and source.written + _CLOCKS <= target.written:
        return "same"  # nobody has touched the source since the target was written
    if (source.mtime_kept or target.mtime_kept) and _at_once(source.mtime, target.mtime, window):
        return "same"
    return "undecided"


def _by_times(source: ObjectInfo, target: ObjectInfo, window: float) -> Reason:
    if _at_once(source.mtime, target.mtime, window):
        return "same"
    if target.mtime_kept:
        return "mtime"
    changed = source.mtime if source.mtime_kept else source.written or source.mtime
    return "same" if changed <= (target.written or target.mtime) + window else "mtime"


def _at_once(one: float, other: float, window: float) -> bool:
    """Say whether two times are the same; where just one of them is a whole second, its store cuts off the rest."""
    cut = one.is_integer() != other.is_integer()
    apart = abs(one - other)
    return apart < 1 if cut and not window else apart <= max(window, _PRECISION)
