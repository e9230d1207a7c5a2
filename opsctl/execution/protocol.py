"""The contract of executors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

__all__ = ["Executor", "ExecutorOptions"]

A = TypeVar("A")
B = TypeVar("B")


class ExecutorOptions(msgspec.Struct, frozen=True):
    """What every executor can be told.

    Args:
        workers: how many items run at once; 0 leaves it to the executor (the processors of this machine).
        address: of a scheduler that runs already, "" for one of its own; only executors of clusters know it.
    """

    workers: int = 0
    address: str = ""


class Executor(Protocol):
    """Runs one function over many items, several at a time."""

    @property
    def workers(self) -> int:
        """How many items it can run at once now."""

    def map_unordered(self, fn: Callable[[A], B], items: Iterable[A], *, limit: int | None = None) -> Iterator[B]:
        """Yield `fn(item)` of every item, as they finish.

        Items are taken lazily, in the calling thread: at most `limit` of them (twice the workers by default) are
        begun and not yet yielded. The first error, of `fn` or of `items`, cancels what has not begun, waits for what
        runs where that is on this machine, and is raised as it is; so does closing the iterator, without an error.

        Raises:
            TransientError: the process or machine that ran an item died.
        """

    def close(self) -> None:
        """Stop the workers; the executor is not used afterwards. Closing twice is no error."""
