"""The engine: moves items to a store, several at a time, each verified, each alone in its failure."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opsctl.errors import LocalIOError, OpsctlError, PartialError, TransientError
from opsctl.events import Message, Progress, Sink
from opsctl.execution import open_executor
from opsctl.storage import PutOptions, Store
from opsctl.transfer.objects import Verify, copy_object
from opsctl.transfer.sources import Item, Refusal

__all__ = ["CopyResult", "Engine", "Failure", "TransferError"]

ATTEMPTS = 3
"""How often an item is tried when the other side fails in a way that may pass, after the SDK's own retries."""

GIVE_UP = 50
"""After so many failures with nothing copied, the rest would fail as well."""

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that was not copied.

    Args:
        name: URL of the source.
        error: why.
    """

    name: str
    error: OpsctlError


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What came of a copy.

    Args:
        copied: objects that are at the destination and verified.
        bytes: of those.
        failed: those that are not, in no order.
    """

    copied: int
    bytes: int
    failed: tuple[Failure, ...] = ()


class TransferError(PartialError):
    """Some items failed, the rest is copied; `result` says which.

    Args:
        result: with at least one failure.
        destination: URL, for the message.
    """

    def __init__(self, result: CopyResult, destination: str) -> None:
        first = result.failed[0].error
        total = result.copied + len(result.failed)
        message = f"{len(result.failed)} of {total} objects were not copied to {destination}; {first.message}"
        super().__init__(message, hint=first.hint)
        self.result = result
        self.destination = destination

    def __reduce__(self) -> tuple[type[TransferError], tuple[CopyResult, str]]:
        return type(self), (self.result, self.destination)


class Engine:
    """Copies items to one store.

    Args:
        target: where they go.
        jobs: items under way at once.
        verify: see `copy_object`.
        options: for each object, None to take all from the source.
        sink: is told of progress and failures, also from other threads.
        span: of those events.
    """

    def __init__(
        self, target: Store, *, jobs: int, verify: Verify, options: PutOptions | None, sink: Sink, span: str
    ) -> None:
        self._target = target
        self._jobs = jobs
        self._verify = verify
        self._options = options
        self._sink = sink
        self._span = span
        self._meter = _Meter(sink, span)
        self._failed: list[Failure] = []

    def run(self, entries: Iterable[Item | Refusal]) -> CopyResult:
        """Copy every item once; what fails is reported and left out, nothing is left half-written.

        Raises:
            OpsctlError: the listing failed, what was copied until then stays; or everything fails.
        """
        executor = open_executor("threads", workers=self._jobs)
        try:
            for outcome in executor.map_unordered(self._attempt, self._items(entries)):
                if isinstance(outcome, Failure):
                    self._report(outcome)
                else:
                    self._meter.finish(outcome)
        finally:
            executor.close()
        self._meter.emit()
        return CopyResult(self._meter.items, self._meter.finished, tuple(self._failed))

    def _items(self, entries: Iterable[Item | Refusal]) -> Iterator[Item]:
        for entry in entries:
            if isinstance(entry, Item):
                yield entry
            elif entry.harmless:
                self._sink(Message(self._span, f"{entry.name} is left out: {entry.reason}", "warning"))
            else:
                error = LocalIOError(
                    f"{entry.name} is not copied: {entry.reason}", hint="remove it, or copy its target"
                )
                self._report(Failure(entry.name, error))

    def _report(self, failure: Failure) -> None:
        self._failed.append(failure)
        self._sink(Message(self._span, failure.error.message, "error", failure.error.hint))
        if len(self._failed) >= GIVE_UP and not self._meter.items:
            raise self._failed[0].error

    def _attempt(self, item: Item) -> int | Failure:
        """Copy one item, again if need be; return its size."""
        for attempt in range(1, ATTEMPTS):
            try:
                return self._copy(item)
            except TransientError:
                time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - spreads out retries
            except OpsctlError as error:
                return Failure(item.name, error)
        try:
            return self._copy(item)
        except OpsctlError as error:
            return Failure(item.name, error)

    def _copy(self, item: Item) -> int:
        written = copy_object(
            item.store,
            item.info.key,
            self._target,
            item.action.key,
            options=self._options,
            verify=self._verify,
            moved=self._meter.move,
        )
        return written.size


class _Meter:
    """Counts what goes by, and says so now and then."""

    def __init__(self, sink: Sink, span: str) -> None:
        self._sink = sink
        self._span = span
        self._lock = threading.Lock()
        self._moved = 0
        self._said = time.monotonic()
        self.items = 0
        self.finished = 0

    def move(self, count: int) -> None:
        """Count bytes under way; called from the threads of the engine."""
        with self._lock:
            self._moved += count
            now = time.monotonic()
            if now - self._said < _PROGRESS_SECONDS:
                return
            self._said = now
        self.emit()

    def finish(self, size: int) -> None:
        """Count one finished object."""
        self.items += 1
        self.finished += size

    def emit(self) -> None:
        """Say how far it is."""
        self._sink(Progress(self._span, done=self._moved, total=None, items=self.items))
