"""`copy`: what a person named as sources, to below a destination."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from opsctl.errors import NotFoundError, UsageError
from opsctl.events import Sink, discard
from opsctl.storage import PutOptions, Store, StoreOptions, open_store, parse_url
from opsctl.storage.backends.file import FileStore
from opsctl.transfer.engine import CopyResult, Engine, TransferError
from opsctl.transfer.objects import Verify
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
    """

    sources: tuple[str, ...]
    destination: str
    workspace: Path
    jobs: int = 8
    verify: Verify = "returned"
    options: StoreOptions = field(default_factory=dict)
    put: PutOptions | None = None


def copy(request: CopyRequest, *, sink: Sink = discard, span: str = "transfer") -> CopyResult:
    """Copy the sources to below the destination.

    Every source is looked for before anything is written. Objects that are there already are replaced; others at
    the destination are left alone.

    Args:
        request: what.
        sink: is told of progress, of what is left out and of failures.
        span: of those events.

    Raises:
        NotFoundError: a source is not there, or is a pattern or directory with nothing in it.
        UsageError: a source leads out of the workspace, or holds the destination.
        TransferError: some objects were not copied; the others were.
        OpsctlError: none was copied; this is why the first was not.
    """
    with contextlib.ExitStack() as stack:
        target = open_store(parse_url(request.destination, base=request.workspace), options=request.options)
        stack.callback(target.close)
        sources = []
        for text in request.sources:
            source = find_source(text, workspace=request.workspace, options=request.options)
            stack.callback(source.store.close)
            _refuse_overlap(source, target)
            sources.append((source, _filled(source)))
        engine = Engine(target, jobs=request.jobs, verify=request.verify, options=request.put, sink=sink, span=span)
        result = engine.run(_merged(sources))
    if result.failed:
        raise TransferError(result, target.url) if result.copied else result.failed[0].error
    return result


def _filled(source: Source) -> Iterator[Item | Refusal]:
    """Return the entries of a source that has any."""
    entries = source.entries()
    first = next(entries, None)
    if first is None:
        kind = "matches nothing" if source.pattern else "holds nothing"
        raise NotFoundError(f"{source.name!r} {kind}", hint="is it built, and is the path right?")
    return itertools.chain([first], entries)


def _merged(sources: list[tuple[Source, Iterator[Item | Refusal]]]) -> Iterator[Item | Refusal]:
    """Yield the entries of all sources; the second of two that would become one object is refused."""
    taken: dict[str, str] = {}
    for source, entries in sources:
        for entry in entries:
            if isinstance(entry, Item) and len(sources) > 1:
                first = taken.setdefault(entry.action.key, source.name)
                if first != source.name:
                    yield Refusal(entry.name, f"{first!r} has a {entry.action.key!r} too", harmless=False)
                    continue
            yield entry


def _refuse_overlap(source: Source, target: Store) -> None:
    """Refuse to copy a directory into itself: each copy would be found and copied again."""
    if isinstance(source.store, FileStore) and isinstance(target, FileStore):
        inside = _directory(target.root).startswith(_directory(f"{source.store.root}/{source.prefix}"))
    else:
        inside = f"{target.url}/".startswith(f"{source.store.url}/")
    if inside and not source.only:
        raise UsageError(f"{source.name!r} holds the destination {target.url}", hint="choose a destination outside it")


def _directory(path: str) -> str:
    return f"{Path(path).resolve()}/"
