"""Puts first files on the disk, never over anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from opsctl.errors import LocalIOError

__all__ = ["Planted", "plant"]


class Planted(msgspec.Struct, frozen=True):
    """What became of the files.

    Args:
        project: name of the project.
        written: paths, relative to the project.
        kept: paths that were there before, and are as they were.
    """

    project: str
    written: list[str]
    kept: list[str]


def plant(root: Path, files: Mapping[str, str], *, project: str) -> Planted:
    """Write the files that are not there yet.

    Args:
        root: directory of the project.
        files: path relative to `root` -> text.
        project: its name.

    Raises:
        LocalIOError: a file cannot be written; what was written before stays, and is kept by the next try.
    """
    written = [name for name, text in files.items() if _write(root / name, text)]
    return Planted(project, written, [name for name in files if name not in written])


def _write(path: Path, text: str) -> bool:
    """Write one file whole or not at all; return False when something of this name is there."""
    if os.path.lexists(path):
        return False
    draft = path.with_name(f".opsctl-tmp-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            return _name(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise LocalIOError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _name(draft: Path, path: Path) -> bool:
    try:
        os.link(draft, path)  # unlike a rename, this does not replace what came in between
    except FileExistsError:
        return False
    return True
