"""A deploy that is SIGKILLed anywhere is finished or undone by the next one: exactly one whole release serves.

The process kills itself before every write to the state store and every change of the target, one point after the
other (after one is before the next: nothing else has an effect); the next deploy must find its way from there, and
then all that was left must be gone. tests/unit/deploy/test_machine.py does the same in memory, and in recoveries.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deployment.driver import world_of
from deployment.world import World
from deployment.worlds import ContainerWorld
from opsctl.deploy.history import rollback_target
from opsctl.deploy.journal import Journal
from opsctl.deploy.model import Release
from opsctl.deploy.site import revision_of
from opsctl.deploy.target import KnowsSecrets

DRIVER = Path(__file__).parents[1] / "deployment/driver.py"


class Driver:
    """A process whose children deploy and die."""

    def __init__(self) -> None:
        tests = str(DRIVER.parents[1])
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": tests},
            text=True,
        )

    def __call__(self, about: dict[str, Any], do: str, *, text: str = "", at: int = 0) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"world": about, "do": do, "text": text, "at": at}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def _kill_everywhere(driver: Driver, about: dict[str, Any], do: str, *, step: int = 1, first: int = 1) -> list[str]:
    """Kill one deploy after the other, each a point later, and let the next one recover."""
    world = world_of(about)
    world.deploy("old")
    world.deploy("good")
    before, at, unfinished = "good", first, []
    while True:
        new = _new(world, do, f"killed at {at}")
        known = {release.seq for release in world.history}
        ended = driver(about, do, text=f"killed at {at}", at=at)
        if ended["signal"] != signal.SIGKILL:
            assert ended["code"] == 0
            return unfinished
        journal, recorded = world.records.journal(), {release.seq for release in world.history} - known
        _is_whole(world, journal, before, new)
        if journal.state != "closed":
            unfinished.append(journal.stage)
        before = f"next {at}"
        result = world.deploy(before)
        assert result.changed
        assert world.serving == before
        world.check()
        added = [release for release in world.history if release.seq not in known]
        assert [release.version for release in added[-1:]] == [before]
        _history_is_right(added[:-1], journal, new, recorded)
        at += step


def _new(world: World, do: str, text: str) -> str:
    """What clients may see once it has got so far; what fails at the switch is never seen."""
    if do != "rollback":
        return text if do == "deploy" else ""
    current = world.records.current()
    assert current is not None
    return world.records.release(rollback_target(current)).version


def _is_whole(world: World, journal: Journal, before: str, new: str) -> None:
    """Between the kill and the recovery clients see one release, the old or the new one.

    An engine cannot swap two containers at once: between the halves of a switch clients find both of them.
    """
    serving = world.target.inspect().serving
    assert all(held.alive for held in serving)
    seen = [world.content(held) for held in serving]
    if isinstance(world, ContainerWorld) and journal.state == "open" and journal.stage == "switch":
        assert seen in ([before], [before, new], [new, before], [new])
    else:
        assert seen in ([before], [new])
    if journal.state != "closed" and not journal.switching:
        assert seen == [before], "nothing new is seen before the switch"
    if journal.state != "closed" and journal.decided:
        assert seen == [new]


def _history_is_right(added: list[Release], journal: Journal, new: str, recorded: set[int]) -> None:
    """A killed attempt that had begun is in the history once, with what came of it; one that had not is not.

    Args:
        added: records since the one before it, without the one of the deploy that recovered.
        journal: as the kill left it.
        new: what the attempt would have served.
        recorded: numbers that were in the history before the recovery.
    """
    if journal.state == "closed":
        assert {release.seq for release in added} == recorded
        return
    (killed,) = added
    assert journal.attempt is not None
    assert (killed.seq, killed.id) == (journal.seq, journal.attempt.id)
    assert killed.recovered or recorded == {killed.seq}
    if killed.outcome == "succeeded":
        assert journal.switching
        assert (killed.version, killed.failure) == (new, None)
        return
    assert not journal.decided
    assert killed.outcome == ("rolled_back" if journal.switching else "failed")
    assert killed.failure is not None
    assert killed.failure.kind == ("failed" if journal.state == "reverting" else "killed")
    assert killed.failure.stage == journal.stage


@pytest.mark.parametrize("do", ["deploy", "rollback", "fail"])
def test_a_killed_bucket_deploy_is_recovered(driver: Driver, tmp_path: Path, do: str) -> None:
    unfinished = _kill_everywhere(driver, {"kind": "bucket", "base": str(tmp_path)}, do)
    assert {"start", "health", "switch"} <= set(unfinished)
    assert do == "fail" or {"bake", "retire", "record"} <= set(unfinished)


@pytest.fixture
def containers(tmp_path: Path, docker_engine: str, docker_project: str, small_image: str) -> dict[str, Any]:
    return {
        "kind": "docker",
        "base": str(tmp_path),
        "engine": docker_engine,
        "project": docker_project,
        "image": small_image,
    }


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_killed_container_deploy_is_recovered(driver: Driver, containers: dict[str, Any], first: int) -> None:
    """Every third point each, so that they can run beside each other."""
    unfinished = _kill_everywhere(driver, containers, "deploy", first=first, step=3)
    assert {"start", "switch", "retire"} <= set(unfinished)


def test_a_killed_container_rollback_is_recovered(driver: Driver, containers: dict[str, Any]) -> None:
    assert _kill_everywhere(driver, containers, "rollback", first=3, step=4)


def test_a_recovery_learns_the_secrets_that_a_container_was_made_with(containers: dict[str, Any]) -> None:
    """Their references may lead to other values by now, but it is the old ones that its log shows."""
    world = world_of(containers)
    world.deploy("old")
    target = world.target
    assert isinstance(target, KnowsSecrets)
    assert target.secrets_of(revision_of(world.history[0])) == {"TOKEN": "value of TOKEN"}
    assert target.secrets_of(msgspec.structs.replace(revision_of(world.history[0]), number=2)) == {}
