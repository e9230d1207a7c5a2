"""The state machine: what serves, what is recorded and which error is raised, whatever goes wrong where."""

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment.world import Fuse, Killed, World
from opsctl.deploy.verdict import what_serves
from opsctl.errors import (
    ConflictError,
    DeployRolledBackError,
    InterruptedRunError,
    LockTimeoutError,
    NotFoundError,
    OpsctlError,
    RollbackFailedError,
    StateUnknownError,
    StepFailedError,
    TransientError,
)
from opsctl.storage import open_store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_deploy_serves_and_is_recorded(world: World) -> None:
    result = world.deploy("one")
    assert result.changed
    assert world.serving == "one"
    (release,) = world.history
    assert (release.seq, release.outcome, release.parent, release.who) == (1, "succeeded", 0, "tester@here")
    assert [taken.stage for taken in release.stages] == ["start", "health", "switch", "bake", "retire"]
    world.check()


def test_deploying_what_runs_changes_nothing(world: World) -> None:
    world.deploy("one")
    before = world.records.journal(), world.target.inspect()
    result = world.deploy("one")
    assert not result.changed
    assert (world.records.journal(), world.target.inspect()) == before
    assert len(world.history) == 1


def test_force_deploys_what_runs(world: World) -> None:
    world.deploy("one")
    assert world.deploy("one", force=True).changed
    assert [release.seq for release in world.history] == [1, 2]
    world.check()


def test_what_the_target_lost_is_deployed_again(world: World) -> None:
    """The record alone does not make a deploy unnecessary."""
    world.deploy("one")
    (lost,) = open_store(world.releases).scan("web/releases/1/")
    open_store(world.releases).delete(lost.key)
    result = world.deploy("one")
    assert result.changed
    assert "the target is not what the record says" in result.plan.reason
    assert world.serving == "one"


def test_only_so_many_releases_are_kept(world: World) -> None:
    for number in range(6):
        world.deploy(str(number))
    current = world.records.current()
    assert current is not None
    assert [good.number for good in current.good] == [6, 5, 4]
    world.check()


def test_a_rollback_goes_back_and_further_back(world: World) -> None:
    for text in ("one", "two", "three"):
        world.deploy(text)
    world.rollback()
    assert world.serving == "two"
    world.rollback()
    assert world.serving == "one"
    last = world.history[-1]
    assert (last.seq, last.revision, last.parent) == (5, 1, 4)
    world.check()
    with pytest.raises(NotFoundError, match="which was the first one"):
        world.rollback()


def test_a_rollback_does_not_return_to_what_was_fled(world: World) -> None:
    """One is good, two is bad, so back to one; the fix is bad too: back to one, not to two."""
    for text in ("one", "two"):
        world.deploy(text)
    world.rollback()
    world.deploy("three")
    world.rollback()
    assert world.serving == "one"
    world.check()


def test_a_rollback_from_what_was_only_made_anew_goes_to_something_else(world: World) -> None:
    for text in ("one", "two"):
        world.deploy(text)
    world.deploy("two", force=True)
    world.rollback()
    assert world.serving == "one"


def test_a_rollback_whose_way_is_lost_says_what_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path, retain=2)
    for text in ("one", "two", "three"):
        world.deploy(text)
    world.rollback()
    with pytest.raises(NotFoundError, match="release 1 before it is not kept any more") as caught:
        world.rollback()
    assert "kept releases: 2, 3" in caught.value.hint


def test_a_rollback_to_a_number_may_go_forward_again(world: World) -> None:
    for text in ("one", "two"):
        world.deploy(text)
    world.rollback()
    world.rollback(2)
    assert world.serving == "two"
    world.rollback(3)  # the number of the first rollback, which served release 1
    assert world.serving == "one"
    world.check()


def test_a_rollback_target_is_kept_when_few_are(tmp_path: Path) -> None:
    world = World(tmp_path, retain=2)
    for text in ("one", "two", "three"):
        world.deploy(text)
    world.rollback()
    assert world.serving == "two"
    world.check()


@pytest.mark.parametrize("to", [7, 2])
def test_a_rollback_to_what_never_served_is_refused(world: World, to: int) -> None:
    world.deploy("one")
    with pytest.raises(DeployRolledBackError):
        world.deploy("two", site=world.site(faults={"start": [StepFailedError("no")]}))
    with pytest.raises(NotFoundError):
        world.rollback(to)
    assert world.serving == "one"


def test_a_rollback_before_any_deploy_is_refused(world: World) -> None:
    with pytest.raises(NotFoundError, match="never been deployed"):
        world.rollback()
    world.check()


