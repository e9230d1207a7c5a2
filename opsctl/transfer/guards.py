"""What nobody means to delete: the file system, the home directory, and the directory that one works in."""

from __future__ import annotations

import os
from collections.abc import Iterable

from opsctl.errors import UsageError
from opsctl.storage import Store, StoreURL
from opsctl.storage.backends.file import FileStore

__all__ = ["refuse_emptying", "refuse_removal"]

_HINT = "name what is in it instead"


def refuse_removal(urls: Iterable[StoreURL]) -> None:
    """Refuse to delete everything below the working directory, the home directory, or what holds one of them.

    Raises:
        UsageError: one of the URLs is such a directory.
    """
    for url in urls:
        if url.scheme == "file" and (reason := _precious(url.path, may_be_workplace=False)):
            raise UsageError(f"{url} is not deleted: {reason}", hint=_HINT)


def refuse_emptying(store: Store) -> None:
    """Refuse the same as the target of a sync that deletes; except for the working directory, which may be one.

    Raises:
        UsageError: the store is such a directory.
    """
    if isinstance(store, FileStore) and (reason := _precious(store.root, may_be_workplace=True)):
        raise UsageError(f"{store.url} is no target for --delete: {reason}", hint=_HINT)


def _precious(path: str, *, may_be_workplace: bool) -> str:
    """Return why a directory is worth a guard, "" for any other."""
    root = os.path.realpath(os.path.abspath(path))  # noqa: PTH100 - as FileStore takes `link/..`
    if root == "/":
        return "it is everything on this machine"
    places = {_workplace(): "the working directory", _home(): "your home directory"}
    for place, name in places.items():
        if place.startswith(f"{root}/"):
            return f"{name} {place} is in it"
    is_spared = may_be_workplace and root != _home()
    return f"it is {places[root]}" if root in places and not is_spared else ""


def _home() -> str:
    return os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - Path raises where there is no home


def _workplace() -> str:
    try:
        return os.path.realpath(os.curdir)
    except FileNotFoundError:
        return ""  # removed: nobody works there any more
