"""The scheduler: order, bounds and failure hold for any graph, in whatever order steps end."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from opsctl.events import Status
from opsctl.pipeline.child import Ended, Launch
from opsctl.pipeline.graph import Graph
from opsctl.pipeline.interrupts import Interrupts
from opsctl.pipeline.scheduler import Scheduler

NAMES = [f"s{index}" for index in range(9)]
GOOD = {"ok", "unchanged"}
LAUNCH = Launch(("true",), {}, Path("/"))


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    return {
        name: draw(st.lists(st.sampled_from(NAMES[:index]), max_size=3)) if index else []
        for index, name in enumerate(NAMES)
    }


FATES = st.fixed_dictionaries(
    {name: st.sampled_from(["ok", "ok", "ok", "failed", "skipped", "refused", "unchanged"]) for name in NAMES}
)


class World:
    """Host and pool in one: steps end in an order that the test chooses, and everything is written down."""

    def __init__(self, fates: dict[str, str], order: list[int], interrupt_at: int = -1) -> None:
        self.fates = fates
        self.order = order
        self.running: list[str] = []
        self.most = 0
        self.turns = 0
        self.interrupt_at = interrupt_at
        self.log: list[tuple[str, str]] = []
        self.final: dict[str, str] = {}
        self.interrupts = Interrupts()
        self.terminated = False

    def schedule(self, needs: dict[str, list[str]], *, jobs: int, keep_going: bool) -> World:
        self.scheduler = Scheduler(Graph.of(needs), self, jobs=jobs, keep_going=keep_going)
        with self.interrupts:
            self.scheduler.run(self, self.interrupts)
        return self

    # the host
    def begin(self, step: str) -> Launch | Status:
        self.log.append(("begin", step))
        if self.fates[step] == "skipped":
            return self._final(step, "skipped")
        return LAUNCH

    def refused(self, step: str, error: Exception) -> Status:
        assert isinstance(error, OSError)
        return self._final(step, "failed")

    def end(self, step: str, ended: Ended) -> Status:
        return self._final(step, "cancelled" if ended.stopped else self.fates[step])  # type: ignore[arg-type] # a Status

    def blocked(self, step: str, cause: str) -> None:
        assert cause in self.final
        assert self.final[cause] not in GOOD
        self._final(step, "skipped")

    def withheld(self, step: str) -> None:
        self._final(step, "cancelled")

    def interrupted(self, count: int) -> None:
        self.log.append(("interrupted", str(count)))

    def _final(self, step: str, status: Status) -> Status:
        assert step not in self.final
        self.final[step] = status
        return status

    # the pool
    def __len__(self) -> int:
        return len(self.running)

    def watch(self, file: int) -> None:
        pass

    def start(self, key: str, launch: Launch) -> None:
        if self.fates[key] == "refused":
            raise OSError("too many processes")
        assert not self.terminated
        self.log.append(("start", key))
        self.running.append(key)
        self.most = max(self.most, len(self.running))

    def turn(self) -> None:
        if self.turns == self.interrupt_at:
            self.interrupts.count += 1
        self.turns += 1
        pick = self.order.pop() if self.order else 0
        step = self.running.pop(pick % len(self.running))
        self.log.append(("end", step))
        self.scheduler.finished(step, Ended(0, 0.0, stopped=self.terminated))

    def terminate(self) -> None:
        self.terminated = True

    kill = terminate


@given(graphs(), FATES, st.lists(st.integers(0, 8), max_size=9), st.integers(1, 4), st.sampled_from(["stop", "go on"]))
def test_bounds_order_and_failure_hold_for_any_graph(
    needs: dict[str, list[str]], fates: dict[str, str], order: list[int], jobs: int, on_failure: str
) -> None:
    world = World(fates, order).schedule(needs, jobs=jobs, keep_going=on_failure == "go on")
    assert world.most <= jobs
    assert sorted(world.final) == sorted(needs)
    for index, (what, step) in enumerate(world.log):
        if what == "begin":
            done = {name for kind, name in world.log[:index] if kind == "end"}
            assert set(needs[step]) <= done
            assert all(world.final[name] in GOOD for name in needs[step])
    for step, status in world.final.items():
        if status not in GOOD:
            assert all(world.final[other] not in GOOD for other in needs if step in needs[other])


@given(graphs(), FATES, st.lists(st.integers(0, 8), max_size=9), st.integers(1, 4))
def test_keep_going_runs_everything_that_needs_no_failed_step(
    needs: dict[str, list[str]], fates: dict[str, str], order: list[int], jobs: int
) -> None:
    world = World(fates, order).schedule(needs, jobs=jobs, keep_going=True)

    def succeeds(step: str) -> bool:
        return fates[step] in GOOD and all(succeeds(name) for name in needs[step])

    assert {step for step, status in world.final.items() if status in GOOD} == {
        step for step in needs if succeeds(step)
    }
    assert "cancelled" not in world.final.values()


@given(graphs(), FATES, st.lists(st.integers(0, 8), max_size=9), st.integers(1, 4))
def test_after_a_failure_nothing_starts_and_what_runs_is_left_to_finish(
    needs: dict[str, list[str]], fates: dict[str, str], order: list[int], jobs: int
) -> None:
    world = World(fates, order).schedule(needs, jobs=jobs, keep_going=False)
    failed_at = [
        index for index, (what, step) in enumerate(world.log) if what == "end" and world.final[step] == "failed"
    ]
    if failed_at:
        assert not [entry for entry in world.log[failed_at[0] :] if entry[0] in {"begin", "start"}]
    started = {step for what, step in world.log if what == "start"}
    assert started == {step for what, step in world.log if what == "end"}


@given(graphs(), FATES, st.lists(st.integers(0, 8), max_size=9), st.integers(1, 4), st.integers(0, 5))
def test_after_an_interrupt_nothing_starts(
    needs: dict[str, list[str]], fates: dict[str, str], order: list[int], jobs: int, at: int
) -> None:
    world = World(fates, order, interrupt_at=at).schedule(needs, jobs=jobs, keep_going=True)
    names = [what for what, _ in world.log]
    if "interrupted" in names:
        assert "start" not in names[names.index("interrupted") :]
    assert sorted(world.final) == sorted(needs)


def test_a_second_interrupt_kills() -> None:
    class Impatient(World):
        def turn(self) -> None:
            if self.turns < 2:
                self.turns += 1
                self.interrupts.count += 1
                return
            super().turn()

        def kill(self) -> None:
            self.log.append(("kill", ""))
            self.terminated = True

    world = Impatient({"s0": "ok"}, []).schedule({"s0": []}, jobs=1, keep_going=False)
    assert [entry for entry in world.log if entry[0] in {"interrupted", "kill"}] == [
        ("interrupted", "1"),
        ("interrupted", "2"),
        ("kill", ""),
    ]


def test_a_chain_of_skipped_steps_needs_no_recursion() -> None:
    names = [str(index) for index in range(20_000)]
    needs = {name: names[index - 1 : index] if index else [] for index, name in enumerate(names)}
    world = World(dict.fromkeys(names, "skipped"), []).schedule(needs, jobs=2, keep_going=True)
    assert set(world.final.values()) == {"skipped"}