@pytest.mark.parametrize("stage", ["start", "probe", "switch"])
def test_a_failure_leaves_what_served_before(world: World, stage: str) -> None:
    world.deploy("one")
    faults: dict[str, list[OpsctlError]] = {stage: [StepFailedError("it is broken")]}
    with pytest.raises(DeployRolledBackError, match="it is broken; release 1 serves"):
        world.deploy("two", site=world.site(faults=faults))
    assert world.serving == "one"
    failed = world.history[-1]
    assert failed.failure is not None
    assert failed.failure.message == "it is broken"
    assert failed.outcome == ("rolled_back" if stage == "switch" else "failed")
    world.check()


def test_a_failure_after_the_switch_switches_back(world: World) -> None:
    world.deploy("one")
    site = world.site()
    passed = site.target.probe

    def crash_once_it_serves(revision: object) -> object:
        if world.target.inspect().serving[0].number == 2:
            raise StepFailedError("crashed under load")
        return passed(revision)  # type: ignore[arg-type]

    site.target.probe = crash_once_it_serves  # type: ignore[assignment,method-assign]
    with pytest.raises(DeployRolledBackError, match="release 1 serves again"):
        world.deploy("two", site=site)
    assert world.serving == "one"
    assert world.history[-1].outcome == "rolled_back"
    assert world.history[-1].failure.stage == "bake"  # type: ignore[union-attr]
    world.check()


def test_the_first_deploy_that_fails_leaves_nothing(world: World) -> None:
    with pytest.raises(DeployRolledBackError, match="nothing serves: it was the first release"):
        world.deploy("one", site=world.site(faults={"switch": [StepFailedError("no")]}))
    assert world.serving == ""
    world.check()
    assert what_serves(world.history[-1]) == "nothing serves: it was the first release"


def test_a_failed_rollback_leaves_what_served_and_what_it_woke(world: World) -> None:
    for text in ("one", "two"):
        world.deploy(text)
    with pytest.raises(DeployRolledBackError, match="release 2 serves"):
        world.rollback(site=world.site(faults={"switch": [StepFailedError("no")]}))
    assert world.serving == "two"
    world.check()
    world.rollback()
    assert world.serving == "one"


def test_when_the_way_back_fails_too_it_says_so(world: World) -> None:
    world.deploy("one")
    faults: dict[str, list[OpsctlError]] = {"switch": [StepFailedError("new"), StepFailedError("old")]}
    with pytest.raises(RollbackFailedError, match="cannot be made to serve again: old"):
        world.deploy("two", site=world.site(faults=faults))
    failure = world.history[-1].failure
    assert failure is not None
    assert failure.way_back == "old"
    world.deploy("three")
    assert world.serving == "three"
    world.check()


def test_a_target_that_cannot_be_asked_leaves_the_journal_open(world: World) -> None:
    world.deploy("one")
    gone = [TransientError("engine unreachable") for _ in range(5)]
    with pytest.raises(StateUnknownError, match=r"release 2 .* is unfinished at switch"):
        world.deploy("two", site=world.site(faults={"switch": list(gone), "inspect": []}))
    assert world.records.journal().state == "reverting"
    assert world.records.lock_holder() is None
    world.deploy("three")
    assert world.serving == "three"
    assert [release.outcome for release in world.history] == ["succeeded", "rolled_back", "succeeded"]
    world.check()


def test_what_cannot_be_retired_is_retired_by_the_next_deploy(world: World) -> None:
    for text in ("one", "two", "three"):
        world.deploy(text)
    world.deploy("four", site=world.site(faults={"retire": [ConflictError("busy")]}))
    assert world.serving == "four"
    assert len(world.target.inspect().revisions) == 4
    world.deploy("five")
    world.check()


def test_a_deploy_that_cannot_reach_the_target_to_retire_is_finished_later(world: World) -> None:
    world.deploy("one")
    with pytest.raises(StateUnknownError, match="unfinished at retire"):
        world.deploy("two", site=world.site(faults={"retire": [TransientError("gone")]}))
    assert world.serving == "two"
    result = world.deploy("two")
    assert not result.changed
    assert result.recovered is not None
    assert (result.recovered.seq, result.recovered.outcome, result.recovered.recovered) == (2, "succeeded", True)
    world.check()


def test_an_interrupt_undoes_and_says_what_serves(world: World) -> None:
    world.deploy("one")
    with pytest.raises(InterruptedRunError, match="interrupted at start; release 1 serves as before"):
        world.deploy("two", site=world.site(faults={"start": [InterruptedRunError("cancelled")]}))
    world.check()
    assert world.history[-1].failure.kind == "interrupted"  # type: ignore[union-attr]


