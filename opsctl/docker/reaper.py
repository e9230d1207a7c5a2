"""Containers that live only as long as the process that made them, found again when that process was killed.

Each carries `opsctl.test=<owner>` and the moment of the engine's clock after which nobody can need it. The next run
removes those whose owner is dead, when that can be seen from here, and those whose time is up.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

from opsctl.docker.engine import Engine
from opsctl.docker.model import ContainerState, Labels
from opsctl.identity import Identity, current_identity, is_gone

__all__ = ["EXPIRES_LABEL", "OWNER_LABEL", "abandoned", "labels", "reap"]

OWNER_LABEL = "opsctl.test"
EXPIRES_LABEL = "opsctl.test.expires"

MARGIN_SECONDS = 60.0
"""What creating, starting and removing may take on top of the time a container is needed for."""

_OWNER: Final = re.compile(r"(?P<boot>[^/]*)/(?P<namespace>[^/]*)/(?P<pid>[0-9]{1,10})\.(?P<started>[0-9]{1,20})")


def labels(engine: Engine, *, seconds: float) -> Labels:
    """Return the labels of a container that this process needs for so many seconds."""
    return {OWNER_LABEL: _owner(), EXPIRES_LABEL: f"{engine.time() + seconds + MARGIN_SECONDS:.0f}"}


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
    owner = _OWNER.fullmatch(container.labels[OWNER_LABEL])
    if owner and is_gone(_identity(owner)):
        return True
    with contextlib.suppress(ValueError):
        return float(container.labels.get(EXPIRES_LABEL, "0")) < now
    return True


def _owner() -> str:
    me = current_identity()
    return f"{me.boot}/{me.namespace}/{me.pid}.{me.started}"


def _identity(owner: re.Match[str]) -> Identity:
    return Identity("", "", int(owner["pid"]), owner["boot"], owner["namespace"], int(owner["started"]))
