"""Containers that live only as long as the process that made them, found again when that process was killed.

Each carries `opsctl.test=<owner>` and the moment of the engine's clock after which nobody can need it. The next run
removes those whose owner is dead, when that can be seen from here, and those whose time is up.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from opsctl.docker.engine import Engine
from opsctl.docker.model import ContainerState, Labels

__all__ = ["EXPIRES_LABEL", "OWNER_LABEL", "abandoned", "labels", "reap"]

OWNER_LABEL = "opsctl.test"
EXPIRES_LABEL = "opsctl.test.expires"

MARGIN_SECONDS = 60.0
"""What creating, starting and removing may take on top of the time a container is needed for."""


def labels(engine: Engine, *, seconds: float) -> Labels:
    """Return the labels of a container that this process needs for so many seconds."""
    return {OWNER_LABEL: _owner(os.getpid()), EXPIRES_LABEL: f"{engine.time() + seconds + MARGIN_SECONDS:.0f}"}


def abandoned(engine: Engine) -> list[ContainerState]:
    """Return what dead owners left behind."""
    found = engine.containers.find({OWNER_LABEL: ""})
    now = engine.time() if found else 0.0
    return [container for container in found if _abandoned(container, now)]


def reap(engine: Engine) -> list[str]:
    """Remove what dead owners left behind, and return the names."""
    left = abandoned(engine)
    for container in left:
        engine.containers.remove(container.id)
    return [container.name for container in left]


def _abandoned(container: ContainerState, now: float) -> bool:
    owner = container.labels[OWNER_LABEL]
    place, _, process = owner.rpartition("/")
    if place == _place() and owner != _owner(int(process.partition(".")[0] or 0)):
        return True
    with contextlib.suppress(ValueError):
        return float(container.labels.get(EXPIRES_LABEL, "0")) < now
    return True


def _owner(pid: int) -> str:
    """Name a process for ever: a number is used again, together with its start time it is not."""
    return f"{_place()}/{pid}.{_started(pid)}"


def _place() -> str:
    """Name the machine since its boot, and the process namespace: only there a number means the same process."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return platform.node()


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; "" when there is no such process."""
    with contextlib.suppress(OSError):
        # The name of the program, in parentheses, may hold anything; field 22 is counted from behind it.
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    return ""