def test_control_c_at_any_point_leaves_one_whole_release(tmp_path: Path) -> None:
    """A signal may hit in the middle of a write; the way back reads the journal again."""
    for point in itertools.count(1):
        (tmp_path / str(point)).mkdir()
        world = World(tmp_path / str(point))
        world.deploy("one")
        fuse = Interrupt(at=point)
        with contextlib.suppress(KeyboardInterrupt, OpsctlError):
            world.deploy("two", site=world.site(fuse=fuse))
        if fuse.burnt < point:
            break
        world.after_a_kill()  # an interrupt while the lock is taken or given back may leave it
        assert world.serving in {"one", "two"}
        if world.records.journal().state == "closed":
            world.check()
        world.deploy("three")
        world.check()
    assert point > 20


def test_control_c_in_a_recovery_does_not_go_on_to_deploy(world: World) -> None:
    world.deploy("one")
    with pytest.raises(StateUnknownError):
        world.deploy("two", site=world.site(faults={"retire": [TransientError("gone")]}))
    with pytest.raises(InterruptedRunError, match="while release 2 of web@dev was recovered"):
        world.deploy("three", site=world.site(faults={"retire": [InterruptedRunError("cut")]}))
    assert world.serving == "two"
    world.check()


def test_a_second_control_c_leaves_the_undoing_to_the_next_deploy(tmp_path: Path) -> None:
    for gap in range(1, 12):
        (tmp_path / str(gap)).mkdir()
        world = World(tmp_path / str(gap))
        world.deploy("one")
        with contextlib.suppress(KeyboardInterrupt, OpsctlError):
            world.deploy("two", site=world.site(fuse=Interrupt(at=14, again=gap)))
        world.after_a_kill()
        assert world.serving in {"one", "two"}
        world.deploy("three")
        world.check()


@dataclass
class Interrupt(Fuse):
    """Control-C at one point, and perhaps once more some points later; the process lives on."""

    again: int = 0

    def burn(self, point: str) -> None:
        self.burnt += 1
        if self.burnt == self.at or (self.again and self.burnt == self.at + self.again):
            raise KeyboardInterrupt(point)


def test_two_deploys_at_once_are_one(world: World) -> None:
    world.deploy("one")
    with (
        world.records.lock(purpose="deploy of web@dev", wait=0, ttl=30),
        pytest.raises(LockTimeoutError, match="deploy of web@dev") as caught,
    ):
        world.deploy("two")
    assert "opsctl deploy unlock web --env dev" in caught.value.hint
    assert world.serving == "one"


def test_who_lost_the_lock_touches_nothing(world: World) -> None:
    world.deploy("one")
    site = world.site()
    begin = site.target.start

    def lose_the_lock(*args: object) -> None:
        world.records.unlock(who="a colleague", why="it hangs")
        world.deploy("three")
        begin(*args)  # type: ignore[arg-type]

    site.target.start = lose_the_lock  # type: ignore[assignment,method-assign]
    with pytest.raises(ConflictError):
        world.deploy("two", site=site)
    assert world.serving == "three"
    assert [release.version for release in world.history][-1] == "three"


def test_strangers_on_the_target_are_refused_unless_forced(world: World) -> None:
    world.deploy("one")
    world.state += "-of-a-colleague"
    with pytest.raises(ConflictError, match="knows nothing of"):
        world.deploy("two")
    assert world.serving == "one"
    world.deploy("two", force=True)
    assert world.serving == "two"
    world.check()


@pytest.mark.parametrize("kind", ["first", "second", "rollback", "failing"])
def test_killed_at_any_point_the_next_deploy_recovers(tmp_path: Path, kind: str) -> None:
    """Before and after every write of the state and every change of the target, and again while recovering."""
    for point in itertools.count(1):
        (tmp_path / str(point)).mkdir()
        world = World(tmp_path / str(point))
        fuse = Fuse(at=point)
        if not _killed(world, kind, fuse):
            break
        allowed = {"first": {"", "one"}, "second": {"one", "two"}, "rollback": {"one", "two"}, "failing": {"one"}}
        if kind != "failing":
            assert world.serving in allowed[kind], fuse.points[-1]
        world.after_a_kill()
        second = Fuse(at=1 + point % 7)
        try:
            world.deploy("next", site=world.site(fuse=second))
        except Killed:
            world.after_a_kill()
            world.deploy("next")
        assert world.serving == "next", fuse.points[-1]
        world.check()
    assert point > 20


def _killed(world: World, kind: str, fuse: Fuse) -> bool:
    """Run a deploy of some kind to its end or its death."""
    if kind != "first":
        world.deploy("one")
    faults: dict[str, list[OpsctlError]] = {}
    if kind == "rollback":
        world.deploy("two")
    if kind == "failing":
        faults = {"switch": [StepFailedError("no")]}
    try:
        if kind == "rollback":
            world.rollback(site=world.site(fuse=fuse))
        else:
            world.deploy("one" if kind == "first" else "two", site=world.site(fuse=fuse, faults=faults))
    except Killed:
        return True
    except DeployRolledBackError:
        return False
    return False
