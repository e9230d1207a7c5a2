"""`copy`: what a person named as sources, to below a destination; or moved there."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from opsctl.errors import NotFoundError, UsageError
from opsctl.events import Sink, discard
from opsctl.storage import PutOptions, Store, StoreOptions, open_store, parse_url
from opsctl.storage.backends.file import FileStore
from opsctl.transfer.engine import CopyResult, Done, Each, Engine, Task, TransferError, ignore
from opsctl.transfer.filters import Filters
from opsctl.transfer.objects import Verify, copy_object, create_object, move_object
from opsctl.transfer.sources import Item, Refusal, Source, find_source

__all__ = ["CopyRequest", "copy"]


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """What to copy, and where to.

    Args:
        sources: paths and patterns of the workspace, or URLs; see `opsctl.transfer.sources` for what goes where.
        destination: URL or path below which everything goes; a relative one is relative to the workspace.
        workspace: what relative sources are relative to and cannot leave.
        jobs: objects under way at once.
        verify: see `opsctl.transfer.objects.copy_object`.
        options: of stores, by URL prefix.
        put: for each object; None keeps what the source has and guesses content types.
        rename: what the only source, which must be one object, is called below the destination.
        recursive: whether directories may be sources.
        filters: what of the sources is meant.
        move: delete each source once its copy has been looked at.
        create: copy only to where nothing is; see `opsctl.transfer.objects.create_object`.
        limit: bytes a second, None for as many as can.
        dry_run: only say what would be copied.
    """

    sources: tuple[str, ...]
    destination: str
    workspace: Path
    jobs: int = 8
    verify: Verify = "returned"
    options: StoreOptions = field(default_factory=dict)
    put: PutOptions | None = None
    rename: str = ""
    recursive: bool = True
    filters: Filters = field(default_factory=Filters)
    move: bool = False
    create: bool = False
    limit: int | None = None
    dry_run: bool = False

    @property
    def done(self) -> str:
        """What the objects are afterwards, for messages."""
        return "moved" if self.move else "copied"


def copy(request: CopyRequest, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore) -> CopyResult:
    """Copy the sources to below the destination.

    Every source is looked for before anything is written. Objects that are there already are replaced; others at
    the destination are left alone.

    Args:
        request: what.
        sink: is told of progress, of what is left out and of failures.
        span: of those events.
        each: is told what came of every object.

    Raises:
        NotFoundError: a source is not there, or is a pattern or directory with nothing in it.
        UsageError: a source leads out of the workspace, or holds the destination, or is a directory where none may be.
        TransferError: some objects were not copied; the others were.
        OpsctlError: none was copied; this is why the first was not.
    """
    with contextlib.ExitStack() as stack:
        target = open_store(parse_url(request.destination, base=request.workspace), options=request.options)
        stack.callback(target.close)
        sources = [_found(text, request, target, stack) for text in request.sources]
        engine = Engine(jobs=request.jobs, sink=sink, span=span, each=each, limit=request.limit, done=request.done)
        copier = _Copier(request, target, engine)
        engine.run(map(copier.task, _merged(sources)))
        result = engine.result
    if result.count:
        raise TransferError(result, target.url, request.done) if result.copied else result.failed[0].error
    return result


def _found(
    text: str, request: CopyRequest, target: Store, stack: contextlib.ExitStack
) -> tuple[Source, Iterator[Item | Refusal]]:
    source = find_source(text, workspace=request.workspace, options=request.options)
    stack.callback(source.store.close)
    if not source.only and not request.recursive and source.pattern is None:
        raise UsageError(f"{source.name!r} is a directory", hint="-r takes what it holds")
    if not source.only and request.rename:
        raise UsageError(f"{source.name!r} names more than one object", hint="end the destination with a '/'")
    source = msgspec.structs.replace(source, filters=request.filters, rename=request.rename)
    _refuse_overlap(source, target)
    return source, _filled(source)


class _Copier:
    """Makes a task of each item."""

    def __init__(self, request: CopyRequest, target: Store, engine: Engine) -> None:
        self._request = request
        self._target = target
        self._engine = engine
        self._action = "move" if request.move else "copy"

    def task(self, entry: Item | Refusal) -> Task | Refusal:
        """Return what handles one item."""
        if isinstance(entry, Refusal):
            return entry
        return Task(self._action, entry.action.key, entry.name, functools.partial(self._handle, entry))

    def _handle(self, item: Item) -> Done:
        key = item.action.key
        if self._request.dry_run:
            return Done(self._action, key, "planned", size=item.info.size)
        if self._request.create:
            return Done(self._action, key, size=create_object(item.store, item.info.key, self._target, key).size)
        transfer = move_object if self._request.move else copy_object
        written = transfer(
            item.store,
            item.info.key,
            self._target,
            key,
            options=self._request.put,
            verify=self._request.verify,
            moved=self._engine.moved,
        )
        return Done(self._action, key, size=written.size)


def _filled(source: Source) -> Iterator[Item | Refusal]:
    """Return the entries of a source that has any."""
    entries = source.entries()
    first = next(entries, None)
    if first is None:
        kind = "matches nothing" if source.pattern else "holds nothing"
        more = " that the filters leave" if source.filters else ""
        raise NotFoundError(f"{source.name!r} {kind}{more}", hint="is it built, and is the path right?")
    return itertools.chain([first], entries)


def _merged(sources: list[tuple[Source, Iterator[Item | Refusal]]]) -> Iterator[Item | Refusal]:
    """Yield the entries of all sources; the second of two that would become one object is refused."""
    taken: dict[str, str] = {}
    for source, entries in sources:
        for entry in entries:
            if isinstance(entry, Item) and len(sources) > 1:
                first = taken.setdefault(entry.action.key, source.name)
                if first != source.name:
                    reason = f"{first!r} has a {entry.action.key!r} too"
                    yield Refusal(entry.name, reason, harmless=False, key=entry.action.key)
                    continue
            yield entry


def _refuse_overlap(source: Source, target: Store) -> None:
    """Refuse to copy a directory into itself: each copy would be found and copied again; or an object onto itself."""
    local = isinstance(source.store, FileStore) and isinstance(target, FileStore)
    if source.only:
        key = source.rename or source.only.rpartition("/")[2]
        if _place(source.store, source.only, local=local) == _place(target, key, local=local):
            raise UsageError(f"{source.name!r} is the destination itself", hint="choose another name")
    elif f"{_place(target, '', local=local)}/".startswith(f"{_place(source.store, source.prefix, local=local)}/"):
        raise UsageError(f"{source.name!r} holds the destination {target.url}", hint="choose a destination outside it")


def _place(store: Store, key: str, *, local: bool) -> str:
    if local and isinstance(store, FileStore):
        return str(Path(f"{store.root}/{key}").resolve()).rstrip("/")
    return f"{store.url.rstrip('/')}/{key}".rstrip("/")
