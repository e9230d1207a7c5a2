"""`sync`: makes what is below a destination equal to what is below a source, or plans it, or carries out a plan.

Copies begin while both sides are still being listed. Deletions wait in a spool until everything else has succeeded; one
failure, or a listing that breaks off, and nothing is deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from opsctl.errors import StepFailedError
from opsctl.events import Sink, discard
from opsctl.storage import ObjectInfo, Store, open_store, parse_url
from opsctl.transfer.engine import Each, Engine, ignore
from opsctl.transfer.guards import refuse_emptying
from opsctl.transfer.plan import Action, diff
from opsctl.transfer.planfile import PlanFile, PlanHead, PlanWriter, replacing
from opsctl.transfer.requests import SyncRequest, SyncResult
from opsctl.transfer.sources import Refusal
from opsctl.transfer.synchronizer import Synchronizer
from opsctl.transfer.trees import Tree, refuse_overlap

__all__ = ["apply_plan", "plan_sync", "run_sync"]


def run_sync(request: SyncRequest, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore) -> SyncResult:
    """Make the destination equal to the source.

    Args:
        request: what.
        sink: is told of progress, of what is left out and of failures.
        span: of those events.
        each: is told what came of every object that was not left alone.

    Raises:
        NotFoundError: the source is not there.
        UsageError: the two overlap, or deleting would empty the home directory or what one works in.
        StepFailedError: the source is empty, or too much would be deleted; nothing was deleted.
        OpsctlError: a listing failed, and nothing was deleted; or everything fails.
    """
    engine = Engine(jobs=request.jobs, sink=sink, span=span, each=each, limit=request.limit)
    with _ends(request) as ends, _work(request, ends, engine) as work:
        return work.carry_out(_actions(request, *ends))


def plan_sync(
    request: SyncRequest, path: Path | None, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore
) -> SyncResult:
    """Say what `run_sync` would do, in key order, without any request that writes.

    Args:
        request: what.
        path: of a file for `apply_plan`, None for none.
        sink: is told of what is left out and of failures.
        span: of those events.
        each: is told of every object that would not be left alone.

    Raises:
        PartialError: some objects could not be looked at; the file is not written.
        OpsctlError: as `run_sync` does; neither.
    """
    engine = Engine(jobs=request.jobs, sink=sink, span=span, each=each)
    with contextlib.ExitStack() as stack:
        source, target = stack.enter_context(_ends(request))
        work = stack.enter_context(_work(request, (source, target), engine))
        head = PlanHead(1, source.url, target.url, request.policy.delete)
        writer = PlanWriter(stack.enter_context(replacing(path)), head) if path else None
        result = work.foresee(_actions(request, source, target), writer)
        if writer:
            result.check()
            writer.end()
        return result


def apply_plan(
    planned: PlanFile, request: SyncRequest, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore
) -> SyncResult:
    """Carry out a plan, if everything it names is still as it was then.

    Args:
        planned: from `open_plan`.
        request: how; source and destination are those of the plan.
        sink: is told of progress and of failures.
        span: of those events.
        each: is told what came of every action.

    Raises:
        ConflictError: an object changed, came or went since; nothing was done.
        OpsctlError: as `run_sync` does.
    """
    engine = Engine(jobs=request.jobs, sink=sink, span=span, each=each, limit=request.limit)
    with _ends(request) as ends, _work(request, ends, engine) as work:
        work.strict = True
        work.check_unmoved(planned.actions())
        return work.carry_out(planned.actions())


@contextlib.contextmanager
def _ends(request: SyncRequest) -> Iterator[tuple[Store, Store]]:
    with contextlib.ExitStack() as stack:
        source = open_store(parse_url(request.source), options=request.options)
        stack.callback(source.close)
        target = open_store(parse_url(request.destination), options=request.options)
        stack.callback(target.close)
        refuse_overlap(source, target)
        if request.policy.delete:
            refuse_emptying(target)
        yield source, target


@contextlib.contextmanager
def _work(request: SyncRequest, ends: tuple[Store, Store], engine: Engine) -> Iterator[Synchronizer]:
    source, target = ends
    work = Synchronizer(request, source, target, engine)
    try:
        yield work
    finally:
        work.close()


def _actions(request: SyncRequest, source: Store, target: Store) -> Iterator[Action | Refusal]:
    """Yield what is to be done, lazily, with what cannot be done in its place."""
    tree = Tree(source, request.filters, other=target)
    there = Tree(target, request.filters, other=source)
    if request.retry is None:
        sources, targets = _nonempty(tree, request), there.targets()
    else:
        sources, targets = tree.chosen(request.retry.keys), there.chosen(request.retry.keys)
    for action in diff(sources, targets, request.policy):
        yield from tree.drain()
        yield action
    yield from tree.drain()


def _nonempty(tree: Tree, request: SyncRequest) -> Iterator[ObjectInfo]:
    found = tree.sources()
    first = next(found, None)
    if first is not None:
        yield first
        yield from found
    elif request.policy.delete and not request.allow_empty_source:
        raise StepFailedError(
            f"{tree.store.url} holds nothing: --delete would empty the destination",
            hint="is it mounted, built, spelled right? --allow-empty-source says that it is meant",
        )
    elif not request.allow_empty_source:
        tree.refused.append(Refusal(tree.store.url, "it holds nothing", harmless=True))
