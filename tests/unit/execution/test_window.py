"""The window of futures: what is asked for, what is cancelled, what is waited for."""

from collections.abc import Callable

import pytest

from opsctl.execution.window import run_window


class Manual:
    """A future that is finished by hand."""

    def __init__(self, item: int) -> None:
        self.item = item
        self.cancelled = False
        self.callbacks: list[Callable[[Manual], object]] = []

    def result(self) -> int:
        if self.item < 0:
            raise ValueError(self.item)
        return self.item

    def cancel(self) -> None:
        self.cancelled = True

    def add_done_callback(self, fn: Callable[["Manual"], object]) -> None:
        self.callbacks.append(fn)

    def finish(self) -> None:
        for callback in self.callbacks:
            callback(self)


def test_the_window_moves_when_the_first_of_it_finishes() -> None:
    begun: list[Manual] = []

    def submit(item: int) -> Manual:
        begun.append(Manual(item))
        if item == 2:
            begun[1].finish()
        return begun[-1]

    results = run_window(submit, range(10), limit=3, settle=lambda _: None)
    assert next(results) == 1
    assert [one.item for one in begun] == [0, 1, 2]


def test_an_error_cancels_what_is_under_way_and_waits_for_it() -> None:
    begun: list[Manual] = []
    settled: list[Manual] = []

    def submit(item: int) -> Manual:
        begun.append(Manual(item))
        if item < 0:
            begun[-1].add_done_callback = lambda fn: fn(begun[-1])
        return begun[-1]

    with pytest.raises(ValueError, match="-1"):
        list(run_window(submit, [1, 2, -1, 3], limit=5, settle=settled.extend))
    assert [one.item for one in begun] == [1, 2, -1]
    assert sorted(one.item for one in settled) == [1, 2]
    assert all(one.cancelled for one in settled)


def test_leaving_it_settles_too() -> None:
    settled: list[Manual] = []

    def submit(item: int) -> Manual:
        one = Manual(item)
        if item == 0:
            one.add_done_callback = lambda fn: fn(one)
        return one

    results = run_window(submit, range(5), limit=2, settle=settled.extend)
    assert next(results) == 0
    results.close()
    assert settled == []
    results = run_window(submit, [1, 0], limit=2, settle=settled.extend)
    assert next(results) == 0
    results.close()
    assert [(one.item, one.cancelled) for one in settled] == [(1, True)]
