"""`run`: a script for a shell.

The script is one argument of the shell, exactly as it stands in the file: nothing is ever put into it. Values come by
`env`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from opsctl.config.expressions import STRING, Type, map_of
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Script
from opsctl.pipeline.kinds import Command, Site, StepKind
from opsctl.pipeline.model import Shell

__all__ = ["KIND", "SHELLS"]

SHELLS: Final[Mapping[Shell, tuple[str, ...]]] = {
    "bash": ("bash", "-euo", "pipefail", "-c"),
    "sh": ("sh", "-eu", "-c"),
    "python": ("python3", "-u", "-c"),
}
"""Shell -> what stands before the script. Unlike in most tools a failing command, an unset variable and a failing part
of a pipe end the script."""

LONGEST: Final = 128 * 1024 - 1
"""Bytes: one argument of a program on Linux (MAX_ARG_STRLEN, execve(2)), without its NUL."""

_SHOWN: Final = 100


class RunKind:
    """A script for a shell. What it writes to $OPSCTL_OUTPUT becomes its outputs, which are texts."""

    name: ClassVar[str] = "run"
    options: ClassVar[Any] = Script
    outputs: ClassVar[Type] = map_of({}, rest=STRING)
    step_keys: ClassVar[frozenset[str]] = frozenset({"shell", "cwd"})

    def needs_project(self, options: str) -> bool:
        """A script is about whatever it likes."""
        del options
        return False

    def check(self, options: str, project: LoadedProject | None) -> Iterator[Fault]:
        """The script is there, and fits into one argument."""
        del project
        if not options.strip():
            yield Fault((), "the script is empty", "write : to do nothing")
        if len(options.encode()) > LONGEST:
            yield Fault((), f"the script is longer than {LONGEST // 1024 + 1} KiB", "put it into a file and run that")

    def describe(self, options: str) -> str:
        """Return the first line of the script."""
        lines = [line for line in map(str.strip, options.splitlines()) if line and not line.startswith("#")] or [":"]
        first = lines[0] if len(lines[0]) <= _SHOWN else f"{lines[0][:_SHOWN]}..."
        more = len(lines) - 1
        return f"run {first}" + (f" (and {more} more line{'s' * (more > 1)})" if more else "")

    def command(self, options: str, site: Site) -> Command:
        """Return the shell with the script as its last argument."""
        return Command((*SHELLS[site.shell], options))


KIND = RunKind()
_contract: StepKind = KIND
