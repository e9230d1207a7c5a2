"""Names from opsctl.yaml for TAB.

Somebody waits for each TAB, and a file that is being edited is often wrong: so the file is read as plain YAML, not
as a project, and whatever goes wrong only means that nothing is offered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

__all__ = ["complete_environment", "complete_service"]

_FILE: Final = "opsctl.yaml"
_LONGEST: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Shells insert what is offered as it stands, so nothing is offered that means something to a shell."""


def complete_service(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the services of the nearest project that begin with `incomplete`."""
    del ctx, param
    return _names("services", incomplete)


def complete_environment(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the environments of the nearest project that begin with `incomplete`."""
    del ctx, param
    return _names("environments", incomplete)


def _names(key: str, start: str) -> list[str]:
    try:
        return [name for name in _read(key) if name.startswith(start) and _NAME.fullmatch(name)]
    except Exception:  # noqa: BLE001 - an error has no place in the line that somebody types
        return []


def _read(key: str) -> list[str]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path = next(path for path in _places() if path.is_file())
    with path.open("rb") as file:
        # The loader refuses other tags than YAML's own; yaml.load is what takes the fast one.
        found = yaml.load(file.read(_LONGEST), loader)  # noqa: S506
    return [name for name in found[key] if isinstance(name, str)]


def _places() -> Iterator[Path]:
    """Yield where the project file may be, as for every command: OPSCTL_CONFIG, or upwards within the repository."""
    if given := os.environ.get("OPSCTL_CONFIG"):
        yield Path(given).expanduser()
        return
    here = Path.cwd()
    for directory in (here, *here.parents):
        yield directory / _FILE
        if (directory / ".git").exists():
            return
