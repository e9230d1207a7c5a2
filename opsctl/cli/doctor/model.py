"""What a doctor looks at and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from opsctl.config.project import LoadedProject
from opsctl.errors import ConfigError

__all__ = ["NAMES", "Check", "Diagnosis", "Probe", "Surroundings"]

NAMES: Final = ("python", "git", "shell", "disk", "project", "engine", "registry", "store")
"""Names of the checks, in the order in which they are told."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Args:
        name: one of `NAMES`.
        status: `warn` is something that this project does not need, or not yet.
        detail: one line: what was found.
        subject: which one, where there are several ("s3://acme-ops/state"), else "".
        cure: one line, "" when nothing is wrong.
        exit_code: what the program returns for this failure alone, 0 when it is none.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    subject: str = ""
    cure: str = ""
    exit_code: int = 0


class Diagnosis(msgspec.Struct, frozen=True):
    """All that was found."""

    checks: list[Check]

    @property
    def exit_code(self) -> int:
        """The code of the first failure, 0 when there is none; warnings do not count."""
        return next((check.exit_code for check in self.checks if check.status == "fail"), 0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at.

    Args:
        cwd: working directory.
        env: environment of the process.
        project: None where there is none or it is wrong.
        broken: why the project is wrong; None where it is right, or where there is none.
    """

    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    project: LoadedProject | None = None
    broken: ConfigError | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One look.

    Args:
        name: of the check.
        look: returns what was found, or raises an OpsctlError that says what is wrong.
        subject: as in `Check`.
        needed: the project cannot do without; else a failure is a warning.
    """

    name: str
    look: Callable[[], Check]
    subject: str = ""
    needed: bool = True
