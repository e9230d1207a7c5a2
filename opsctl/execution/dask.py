"""Executor on a Dask cluster: a running one, or one of its own on this machine. The only module that imports Dask.

Credentials of the cluster (TLS) come from Dask's own configuration files and `DASK_*` variables.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import distributed
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from opsctl.errors import TransientError
from opsctl.execution.protocol import Executor, ExecutorOptions
from opsctl.execution.window import Promise, run_window

__all__ = ["Dask", "open_executor"]

A = TypeVar("A")
B = TypeVar("B")

_CONNECT_SECONDS = 10


def open_executor(options: ExecutorOptions) -> Dask:
    """Connect to the scheduler at `options.address`, or start one with worker processes on this machine.

    Raises:
        TransientError: the scheduler does not answer.
    """
    if not options.address:
        return Dask(_client(_local_cluster(options.workers)), owns_cluster=True)
    try:
        client = _client(options.address, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise TransientError(
            f"no Dask scheduler answers at {options.address}", hint="for example tcp://scheduler:8786; is it running?"
        ) from error
    return Dask(client, owns_cluster=False)


class Dask:
    """A client of a cluster.

    Args:
        client: connected.
        owns_cluster: whether the cluster ends with it.
    """

    def __init__(self, client: distributed.Client, *, owns_cluster: bool) -> None:
        # The library is half typed: its methods are called through Any, and their results typed here.
        self._client: Any = client
        self._owns_cluster = owns_cluster

    @property
    def workers(self) -> int:
        """Number of threads of all workers that are there now, at least 1."""
        return max(1, int(sum(self._client.nthreads().values())))

    def map_unordered(self, fn: Callable[[A], B], items: Iterable[A], *, limit: int | None = None) -> Iterator[B]:
        """Yield `fn(item)` of every item, as they finish; `fn`, items and results are pickled.

        An item whose worker dies is given to another one, a few times (`distributed.scheduler.allowed-failures`).
        What runs on a worker when an error ends the loop runs to its end there, unheeded.
        """

        def submit(item: A) -> Promise[B]:
            # Not pure: two equal items are two pieces of work.
            promise: Promise[B] = self._client.submit(fn, item, pure=False)
            return promise

        try:
            yield from run_window(submit, items, limit=limit or 2 * self.workers, settle=_forget)
        except KilledWorker as error:
            raise TransientError(
                "the workers that ran an item died, one after the other",
                hint="perhaps for want of memory: see the logs of the workers",
            ) from error
        except (CommClosedError, concurrent.futures.CancelledError) as error:
            raise TransientError("the Dask scheduler went away", hint="is it running? try again") from error

    def close(self) -> None:
        """Disconnect, and end the cluster if it was started here."""
        cluster = self._client.cluster
        self._client.close()
        if self._owns_cluster:
            cluster.close()


def _client(cluster: Any, **options: Any) -> distributed.Client:
    return distributed.Client(cluster, set_as_default=False, **options)  # type: ignore[no-untyped-call] # as the library is


def _local_cluster(workers: int) -> Any:
    # One thread per process: the work computes, or opens connections of its own. The scheduler's own web server
    # cannot be left out; on a free port it is in nobody's way.
    return distributed.LocalCluster(  # type: ignore[no-untyped-call] # as the library is
        n_workers=workers or None,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs="ERROR",
    )


def _forget(pending: set[Any]) -> None:
    pending.clear()  # Dask forgets what nobody refers to any more


_contract: type[Executor] = Dask
