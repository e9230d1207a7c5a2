"""`check`: compares two sides by checksum and copies nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from opsctl.errors import PartialError, StepFailedError
from opsctl.events import Sink, discard
from opsctl.storage import StoreOptions, open_store, parse_url
from opsctl.transfer.comparison import Judge, Policy
from opsctl.transfer.engine import Done, Each, Engine, Failure, Task, ignore
from opsctl.transfer.filters import Filters
from opsctl.transfer.plan import Action, diff
from opsctl.transfer.sources import Refusal
from opsctl.transfer.trees import Tree

__all__ = ["CheckRequest", "CheckResult", "Finding", "check"]

Finding = Literal["same", "differ", "missing", "extra"]
"""`missing`: only at the source; `extra`: only at the destination."""

_POLICY = Policy(compare="checksum", delete=True)


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to compare with what.

    Args:
        source: URL of a directory or prefix.
        destination: URL of a directory or prefix.
        filters: what counts, on both sides.
        one_way: what only the destination has is no difference.
        jobs: objects under way at once.
        options: of stores, by URL prefix.
    """

    source: str
    destination: str
    filters: Filters = field(default_factory=Filters)
    one_way: bool = False
    jobs: int = 8
    options: StoreOptions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How many objects were found to be what.

    Args:
        same: on both sides.
        differ: there on both sides, with different bytes.
        missing: only at the source.
        extra: only at the destination.
        failed: that could not be compared.
        failures: the first hundred of those.
    """

    same: int
    differ: int
    missing: int
    extra: int
    failed: int = 0
    failures: tuple[Failure, ...] = ()

    def check(self) -> None:
        """Raise PartialError if something could not be compared, StepFailedError if something differs."""
        if self.failed:
            objects = "1 object was" if self.failed == 1 else f"{self.failed} objects were"
            raise PartialError(f"{objects} not compared")
        if self.differ or self.missing or self.extra:
            raise StepFailedError(f"{self.differ} differ, {self.missing} are missing, {self.extra} are extra")


def check(request: CheckRequest, *, sink: Sink = discard, span: str = "transfer", each: Each = ignore) -> CheckResult:
    """Compare every object of two sides.

    Digests that both stores know are compared; what they do not know is read and digested here.

    Args:
        request: what.
        sink: is told of progress and of failures.
        span: of those events.
        each: is told of every object; the `reason` is a `Finding`.

    Raises:
        NotFoundError: a side is not there.
        OpsctlError: a listing failed.
    """
    found: dict[str, int] = {}

    def count(done: Done) -> None:
        if done.status == "done":
            found[done.reason] = found.get(done.reason, 0) + 1
        each(done)

    engine = Engine(jobs=request.jobs, sink=sink, span=span, each=count, done="compared")
    with (
        closing(open_store(parse_url(request.source), options=request.options)) as source,
        closing(open_store(parse_url(request.destination), options=request.options)) as target,
    ):
        judge = Judge(source, target, _POLICY)
        left = Tree(source, request.filters, other=target)
        right = Tree(target, request.filters, other=source)
        engine.run(_tasks(left, right, judge, one_way=request.one_way))
    engine.tell()
    return CheckResult(
        same=found.get("same", 0),
        differ=found.get("differ", 0),
        missing=found.get("missing", 0),
        extra=found.get("extra", 0),
        failed=engine.failures,
        failures=tuple(engine.failed),
    )


def _tasks(left: Tree, right: Tree, judge: Judge, *, one_way: bool) -> Iterator[Task | Refusal]:
    for action in diff(left.sources(), right.targets(), _POLICY):
        yield from left.drain()
        if not (one_way and action.reason == "extra"):
            yield Task("check", action.key, left.name(action.key), functools.partial(_look, judge, action))
    yield from left.drain()


def _look(judge: Judge, action: Action) -> Done:
    return Done("check", action.key, "done", _finding(judge, action), action.size)


def _finding(judge: Judge, action: Action) -> Finding:
    if action.source is None:
        return "extra"
    if action.target is None:
        return "missing"
    reason = action.reason
    if action.kind == "check":
        reason = judge.compare(action.source, action.target, target_key=action.key)
    return "same" if reason == "same" else "differ"
