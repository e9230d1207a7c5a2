"""Executors on this machine: threads for work that waits, processes for work that computes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, cast

from opsctl.errors import TransientError, UsageError
from opsctl.execution.protocol import Executor, ExecutorOptions
from opsctl.execution.window import Promise, run_window

__all__ = ["Processes", "Threads", "open_processes", "open_threads"]

A = TypeVar("A")
B = TypeVar("B")


def open_threads(options: ExecutorOptions) -> Threads:
    """Open an executor of threads.

    Raises:
        UsageError: an address, as this machine needs none.
    """
    return Threads(_workers(options, "threads"))


def open_processes(options: ExecutorOptions) -> Processes:
    """Open an executor of processes, which start with the first item.

    Raises:
        UsageError: an address, as this machine needs none.
    """
    return Processes(_workers(options, "processes"))


class Threads:
    """Threads of this process."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="opsctl")

    @property
    def workers(self) -> int:
        """Number of threads."""
        return self._workers

    def map_unordered(self, fn: Callable[[A], B], items: Iterable[A], *, limit: int | None = None) -> Iterator[B]:
        """Yield `fn(item)` of every item, as they finish."""
        return run_window(_submitter(self._pool, fn), items, limit=limit or 2 * self._workers, settle=_settle)

    def close(self) -> None:
        """Wait for the threads to end."""
        self._pool.shutdown(cancel_futures=True)


class Processes:
    """Processes that start afresh, sharing neither locks nor threads with this one."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> int:
        """Number of processes."""
        return self._workers

    def map_unordered(self, fn: Callable[[A], B], items: Iterable[A], *, limit: int | None = None) -> Iterator[B]:
        """Yield `fn(item)` of every item, as they finish; `fn`, items and results are pickled."""
        try:
            submit = _submitter(self._started(), fn)
            yield from run_window(submit, items, limit=limit or 2 * self._workers, settle=_settle)
        except BrokenProcessPool as error:
            self._pool = None  # it cannot be used again; the next call starts new processes
            raise TransientError(
                "a worker process died", hint="perhaps for want of memory (see `dmesg`): try fewer workers"
            ) from error

    def close(self) -> None:
        """Wait for the processes to end."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not forked: a lock that another thread of this process holds would stay locked in the child for ever.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_ignore_interrupts)
        return self._pool


def _workers(options: ExecutorOptions, name: str) -> int:
    if options.address:
        raise UsageError(f"the executor {name!r} takes no address", hint="only 'dask' does")
    return options.workers or len(os.sched_getaffinity(0))


def _submitter(pool: ThreadPoolExecutor | ProcessPoolExecutor, fn: Callable[[A], B]) -> Callable[[A], Promise[B]]:
    return lambda item: pool.submit(fn, item)


def _settle(pending: set[Promise[B]]) -> None:
    wait(cast("set[Future[B]]", pending))


def _ignore_interrupts() -> None:
    """Leave Ctrl-C, which the terminal sends to every process, to the one that gave the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_contracts: tuple[type[Executor], type[Executor]] = (Threads, Processes)
