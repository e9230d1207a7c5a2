"""Carrying out the actions of a sync: copies first, deletions last and only if nothing failed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from opsctl.errors import ConflictError, NotFoundError, OpsctlError, UsageError
from opsctl.execution import open_executor
from opsctl.storage import ObjectInfo, Store
from opsctl.storage.localfs import NameTakenError
from opsctl.transfer.comparison import Judge
from opsctl.transfer.engine import Done, Engine, Failure, Status, Task
from opsctl.transfer.objects import copy_object
from opsctl.transfer.plan import Action, Kind
from opsctl.transfer.planfile import PlanWriter
from opsctl.transfer.requests import SyncRequest, SyncResult
from opsctl.transfer.sources import Refusal
from opsctl.transfer.spool import Spool

__all__ = ["Synchronizer"]


class Synchronizer:
    """Carries out the actions of one sync.

    Args:
        request: how.
        source: store of the sources.
        target: store of the targets.
        engine: does and counts.
    """

    def __init__(self, request: SyncRequest, source: Store, target: Store, engine: Engine) -> None:
        self._request = request
        self._source = source
        self._target = target
        self._engine = engine
        self._judge = Judge(source, target, request.policy)
        self._deletions, self._blocked = Spool(), Spool()
        self._broken: OpsctlError | None = None
        self._targets = 0
        self.strict = False
        """Whether each object must still be what its action says, just before it is touched."""

    def close(self) -> None:
        """Give back what was spooled."""
        self._deletions.close()
        self._blocked.close()

    def carry_out(self, actions: Iterable[Action | Refusal]) -> SyncResult:
        """Do it."""
        self._engine.run(self._tasks(actions))
        if self._broken or self._engine.failures:
            self._hold_back()
        else:
            self._check_deletions()
            self._engine.run(self._task(action, self._delete) for action in self._deletions)
            self._engine.run(self._task(action, self._copy_after) for action in self._blocked)
        return self._finished("done")

    def foresee(self, actions: Iterable[Action | Refusal], writer: PlanWriter | None) -> SyncResult:
        """Say what would be done."""
        for action in self._settled(actions):
            if isinstance(action, Failure):
                self._engine.fail(action)
            elif action.kind != "skip":
                self._engine.finish(_done(action, status="planned"))
                if writer:
                    writer.add(action)
            elif action.reason == "same":
                self._engine.finish(_done(action, status="unchanged"))
        self._engine.tell()
        if not self._broken:
            self._check_deletions()
        return self._finished("planned")

    def check_unmoved(self, actions: Iterable[Action]) -> None:
        """Raise ConflictError unless every object that is named is as the actions say."""
        executor = open_executor("threads", workers=self._request.jobs)
        try:
            for _ in executor.map_unordered(self._check, actions):
                pass
        finally:
            executor.close()

    def _check(self, action: Action) -> None:
        if action.kind == "delete":
            _check_absent(self._source, action.key)
        else:
            _check_same(self._source, action.key, action.source)
        _check_same(self._target, action.key, action.target)

    def _tasks(self, actions: Iterable[Action | Refusal]) -> Iterator[Task | Refusal]:
        for action in self._guarded(actions):
            if isinstance(action, Refusal):
                yield action
            elif action.kind in {"copy", "check"}:
                yield self._task(action, self._copy_or_wait)
            elif action.kind == "delete":
                self._deletions.put(action)
            elif action.reason == "same":
                self._engine.finish(_done(action, status="unchanged"))

    def _guarded(self, actions: Iterable[Action | Refusal]) -> Iterator[Action | Refusal]:
        """Yield the actions; where listing them breaks off, what has begun is still finished."""
        try:
            for action in actions:
                self._targets += isinstance(action, Action) and action.target is not None
                yield action
        except OpsctlError as error:
            self._broken = error

    def _task(self, action: Action, run: Callable[[Action], Done | None]) -> Task:
        store = self._target if action.kind == "delete" else self._source
        kind = "delete" if action.kind == "delete" else "copy"
        return Task(kind, action.key, f"{store.url.rstrip('/')}/{action.key}", functools.partial(run, action))

    def _copy_or_wait(self, action: Action) -> Done | None:
        """Copy; what another object is in the way of waits until that is deleted."""
        try:
            return self._copy(action)
        except NameTakenError:
            if not self._request.policy.delete:
                raise
            self._blocked.put(action)
            return None

    def _copy_after(self, action: Action) -> Done:
        """Copy to where something had to be deleted first, if that has been done."""
        failed = self._engine.count("delete", "failed")
        return self._hold(action) if failed else self._copy(action)

    def _copy(self, action: Action) -> Done:
        settled = self._settle(action)
        if settled.kind == "skip":
            return _done(settled, status="unchanged")
        if self.strict:
            self._check(action)
        written = copy_object(
            self._source,
            action.key,
            self._target,
            action.key,
            options=self._request.put,
            moved=self._engine.moved,
        )
        return Done("copy", action.key, "done", settled.reason, written.size)

    def _settle(self, action: Action) -> Action:
        if action.kind != "check" or action.source is None or action.target is None:
            return action
        reason = self._judge.compare(action.source, action.target, target_key=action.key)
        kind: Kind = "skip" if reason == "same" else "copy"
        return Action(kind, action.key, reason, action.source, action.target)

    def _settled(self, actions: Iterable[Action | Refusal]) -> Iterator[Action | Failure]:
        """Yield the actions in their order, the checks settled, several at a time."""
        executor = open_executor("threads", workers=self._request.jobs)
        waiting: dict[int, Action | Failure] = {}
        at = 0
        try:
            for number, settled in executor.map_unordered(self._try_settle, enumerate(self._planned(actions))):
                waiting[number] = settled
                while at in waiting:
                    yield waiting.pop(at)
                    at += 1
        finally:
            executor.close()

    def _planned(self, actions: Iterable[Action | Refusal]) -> Iterator[Action]:
        for action in self._guarded(actions):
            if isinstance(action, Refusal):
                self._engine.refuse(action)
            else:
                if action.kind == "delete":
                    self._deletions.put(action)
                yield action

    def _try_settle(self, numbered: tuple[int, Action]) -> tuple[int, Action | Failure]:
        number, action = numbered
        try:
            return number, self._settle(action)
        except OpsctlError as error:
            return number, Failure(f"{self._source.url}/{action.key}", error, key=action.key)

    def _delete(self, action: Action) -> Done:
        if self.strict:
            self._check(action)
        self._target.delete(action.key)
        return _done(action)

    def _hold(self, action: Action) -> Done:
        return _done(action, status="held_back")

    def _hold_back(self) -> None:
        for spool in (self._deletions, self._blocked):
            for action in spool:
                self._engine.finish(self._hold(action))

    def _check_deletions(self) -> None:
        if self._request.max_delete is not None:
            self._request.max_delete.check(len(self._deletions), self._targets)

    def _finished(self, status: Status) -> SyncResult:
        self._engine.tell()
        if self._broken:
            raise self._broken
        return self._result(status)

    def _result(self, status: Status) -> SyncResult:
        engine = self._engine
        return SyncResult(
            copied=engine.count("copy", status),
            deleted=engine.count("delete", status),
            unchanged=engine.count("copy", "unchanged"),
            bytes=engine.bytes,
            failed=engine.failures,
            held_back=engine.count("delete", "held_back") + engine.count("copy", "held_back"),
            failures=tuple(engine.failed),
        )


def _done(action: Action, status: Status = "done") -> Done:
    kind = "delete" if action.kind == "delete" else "copy"
    return Done(kind, action.key, status, action.reason, action.size)


def _check_absent(store: Store, key: str) -> None:
    try:
        store.stat(key)
    except (NotFoundError, UsageError):
        return
    raise ConflictError(f"{store.url}/{key} has come since the plan was made", hint="make a new plan")


def _check_same(store: Store, key: str, planned: ObjectInfo | None) -> None:
    try:
        found = store.stat(key)
    except (NotFoundError, NameTakenError):
        found = None
    if (found is None) != (planned is None) or (found and planned and not _is_same(found, planned)):
        raise ConflictError(f"{store.url}/{key} has changed since the plan was made", hint="make a new plan")


def _is_same(found: ObjectInfo, planned: ObjectInfo) -> bool:
    if found.size != planned.size or (planned.mtime_kept and found.mtime != planned.mtime):
        return False
    return not planned.etag or found.etag == planned.etag
