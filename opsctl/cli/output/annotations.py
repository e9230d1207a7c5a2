"""Annotations of GitHub Actions: `::error file=,line=,col=::message`.

Sources: runner `ActionCommand.cs` (escapes) and `ExecutionContext.cs` (4,096 characters), toolkit
`docs/problem-matchers.md` (10 of a level per step; GitHub drops the rest without a word).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from opsctl.cli.output.ansi import clean

__all__ = ["Annotations", "escape_data", "escape_property"]

PER_LEVEL = 10
LONGEST = 4096

Level = Literal["error", "warning"]


class Annotations:
    """Makes annotations while there are some left.

    Args:
        workspace: what GitHub's paths are relative to, "" where unknown.
        cwd: what relative paths of events are relative to.
    """

    def __init__(self, workspace: str, cwd: Path) -> None:
        self._workspace = workspace
        self._cwd = cwd
        self._left: dict[Level, int] = {"error": PER_LEVEL, "warning": PER_LEVEL}

    def make(self, level: Level, text: str, *, file: str = "", line: int = 0, column: int = 0) -> str | None:
        """Return the command, or None when GitHub would drop it.

        Args:
            level: how bad it is.
            text: one line or several.
            file: source it points to, "" for none.
            line: from 1, 0 for none.
            column: from 1, 0 for none.
        """
        if not self._left[level]:
            return None
        self._left[level] -= 1
        values = {"file": self._relative(file) if file else "", "line": line or "", "col": column or ""}
        properties = ",".join(f"{name}={escape_property(str(value))}" for name, value in values.items() if value)
        message = "\n".join(clean(part) for part in text.split("\n"))[:LONGEST]
        return f"::{level}{' ' if properties else ''}{properties}::{escape_data(message)}"

    def _relative(self, file: str) -> str:
        path = os.path.normpath(self._cwd / file)
        inside = self._workspace and Path(path).is_relative_to(self._workspace)
        return os.path.relpath(path, self._workspace) if inside else file


def escape_data(text: str) -> str:
    """Escape what stands after the `::` of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape the value of a property of a command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
