"""The machine: Python and its libraries, git, a shell, the disk."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from opsctl import __version__, process
from opsctl.cli.doctor.model import Check
from opsctl.cli.output.units import size
from opsctl.errors import LocalIOError, MissingToolError

__all__ = ["look_at_disk", "look_at_git", "look_at_python", "look_at_shell"]

LOW: Final = 1024**3
FULL: Final = 64 * 1024**2
"""Bytes of free space: below `LOW` an image build may fail, below `FULL` nothing works for long."""


def look_at_python() -> Check:
    """Find the interpreter and every library that opsctl needs.

    Raises:
        MissingToolError: a library is not installed.
    """
    missing = [name for name in _libraries() if not _installed(name)]
    if missing:
        names = " ".join(missing)
        raise MissingToolError(f"not installed: {names}", hint=f"pip install {names}")
    return Check("python", "ok", f"opsctl {__version__}, Python {platform.python_version()}, {platform.machine()}")


def look_at_git(root: Path) -> Check:
    """Find git, and whether it works in the project: `git.*` in expressions asks it.

    Raises:
        MissingToolError: it is not installed.
    """
    words = process.run(["git", "--version"]).stdout.decode("utf-8", "replace").split()
    asked = process.run(["git", "-C", str(root), "rev-parse", "--show-toplevel"], ok=None)
    told = asked.stderr.decode("utf-8", "replace").strip().splitlines()
    if asked.code and told and "not a git repository" not in told[0]:
        return Check("git", "warn", told[0], cure=f"git config --global --add safe.directory {root}")
    where = "" if asked.code == 0 else ", not in a repository"
    return Check("git", "ok", f"git {words[2] if len(words) > 2 else '?'}{where}")  # noqa: PLR2004 - "git version 2.39"


def look_at_shell() -> Check:
    """Find bash, which `run:` uses unless the pipeline says otherwise.

    Raises:
        MissingToolError: it is not installed.
    """
    path = process.which("bash")
    if path is None:
        raise MissingToolError("bash is not installed", hint="install it, or say shell: sh in every pipeline")
    return Check("shell", "ok", path)


def look_at_disk(root: Path) -> Check:
    """Measure the room where the project keeps its files.

    Raises:
        LocalIOError: there is none left, or nothing can be written.
    """
    free = shutil.disk_usage(root).free
    if not os.access(root, os.W_OK):
        raise LocalIOError(f"{root} cannot be written", hint="run opsctl as a user who may write there")
    if free < FULL:
        raise LocalIOError(f"{size(free)} free at {root}", hint="make room")
    cure = "make room, or clean up with your engine's prune command" if free < LOW else ""
    return Check("disk", "warn" if free < LOW else "ok", f"{size(free)} free at {root}", cure=cure)


def _libraries() -> list[str]:
    """Return the distributions that opsctl requires, without those of extras."""
    try:
        wanted = requires("opsctl") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return []
    plain = [requirement for requirement in wanted if ";" not in requirement]
    return ["".join(char if char.isalnum() or char in "._-" else " " for char in line).split()[0] for line in plain]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
