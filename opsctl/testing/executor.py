'''The conformance suite of executors: subclass it, give the fixture `executor`, run pytest.

    class TestMine(ExecutorConformance):
        """mine: keeps the promises of executors."""

        @pytest.fixture
        def executor(self) -> Iterator[Executor]:
            executor = open_executor("mine", workers=2)
            yield executor
            executor.close()

The executor must run at least two items at once. `RemoteConformance` adds what holds where items run in other
processes: they are other processes, and the death of one is an error, not a hang.
'''

from __future__ import annotations

import inspect
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsctl import errors
from opsctl.errors import ConfigError, NotFoundError, OpsctlError, Problem, TransientError
from opsctl.execution import Executor

__all__ = ["ExecutorConformance", "RemoteConformance"]

_PATIENCE = 60  # seconds, only where a broken executor would hang


class ExecutorConformance:
    """What every executor does."""

    def test_every_item_has_one_result(self, executor: Executor) -> None:
        assert sorted(executor.map_unordered(square, range(200))) == [number * number for number in range(200)]

    def test_equal_items_are_each_run(self, executor: Executor) -> None:
        assert list(executor.map_unordered(square, [3] * 5)) == [9] * 5

    def test_no_items_give_nothing(self, executor: Executor) -> None:
        assert list(executor.map_unordered(square, [])) == []

    def test_two_items_run_at_the_same_time(self, executor: Executor, tmp_path: Path) -> None:
        assert executor.workers >= 2
        pair = [(str(tmp_path / "a"), str(tmp_path / "b")), (str(tmp_path / "b"), str(tmp_path / "a"))]
        assert list(executor.map_unordered(meet, pair, limit=2)) == [True, True]

    def test_results_come_as_they_finish(self, executor: Executor, tmp_path: Path) -> None:
        gate = str(tmp_path / "gate")
        results = executor.map_unordered(wait_unless_first, [(gate, number) for number in range(3)], limit=3)
        assert {next(results), next(results)} == {1, 2}
        Path(gate).touch()
        assert list(results) == [0]

    def test_no_more_than_the_limit_are_under_way(self, executor: Executor) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for number in range(50):
                taken.append(number)
                yield number

        for yielded, _ in enumerate(executor.map_unordered(square, items(), limit=4), start=1):
            assert len(taken) - yielded < 4 + 1

    def test_endless_items_can_be_left(self, executor: Executor) -> None:
        results = executor.map_unordered(square, itertools.count())
        assert len(list(itertools.islice(results, 10))) == 10
        close(results)
        assert list(executor.map_unordered(square, [4])) == [16]

    def test_the_first_error_is_raised_and_stops_the_rest(self, executor: Executor) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for number in itertools.count():
                taken.append(number)
                yield number

        with pytest.raises(NotFoundError, match="no item 7") as caught:
            list(executor.map_unordered(refuse_seven, items(), limit=1))
        assert caught.value.hint == "take another"
        assert taken == list(range(8))
        assert list(executor.map_unordered(square, [5])) == [25]

    def test_every_error_of_opsctl_arrives_as_it_was(self, executor: Executor) -> None:
        for kind in _error_kinds():
            with pytest.raises(OpsctlError) as caught:
                list(executor.map_unordered(raise_one, [kind]))
            error = caught.value
            assert (type(error), error.hint, error.exit_code) == (kind, "do that", kind.exit_code)
            assert not isinstance(error, ConfigError) or error.problems == [Problem("file", 1, 2, "wrong", "do that")]

    def test_other_errors_arrive_as_well(self, executor: Executor) -> None:
        with pytest.raises(ZeroDivisionError):
            list(executor.map_unordered(divide, [1, 0, 2]))

    def test_an_error_of_the_items_is_raised(self, executor: Executor) -> None:
        def items() -> Iterator[int]:
            yield 1
            raise TransientError("listing failed on page 2")

        with pytest.raises(TransientError, match="page 2"):
            list(executor.map_unordered(square, items()))
        assert list(executor.map_unordered(square, [6])) == [36]

    def test_large_values_go_there_and_back(self, executor: Executor) -> None:
        data = bytes(range(256)) * 20_000
        assert list(executor.map_unordered(backwards, [data])) == [data[::-1]]

    def test_two_streams_can_be_open_at_once(self, executor: Executor) -> None:
        first = executor.map_unordered(square, range(20), limit=2)
        second = executor.map_unordered(square, range(20, 40), limit=2)
        results = [next(first), next(second), *first, *second]
        assert sorted(results) == [number * number for number in range(40)]

    def test_closing_twice_is_no_error(self, executor: Executor) -> None:
        list(executor.map_unordered(square, [1]))
        executor.close()
        executor.close()


class RemoteConformance(ExecutorConformance):
    """What holds where items run in other processes."""

    def test_items_run_in_other_processes(self, executor: Executor) -> None:
        assert os.getpid() not in set(executor.map_unordered(process, range(4)))

    def test_the_death_of_a_worker_is_an_error_and_not_the_end(self, executor: Executor) -> None:
        with pytest.raises(TransientError, match="died"):
            list(executor.map_unordered(die, [0]))
        assert list(executor.map_unordered(square, [7])) == [49]


def square(number: int) -> int:
    """Return the square."""
    return number * number


def divide(number: int) -> float:
    """Divide by it."""
    return 1 / number


def backwards(data: bytes) -> bytes:
    """Return the bytes in reverse."""
    return data[::-1]


def process(_: int) -> int:
    """Return the process that runs this."""
    return os.getpid()


def die(_: int) -> None:
    """End the process at once, as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse_seven(number: int) -> int:
    """Raise for 7."""
    if number == 7:
        raise NotFoundError("no item 7", hint="take another")
    return number


def raise_one(kind: type[OpsctlError]) -> None:
    """Raise an error of that kind."""
    if kind is ConfigError:
        raise ConfigError([Problem("file", 1, 2, "wrong", "do that")])
    raise kind("it failed", hint="do that")


def meet(places: tuple[str, str]) -> bool:
    """Come to the first place and wait for somebody at the second."""
    mine, theirs = places
    Path(mine).touch()
    return _until(Path(theirs).exists)


def wait_unless_first(item: tuple[str, int]) -> int:
    """Return the number; for 0 only when the gate is open."""
    gate, number = item
    if number == 0:
        _until(Path(gate).exists)
    return number


def close(results: Iterator[object]) -> None:
    """Close the iterator, which is a generator in every executor."""
    assert inspect.isgenerator(results)
    results.close()


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _error_kinds() -> list[type[OpsctlError]]:
    return [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, OpsctlError)]
