"""What is below a URL, as people look at it: objects, and folders made of the `/` in their keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from opsctl.errors import NotFoundError
from opsctl.storage.localfs import local_faults
from opsctl.storage.opener import StoreOptions, open_store
from opsctl.storage.protocol import ObjectInfo, Store
from opsctl.storage.url import StoreURL

__all__ = ["Listed", "list_url", "open_object"]


class Listed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of a listing.

    Args:
        kind: an object, or a folder that stands for all objects below it.
        name: relative to the URL that was listed; a folder ends with `/`.
        size: bytes; None for a folder.
        modified: seconds since the epoch; None for a folder.
        etag: as in `ObjectInfo`.
        storage_class: as in `ObjectInfo`.
    """

    kind: Literal["object", "folder"]
    name: str
    size: int | None = None
    modified: float | None = None
    etag: str = ""
    storage_class: str = ""


def list_url(url: StoreURL, *, options: StoreOptions | None = None, recursive: bool = False) -> Iterator[Listed]:
    """Yield what is at `url`, in key order: the object of this name, and what the folder of this name holds.

    Args:
        url: an object, a folder (with or without a `/` at the end), a bucket or a local directory.
        options: of stores, by URL prefix.
        recursive: yield every object instead of the folders of the first level.

    Raises:
        NotFoundError: there is nothing.
    """
    empty = True
    for found in _listed(url, options or {}, recursive):
        empty = False
        yield found
    if empty and url.path.strip("/") and url.scheme != "file":
        raise NotFoundError(f"there is nothing at {url}")


def open_object(url: StoreURL, *, options: StoreOptions | None = None) -> tuple[Store, str]:
    """Open the store around the object at `url`; return it with the object's key. The caller closes.

    Raises:
        UsageError: the URL names no object.
    """
    root, key = url.split()
    return open_store(root, options=options), key


def _listed(url: StoreURL, options: StoreOptions, recursive: bool) -> Iterator[Listed]:  # noqa: FBT001 - private
    if not _is_folder(url):
        store, key = open_object(url, options=options)
        with closing(store):
            try:
                yield _object(store.stat(key))
            except NotFoundError:
                pass
            else:
                if url.scheme == "file":  # where a name is a file or a directory, never both
                    return
    with closing(open_store(url, options=options)) as store:
        yield from map(_object, store.scan()) if recursive else _first_level(store.scan())


def _is_folder(url: StoreURL) -> bool:
    """Say whether the URL alone tells that no object is meant."""
    if url.scheme != "file":
        return not url.path or url.path.endswith("/")
    with local_faults(str(url)):
        return url.path.endswith("/") or Path(url.path).is_dir()


def _first_level(objects: Iterator[ObjectInfo]) -> Iterator[Listed]:
    folder = ""
    for found in objects:
        name, slash, _ = found.key.partition("/")
        if not slash:
            yield _object(found)
        elif name != folder:
            folder = name
            yield Listed("folder", f"{name}/")


def _object(found: ObjectInfo) -> Listed:
    return Listed("object", found.key, found.size, found.mtime, found.etag, found.storage_class)
