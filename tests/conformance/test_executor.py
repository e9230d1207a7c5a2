"""Threads, processes and Dask keep the promises of executors."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl.errors import MissingToolError, NotFoundError, TransientError, UsageError
from opsctl.execution import Executor, open_executor
from opsctl.testing.executor import ExecutorConformance, RemoteConformance, process


class TestThreads(ExecutorConformance):
    """The executor `threads`."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = open_executor("threads", workers=4)
        yield executor
        executor.close()


class TestProcesses(RemoteConformance):
    """The executor `processes`."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = open_executor("processes", workers=2)
        yield executor
        executor.close()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a scheduler with two workers in processes of their own; an item is not given to a second worker."""
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        yield cluster.scheduler_address


class TestDask(RemoteConformance):
    """The executor `dask`, on a scheduler that runs already."""

    @pytest.fixture
    def executor(self, scheduler: str) -> Iterator[Executor]:
        executor = open_executor("dask", address=scheduler)
        yield executor
        executor.close()


def test_dask_without_an_address_starts_and_ends_a_cluster_of_its_own() -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    executor = open_executor("dask", workers=2)
    assert executor.workers == 2
    processes = set(executor.map_unordered(process, range(4)))
    assert os.getpid() not in processes
    executor.close()
    assert not [number for number in processes if Path(f"/proc/{number}").exists()]


def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    from opsctl.execution import dask

    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.1)
    with pytest.raises(TransientError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        open_executor("dask", address="tcp://127.0.0.1:1")


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "opsctl.execution.dask", raising=False)
    with pytest.raises(MissingToolError) as caught:
        open_executor("dask")
    assert caught.value.hint == "install the extra 'dask' of opsctl"


def test_an_address_is_refused_where_it_means_nothing() -> None:
    for name in ("threads", "processes"):
        with pytest.raises(UsageError, match=f"{name}' takes no address"):
            open_executor(name, address="tcp://127.0.0.1:1")


def test_an_unknown_executor_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="unknown executor 'thread'"):
        open_executor("thread")


INTERRUPTED = """
    import os, signal, threading, time
    from opsctl.execution import open_executor
    from opsctl.testing.executor import process

    if __name__ == "__main__":
        executor = open_executor("processes", workers=2)
        list(executor.map_unordered(process, range(4)))  # they are up
        try:
            for _ in executor.map_unordered(time.sleep, [0.3, 0.3]):
                os.killpg(0, signal.SIGINT)  # as the terminal does
                time.sleep(5)
        except KeyboardInterrupt:
            print("interrupted")
        executor.close()
"""


def test_an_interrupt_of_the_terminal_is_the_business_of_the_parent_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(INTERRUPTED))
    argv = [sys.executable, str(script)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, start_new_session=True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
