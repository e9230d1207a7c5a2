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
        ended = driver(about, do, text=f"killed at {at}", at=at)
        if ended["signal"] != signal.SIGKILL:
            assert ended["code"] == 0
            return unfinished
        _is_whole(world, {before, "", f"killed at {at}"}, do)
        if world.records.journal().state != "closed":
            unfinished.append(world.records.journal().stage)
        before = f"next {at}"
        result = world.deploy(before)
        assert result.changed
        assert world.serving == before
        world.check()
        _history_is_right(world, f"killed at {at}")
        at += step


def _is_whole(world: World, allowed: set[str], do: str) -> None:
    """Between the kill and the recovery clients see one release, the old or the new one."""
    state = world.target.inspect()
    seen = {world.content(held) for held in state.serving if held.alive}
    assert len(seen) >= 1, "nothing serves after the kill"
    if do != "rollback":
        assert seen <= allowed


def _history_is_right(world: World, killed: str) -> None:
    """The killed attempt is in the history, unless it died before it began; none is there twice."""
    records = [release for release in world.history if release.version == killed]
    assert len(records) <= 1
    for release in records:
        assert release.outcome in {"succeeded", "failed", "rolled_back"}
        assert release.recovered or release.outcome != "failed" or release.failure is not None
    assert world.records.journal().state == "closed"


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
