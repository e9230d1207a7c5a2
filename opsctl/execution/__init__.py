"""Executors: one small protocol over threads, processes and a Dask cluster.

Functions and items given to processes or Dask are pickled: module-level functions and plain values, no open
stores or clients; a worker opens what it needs itself.
"""

from opsctl.execution.opener import open_executor
from opsctl.execution.protocol import Executor, ExecutorOptions

__all__ = ["Executor", "ExecutorOptions", "open_executor"]
