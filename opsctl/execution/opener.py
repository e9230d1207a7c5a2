"""From a name to a running executor."""

from __future__ import annotations

from typing import cast

from opsctl.execution.protocol import Executor, ExecutorOptions
from opsctl.plugins import EXECUTORS

__all__ = ["open_executor"]


def open_executor(name: str, *, workers: int = 0, address: str = "") -> Executor:
    """Open the executor `name`: "threads", "processes", "dask" or a plug-in's.

    Args:
        name: of the kind.
        workers: how many items run at once; 0 leaves it to the executor.
        address: of a running scheduler, for "dask".

    Raises:
        NotFoundError: no such kind of executor.
        MissingToolError: its library is not installed.
        UsageError: it has no use for an address.
        TransientError: the scheduler does not answer.
    """
    factory = EXECUTORS.load(name)
    return cast("Executor", factory(ExecutorOptions(workers=workers, address=address)))
