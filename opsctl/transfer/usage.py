"""`measure`: how much is below a place, by folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import msgspec

from opsctl.storage import StoreOptions, open_store, parse_url
from opsctl.transfer.filters import Filters
from opsctl.transfer.trees import Tree

__all__ = ["Usage", "measure"]


class Usage(msgspec.Struct, frozen=True):
    """How much a folder holds.

    Args:
        name: of the folder, relative to the place, with a `/` at the end; "" for all of it.
        objects: number of them, at any depth.
        bytes: of them.
    """

    name: str
    objects: int
    bytes: int


def measure(
    url: str, *, depth: int = 0, filters: Filters | None = None, options: StoreOptions | None = None
) -> Iterator[Usage]:
    """Yield what each folder down to `depth` holds, in the order in which they end, and all of it last.

    Args:
        url: of a directory or prefix.
        depth: 0 for the whole only.
        filters: what counts.
        options: of stores, by URL prefix.

    Raises:
        NotFoundError: the directory or bucket is not there.
    """
    around = [_Folder("")]
    with closing(open_store(parse_url(url), options=options)) as store:
        for info in Tree(store, filters or Filters()).listed():
            folders = _folders(info.key, depth)
            while len(around) > 1 and around[-1].name not in folders:
                yield around.pop().usage()
            around.extend(_Folder(name) for name in folders[len(around) - 1 :])
            for folder in around:
                folder.objects += 1
                folder.bytes += info.size
    while around:
        yield around.pop().usage()


class _Folder(msgspec.Struct):
    """A folder that is being added up."""

    name: str
    objects: int = 0
    bytes: int = 0

    def usage(self) -> Usage:
        return Usage(self.name, self.objects, self.bytes)


def _folders(key: str, depth: int) -> list[str]:
    """Return the folders around a key, from the outermost to the one at `depth`."""
    found, at = [], -1
    for _ in range(depth):
        at = key.find("/", at + 1)
        if at < 0:
            break
        found.append(key[: at + 1])
    return found
