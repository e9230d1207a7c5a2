"""The two sides of a sync: what of each listing counts, and what must never be the two sides of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from opsctl.errors import NotFoundError, OpsctlError, UsageError
from opsctl.storage import ObjectInfo, Store
from opsctl.storage.backends.file import FileStore
from opsctl.transfer.filters import Filters
from opsctl.transfer.sources import HARMLESS, Refusal

__all__ = ["Tree", "refuse_overlap"]

_PAGE = 1000
"""So many excluded keys in a row are worth a request that goes past the rest of them."""


class Tree:
    """One side.

    Args:
        store: where it is.
        filters: which of its keys count.
        other: the store of the other side, None where there is none.
    """

    def __init__(self, store: Store, filters: Filters, *, other: Store | None = None) -> None:
        self.store = store
        self.refused: list[Refusal] = []
        """What was met in the listing and cannot be copied; whoever reads the listing empties this."""
        self._filters = filters
        self._without_markers = isinstance(other, FileStore)

    def name(self, key: str) -> str:
        """Return the URL of a key, for people."""
        return f"{self.store.url.rstrip('/')}/{key}"

    def sources(self) -> Iterator[ObjectInfo]:
        """Yield what is to be copied, in key order; what cannot be goes to `refused`."""
        for info in self._scan(tell=True):
            if not self._is_marker(info.key):
                yield info
            elif info.size:
                self.refused.append(Refusal(self.name(info.key), "no file's name ends in '/'", False, info.key))

    def targets(self) -> Iterator[ObjectInfo]:
        """Yield what is there, in key order; without what the other side could never have."""
        if isinstance(self.store, FileStore) and not self.store.bucket_exists():
            return iter(())  # the first write makes it
        return (info for info in self._scan(tell=False) if not self._is_marker(info.key))

    def listed(self) -> Iterator[ObjectInfo]:
        """Yield what counts, in key order."""
        return self._scan(tell=False)

    def drain(self) -> Iterator[Refusal]:
        """Yield what was refused until now, once."""
        yield from self.refused
        self.refused.clear()

    def chosen(self, keys: Iterable[str]) -> Iterator[ObjectInfo]:
        """Yield those of `keys` that are there and count, in their order."""
        for key in filter(self._filters.wants, keys):
            try:
                yield self.store.stat(key)
            except NotFoundError:
                continue
            except OpsctlError as error:
                self.refused.append(Refusal(self.name(key), error.message, False, key))

    def _is_marker(self, key: str) -> bool:
        """Say whether an object stands for a directory, where the other side has real ones."""
        return self._without_markers and key.endswith("/")

    def _scan(self, *, tell: bool) -> Iterator[ObjectInfo]:
        if not isinstance(self.store, FileStore):
            return self._scan_objects()
        found = self.store.scan(enter=self._filters.enters, skip=self._skip if tell else None)
        return (info for info in found if self._filters.wants(info.key))

    def _skip(self, key: str, reason: str) -> None:
        if self._filters.wants(key):
            self.refused.append(Refusal(self.name(key), reason, reason == HARMLESS, key))

    def _scan_objects(self) -> Iterator[ObjectInfo]:
        start: str | None = ""
        while start is not None:
            after, start = start, None
            excluded = 0
            for info in self.store.scan(start_after=after):
                if self._filters.wants(info.key):
                    excluded = 0
                    yield info
                    continue
                excluded += 1
                if excluded >= _PAGE and (start := self._end_of_excluded(info.key)):
                    break

    def _end_of_excluded(self, key: str) -> str | None:
        """Return what comes after the excluded directory that `key` is in, None where it is in none."""
        at = key.find("/")
        while at >= 0:
            if not self._filters.enters(key[: at + 1]):
                return key[: at + 1] + "\U0010ffff"
            at = key.find("/", at + 1)
        return None


def refuse_overlap(source: Store, target: Store) -> None:
    """Refuse two sides of which one holds the other, or that are the same.

    Raises:
        UsageError: they overlap: what is copied would be found and copied again, or be deleted as extra.
    """
    if isinstance(source, FileStore) and isinstance(target, FileStore):
        left, right = (f"{os.path.realpath(store.root).rstrip('/')}/" for store in (source, target))
    else:
        left, right = (f"{store.url.rstrip('/')}/" for store in (source, target))
    if left.startswith(right) or right.startswith(left):
        raise UsageError(f"{source.url} and {target.url} overlap", hint="choose directories beside each other")
