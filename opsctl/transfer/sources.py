"""What a person names as a source: files, directories and patterns of the workspace, or a store.

    named                  below the destination
    dist/app.whl           app.whl
    dist  or  dist/        what dist holds, with its paths: a trailing slash never changes the meaning
    dist/*.whl             app.whl
    out/**/*.xml           unit/junit.xml: what follows the part without wildcards
    s3://bucket/dir        what lies below it; or the object itself, by its last name

Relative names are those of the workspace and cannot leave it, neither by `..` nor by a link. Listings are lazy; what
must not be copied comes as a `Refusal` in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from opsctl.errors import NotFoundError, UsageError
from opsctl.storage import ObjectInfo, Store, StoreOptions, StoreURL, open_store, parse_url
from opsctl.storage.backends.file import FileStore
from opsctl.storage.localfs import local_faults
from opsctl.transfer.filters import Filters
from opsctl.transfer.patterns import Pattern, is_pattern
from opsctl.transfer.plan import Action

__all__ = ["HARMLESS", "Item", "Refusal", "Source", "find_source"]

HARMLESS = "not a regular file"
"""Why a FIFO, a socket or a device is left out: nobody expects it to be copied."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object to copy.

    Args:
        store: where it is.
        action: what to do; its `source` is the object.
    """

    store: Store
    action: Action

    @property
    def name(self) -> str:
        """URL of the object, for people."""
        return f"{self.store.url.rstrip('/')}/{self.info.key}"

    @property
    def info(self) -> ObjectInfo:
        """The object to copy."""
        assert self.action.source is not None  # noqa: S101 - sources yield copies only
        return self.action.source


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something named that is not copied.

    Args:
        name: of it, for people.
        reason: why.
        harmless: whether leaving it out is what anybody would expect (a FIFO, a socket).
        key: that it would have below the destination.
    """

    name: str
    reason: str
    harmless: bool
    key: str = ""


class Source(msgspec.Struct, frozen=True):
    """A source that has been found.

    Args:
        name: as it was given.
        store: that holds it.
        prefix: of its keys there, which is left out below the destination.
        only: the one object meant, "" for everything below `prefix`.
        pattern: what of it is meant, None for all.
        filters: what of that is meant.
        rename: what the one object is called below the destination, "" for its own last name.
    """

    name: str
    store: Store
    prefix: str = ""
    only: str = ""
    pattern: Pattern | None = None
    filters: Filters = Filters()
    rename: str = ""

    def entries(self) -> Iterator[Item | Refusal]:
        """Yield what it holds, lazily, in key order."""
        if self.only:
            yield self._item(self.store.stat(self.only))
        elif isinstance(self.store, FileStore):
            yield from self._files(self.store)
        else:
            yield from (self._item(info) for info in self.store.scan(self.prefix) if self._wants(info.key))

    def _files(self, store: FileStore) -> Iterator[Item | Refusal]:
        refused: list[Refusal] = []

        def skip(key: str, reason: str) -> None:
            if self._wants(key):
                refused.append(Refusal(f"{store.url.rstrip('/')}/{key}", reason, harmless=reason == HARMLESS, key=key))

        for info in store.scan(self.prefix, enter=self._enters, skip=skip):
            yield from _drained(refused)
            if self._wants(info.key):
                yield self._item(info)
        yield from _drained(refused)

    def _wants(self, key: str) -> bool:
        below = key.removeprefix(self.prefix)
        return (self.pattern is None or self.pattern.matches(below)) and self.filters.wants(below)

    def _enters(self, key: str) -> bool:
        below = key.removeprefix(self.prefix)
        if not below:  # the directory of the prefix itself, or one above it
            return True
        return (self.pattern is None or self.pattern.may_enter(below)) and self.filters.enters(below)

    def _item(self, info: ObjectInfo) -> Item:
        name = self.rename or self.only.rpartition("/")[2]
        key = name if self.only else info.key.removeprefix(self.prefix)
        return Item(self.store, Action("copy", key, "asked", source=info))


def find_source(text: str, *, workspace: Path, options: StoreOptions) -> Source:
    """Find what `text` names; the caller closes its store.

    Args:
        text: a path, a pattern or a URL.
        workspace: directory that relative paths are relative to.
        options: of stores, by URL prefix.

    Raises:
        NotFoundError: there is no such file or directory.
        UsageError: it leads out of the workspace.
        DeniedError: the user may not look at it.
    """
    url = parse_url(text)
    if url.scheme == "file":
        with local_faults(repr(text)):
            return _find_files(text, url.path, workspace)
    store = open_store(url, options=options)
    if next(store.scan(), None) is not None or not url.path.strip("/"):
        return Source(name=text, store=store)
    store.close()
    root, name = StoreURL(url.scheme, url.bucket, url.path.rstrip("/")).split()
    store = open_store(root, options=options)
    store.stat(name)
    return Source(name=text, store=store, only=name)


def _find_files(text: str, path: str, workspace: Path) -> Source:
    names = [name for name in path.split("/") if name not in {"", "."}]
    absolute = path.startswith("/")
    if ".." in names:
        raise UsageError(f"{text!r} must not contain '..'", hint="name it from the workspace, or absolutely")
    base = Path("/") if absolute else workspace
    literal = base.joinpath(*names)
    if _is_there(literal) or not is_pattern(path):
        pattern, directory = None, literal
    else:
        pattern = Pattern("/".join(names))
        directory = base / pattern.directory
    if not _is_there(directory):
        raise NotFoundError(f"{text!r}: there is no {directory}", hint="is it built, and is the path right?")
    return _rooted(text, directory, pattern, workspace=None if absolute else workspace)


def _is_there(path: Path) -> bool:
    # Unlike os.path.lexists, which takes what the user may not see for absent.
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _rooted(text: str, directory: Path, pattern: Pattern | None, *, workspace: Path | None) -> Source:
    """Return the source with links on the way to it resolved, so that no directory link is left to be followed."""
    if pattern is None and not directory.is_dir():
        directory, only = directory.parent.resolve(), directory.name
    else:
        directory, only = directory.resolve(), ""
    root = directory if workspace is None else workspace.resolve()
    if not directory.is_relative_to(root):
        raise UsageError(f"{text!r} leads out of the workspace {root}", hint="name it absolutely")
    inside = str(directory.relative_to(root))
    prefix = "" if inside == "." else f"{inside}/"
    store = FileStore(StoreURL("file", "", str(root)))
    return Source(name=text, store=store, prefix=prefix, only=prefix + only if only else "", pattern=pattern)


def _drained(refused: list[Refusal]) -> Iterator[Refusal]:
    yield from refused
    refused.clear()
