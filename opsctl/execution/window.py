"""The loop that all executors share: a bounded window of futures over a lazy stream of items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Protocol, TypeVar

__all__ = ["Promise", "run_window"]

A = TypeVar("A")
B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


class Promise(Protocol[B_co]):
    """What the futures of the standard library and of Dask have in common."""

    def result(self) -> B_co:
        """Return the result, or raise."""

    def cancel(self) -> object:
        """Keep it from beginning, if it has not begun."""

    def add_done_callback(self, fn: Callable[[Promise[B_co]], object], /) -> None:
        """Call `fn`, in whatever thread, once it is done or cancelled."""


def run_window(
    submit: Callable[[A], Promise[B]],
    items: Iterable[A],
    *,
    limit: int,
    settle: Callable[[set[Promise[B]]], object],
) -> Iterator[B]:
    """Yield the results of at most `limit` submitted items at a time, as they finish.

    Args:
        submit: begins one item.
        items: taken one by one, in the thread that asks for results.
        limit: items that are begun and not yet yielded.
        settle: called with what is still under way, after it was cancelled, when the loop ends early.
    """
    # A queue and not `wait`, which would look at the whole window for each result.
    done: SimpleQueue[Promise[B]] = SimpleQueue()
    pending: set[Promise[B]] = set()
    try:
        for item in items:
            promise = submit(item)
            pending.add(promise)
            promise.add_done_callback(done.put)
            while len(pending) >= limit or not done.empty():
                yield _next(done, pending)
        while pending:
            yield _next(done, pending)
    finally:
        for promise in pending:
            promise.cancel()
        settle(pending)


def _next(done: SimpleQueue[Promise[B]], pending: set[Promise[B]]) -> B:
    promise = done.get()
    pending.discard(promise)
    return promise.result()
