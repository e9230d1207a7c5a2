"""`remove`: deletes objects, one by name or all below a place."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from opsctl.errors import NotFoundError, OpsctlError
from opsctl.events import Sink, discard
from opsctl.storage import ObjectInfo, Store, StoreOptions, StoreURL, open_store, parse_url
from opsctl.storage.listing import open_object
from opsctl.storage.localfs import local_faults
from opsctl.transfer.engine import CopyResult, Done, Each, Engine, Task, TransferError, ignore
from opsctl.transfer.filters import Filters
from opsctl.transfer.guards import refuse_removal
from opsctl.transfer.trees import Tree

__all__ = ["RemoveRequest", "remove"]


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """What to delete.

    Args:
        urls: of objects.
        recursive: delete everything below each of them as well.
        filters: what of that is meant.
        dry_run: only say what would be deleted.
        jobs: objects under way at once.
        options: of stores, by URL prefix.
    """

    urls: tuple[str, ...]
    recursive: bool = False
    filters: Filters = field(default_factory=Filters)
    dry_run: bool = False
    jobs: int = 8
    options: StoreOptions = field(default_factory=dict)


def remove(request: RemoveRequest, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore) -> CopyResult:
    """Delete objects; `copied` of the result counts them.

    Args:
        request: what.
        sink: is told of progress and of failures.
        span: of those events.
        each: is told what came of every object.

    Raises:
        NotFoundError: there is nothing at one of the URLs; those before it have been deleted.
        UsageError: it is the working directory, the home directory, or holds one of them.
        TransferError: some objects were not deleted; the others were.
        OpsctlError: none was deleted; this is why the first was not.
    """
    engine = Engine(jobs=request.jobs, sink=sink, span=span, each=each, done="deleted")
    urls = [parse_url(text) for text in request.urls]
    if request.recursive:
        refuse_removal(urls)
    try:
        for url in urls:
            (_remove_tree if request.recursive else _remove_object)(url, request, engine)
    except OpsctlError as error:
        if error not in (failure.error for failure in engine.failed):
            engine.tell()
        raise
    if engine.failures:
        raise TransferError(engine.result, "", "deleted") if engine.result.copied else engine.failed[0].error
    return engine.result


def _remove_tree(url: StoreURL, request: RemoveRequest, engine: Engine) -> None:
    if _is_file(url):
        _remove_object(url, request, engine)
        return
    with closing(open_store(url, options=request.options)) as store:
        found = Tree(store, request.filters).listed()
        first = next(found, None)
        if first is not None:
            engine.run(_tasks(store, itertools.chain([first], found), request))
    if first is None:
        _remove_rest(url, request, engine)


def _is_file(url: StoreURL) -> bool:
    with local_faults(str(url)):
        return url.scheme == "file" and Path(url.path).is_file()


def _remove_rest(url: StoreURL, request: RemoveRequest, engine: Engine) -> None:
    """Delete the object of a name that nothing is below of."""
    if request.filters or not url.path.strip("/") or url.path.endswith("/"):
        raise NotFoundError(f"there is nothing at {url} to delete")
    _remove_object(url, request, engine)


def _remove_object(url: StoreURL, request: RemoveRequest, engine: Engine) -> None:
    store, key = open_object(url, options=request.options)
    with closing(store):
        info = store.stat(key)  # the contract calls deleting an absent object no error; a person wants to know
        engine.run(_tasks(store, iter([info]), request, name=str(url)))


def _tasks(store: Store, found: Iterator[ObjectInfo], request: RemoveRequest, *, name: str = "") -> Iterator[Task]:
    delete = _foresee if request.dry_run else _delete
    for info in found:
        url = name or f"{store.url.rstrip('/')}/{info.key}"
        yield Task("delete", info.key, url, functools.partial(delete, store, info, url))


def _delete(store: Store, info: ObjectInfo, url: str) -> Done:
    store.delete(info.key)
    return Done("delete", info.key, size=info.size, url=url)


def _foresee(store: Store, info: ObjectInfo, url: str) -> Done:
    del store
    return Done("delete", info.key, "planned", size=info.size, url=url)
