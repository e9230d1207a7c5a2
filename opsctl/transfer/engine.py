"""The engine: does tasks, several at a time, each alone in its failure, and keeps count.

It does not know what a task does. Whoever makes the tasks (`copying`, `sync`, `removal`, `checking`) puts into each how
one item is handled; how bytes move is for the stores and `opsctl.transfer.objects` to say.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from opsctl.errors import DeniedError, LocalIOError, OpsctlError, PartialError, TransientError
from opsctl.events import Message, Progress, Sink
from opsctl.execution import open_executor
from opsctl.storage.localfs.tree import UNREADABLE
from opsctl.transfer.sources import Refusal
from opsctl.transfer.throttle import Throttle

__all__ = ["CopyResult", "Done", "Each", "Engine", "Failure", "Status", "Task", "TransferError", "ignore"]

ATTEMPTS = 3
"""How often a task is tried when the other side fails in a way that may pass, after the SDK's own retries."""

GIVE_UP = 50
"""After so many failures with nothing done, the rest would fail as well."""

KEPT = 100
"""So many failures are kept for the result; all of them are reported as they come."""

_PROGRESS_SECONDS = 0.1

Status = Literal["done", "unchanged", "planned", "failed", "held_back"]


class Done(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one item.

    Args:
        action: what was to be done with it: "copy", "move", "delete", "check".
        key: of it, below the destination.
        status: `held_back`: not deleted, because something else failed.
        reason: why it was to be done.
        size: bytes.
        error: why it failed.
        hint: the cure.
        kind: word of the error, as `OpsctlError.kind`.
        url: of it, where `key` alone says too little.
    """

    action: str
    key: str
    status: Status = "done"
    reason: str = ""
    size: int = 0
    error: str = ""
    hint: str = ""
    kind: str = ""
    url: str = ""


Each = Callable[[Done], object]
"""Is told what came of every item, in one thread."""


def ignore(done: Done) -> None:
    """Be the `Each` that does not care."""
    del done


@dataclass(frozen=True, slots=True)
class Task:
    """One item to be handled.

    Args:
        action: what is done with it.
        key: of it, below the destination.
        name: URL, for people.
        run: does it, in some thread; may be called again after a TransientError. None says that it comes later.
    """

    action: str
    key: str
    name: str
    run: Callable[[], Done | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that failed.

    Args:
        name: URL of the item.
        error: why.
        action: what was to be done with it.
        key: of it, below the destination.
    """

    name: str
    error: OpsctlError
    action: str = "copy"
    key: str = ""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What came of a copy.

    Args:
        copied: objects that are at the destination and verified.
        bytes: of those.
        failed: those that are not, in no order; the first hundred.
        failures: how many failed in all; 0 takes the length of `failed`.
    """

    copied: int
    bytes: int
    failed: tuple[Failure, ...] = ()
    failures: int = 0

    @property
    def count(self) -> int:
        """How many failed in all."""
        return self.failures or len(self.failed)


class TransferError(PartialError):
    """Some items failed, the rest is done; `result` says which.

    Args:
        result: with at least one failure.
        destination: URL, for the message.
        done: what the items were to be: "copied", "moved", "deleted".
    """

    def __init__(self, result: CopyResult, destination: str, done: str = "copied") -> None:
        first = result.failed[0].error
        total = result.copied + result.count
        to = f" to {destination}" if destination else ""
        self.summary = f"{result.count} of {total} objects were not {done}{to}"
        """The message without the reason of the first failure, for where all of them have been told."""
        super().__init__(f"{self.summary}; {first.message}", hint=first.hint)
        self.result = result
        self.destination = destination
        self.done = done

    def __reduce__(self) -> tuple[type[TransferError], tuple[CopyResult, str, str]]:
        return type(self), (self.result, self.destination, self.done)


class Engine:
    """Does tasks and counts what came of them; one engine counts over several runs.

    Args:
        jobs: tasks under way at once.
        sink: is told of progress and failures, also from other threads.
        span: of those events.
        each: is told what came of every item.
        limit: bytes a second that go by, None for as many as can.
        done: participle for the messages about refusals: "copied".
    """

    def __init__(
        self,
        *,
        jobs: int,
        sink: Sink,
        span: str,
        each: Each = ignore,
        limit: int | None = None,
        done: str = "copied",
    ) -> None:
        self._jobs = jobs
        self._sink = sink
        self._span = span
        self._each = each
        self._word = done
        self._meter = _Meter(sink, span, Throttle(limit) if limit else None)
        self.failed: list[Failure] = []
        """The first of the failures."""
        self.failures = 0
        self.counts: dict[tuple[str, Status], int] = {}
        """Items by action and status."""
        self._untold: Message | None = None
        """The first failure, as long as nothing succeeds: if nothing ever does, it is told as the error of it all."""

    @property
    def moved(self) -> Callable[[int], None]:
        """Give this to `copy_object`: it counts bytes under way, and slows down where there is a limit."""
        return self._meter.move

    @property
    def bytes(self) -> int:
        """Bytes of the items that are done."""
        return self._meter.finished

    @property
    def result(self) -> CopyResult:
        """What came of everything until now, as a copy."""
        return CopyResult(self._meter.items, self._meter.finished, tuple(self.failed), self.failures)

    def run(self, entries: Iterable[Task | Refusal]) -> None:
        """Do every task once; what fails is reported and left out.

        Raises:
            OpsctlError: `entries` failed, what was done until then stays; or everything fails.
        """
        try:
            self._run(entries)
        except BaseException as error:
            if not (self.failed and error is self.failed[0].error):
                self.tell()
            raise
        self._meter.emit()

    def _run(self, entries: Iterable[Task | Refusal]) -> None:
        executor = open_executor("threads", workers=self._jobs)
        try:
            for outcome in executor.map_unordered(_attempt, self._tasks(entries)):
                if isinstance(outcome, Failure):
                    self.fail(outcome)
                    self._give_up()
                elif outcome is not None:
                    self.finish(outcome)
        finally:
            executor.close()

    def finish(self, done: Done) -> None:
        """Count an item that did not fail."""
        self.tell()
        self._count(done)
        if done.status in {"done", "planned"}:
            self._meter.finish(done.size if done.action in {"copy", "move"} else 0)

    def fail(self, failure: Failure) -> None:
        """Count and report an item that failed."""
        self.failures += 1
        if len(self.failed) < KEPT:
            self.failed.append(failure)
        error = failure.error
        message = Message(self._span, error.message, "error", error.hint)
        if self.counts:
            self._sink(message)
        else:
            self._untold = message
        key = failure.key or failure.name
        self._count(Done(failure.action, key, "failed", "", 0, error.message, error.hint, error.kind))

    def tell(self) -> None:
        """Report the first failure, where it has been kept for an error that does not come."""
        if self._untold is not None:
            self._sink(self._untold)
            self._untold = None

    def _give_up(self) -> None:
        if self.failures >= GIVE_UP and self.failures == sum(self.counts.values()):
            raise self.failed[0].error

    def refuse(self, refusal: Refusal) -> None:
        """Report what cannot be handled, as a failure where anybody would miss it."""
        if refusal.harmless:
            self._sink(Message(self._span, f"{refusal.name} is left out: {refusal.reason}", "warning"))
            return
        self.fail(Failure(refusal.name, self._refused(refusal), key=refusal.key))

    def _refused(self, refusal: Refusal) -> OpsctlError:
        message = f"{refusal.name} is not {self._word}: {refusal.reason}"
        if refusal.reason.startswith(UNREADABLE):
            return DeniedError(message, hint="check its owner and its mode, or exclude it")
        return LocalIOError(message, hint="remove it, exclude it, or name its target")

    def count(self, action: str, status: Status) -> int:
        """Return how many items came out so."""
        return self.counts.get((action, status), 0)

    def _count(self, done: Done) -> None:
        place = done.action, done.status
        self.counts[place] = self.counts.get(place, 0) + 1
        self._each(done)

    def _tasks(self, entries: Iterable[Task | Refusal]) -> Iterator[Task]:
        for entry in entries:
            if isinstance(entry, Task):
                yield entry
            else:
                self.refuse(entry)


def _attempt(task: Task) -> Done | Failure | None:
    """Do one task, again if need be."""
    for attempt in range(1, ATTEMPTS):
        try:
            return task.run()
        except TransientError:
            time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - spreads out retries
        except OpsctlError as error:
            return Failure(task.name, error, task.action, task.key)
    try:
        return task.run()
    except OpsctlError as error:
        return Failure(task.name, error, task.action, task.key)


class _Meter:
    """Counts what goes by, and says so now and then."""

    def __init__(self, sink: Sink, span: str, throttle: Throttle | None) -> None:
        self._sink = sink
        self._span = span
        self._throttle = throttle
        self._lock = threading.Lock()
        self._moved = 0
        self._said = time.monotonic()
        self.items = 0
        self.finished = 0

    def move(self, count: int) -> None:
        """Count bytes under way; called from the threads of the engine."""
        if self._throttle is not None:
            self._throttle.take(count)
        with self._lock:
            self._moved += count
            if not self._is_time():
                return
        self.emit()

    def finish(self, size: int) -> None:
        """Count one finished object."""
        self.items += 1
        self.finished += size
        with self._lock:
            if not self._is_time():
                return
        self.emit()

    def emit(self) -> None:
        """Say how far it is."""
        self._sink(Progress(self._span, done=self._moved, total=None, items=self.items))

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS:
            return False
        self._said = now
        return True
