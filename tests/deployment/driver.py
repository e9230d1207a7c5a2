"""Runs deploys that die: a process of its own, which forks a child for each and says how the child ended.

Reads one JSON object a line: `world` (what to make it of), `do` ("deploy", "rollback", "fail"), `text`, and `at`, the
point at which it kills itself. Answers with one JSON object a line: `signal`, `code`, and the points it passed.
Forking saves the start of an interpreter for each of some hundred deploys; the child is as dead as any process.
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from deployment.world import Fuse, World
from deployment.worlds import ContainerWorld, FileWorld
from opsctl.errors import DeployRolledBackError, StepFailedError

__all__ = ["world_of"]


def world_of(about: dict[str, Any]) -> World:
    """Make the world that a request is about."""
    base = Path(about["base"])
    if about["kind"] == "bucket":
        return FileWorld(base)
    return ContainerWorld(base, engine=about["engine"], project=about["project"], image=about["image"])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run(request: dict[str, Any]) -> list[str]:
    fuse = Fuse(at=request["at"], kill=_die, after=False)
    world = world_of(request["world"])
    if request["do"] == "rollback":
        world.rollback(site=world.site(fuse=fuse))
    elif request["do"] == "deploy":
        world.deploy(request["text"], site=world.site(fuse=fuse))
    else:
        faults = {"switch": [StepFailedError("it must fail")]}
        with contextlib.suppress(DeployRolledBackError):
            world.deploy(request["text"], site=world.site(fuse=fuse, faults=faults))
    return fuse.points


def _child(request: dict[str, Any], report: Path) -> None:
    code = 1
    try:
        report.write_text(json.dumps(_run(request)))
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        report = Path(request["world"]["base"]) / "points.json"
        report.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            _child(request, report)
        _, status = os.waitpid(pid, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        points = json.loads(report.read_text()) if report.exists() else []
        print(json.dumps({"signal": ended, "code": os.waitstatus_to_exitcode(status), "points": points}), flush=True)


if __name__ == "__main__":
    main()
