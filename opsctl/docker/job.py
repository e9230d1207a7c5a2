"""What a builder needs and how a build fails, whichever builder does it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from opsctl.docker import faults
from opsctl.docker.context import Context
from opsctl.docker.dockerfile import Dockerfile
from opsctl.errors import (
    ConfigError,
    DeniedError,
    LocalIOError,
    MissingToolError,
    OpsctlError,
    Problem,
    StepFailedError,
    TransientError,
)

__all__ = ["BUILDX_HINT", "Build", "BuildFailedError", "Tail", "failure"]

BUILDX_HINT = "install buildx (https://docs.docker.com/go/buildx/); opsctl uses it when `docker buildx version` works"

TAIL_LINES = 20

_AT_LINE = re.compile(r"(?:dockerfile )?parse error (?:on )?line (\d+): (.*)", re.IGNORECASE)
_COMMAND = re.compile(r"returned a non-zero code|executor failed running|did not complete successfully")
_BUILDKIT = re.compile(r"requires? BuildKit", re.IGNORECASE)
_OUTSIDE = (DeniedError, LocalIOError, TransientError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a builder needs.

    Args:
        context: files.
        dockerfile: what was read of the Dockerfile.
        args: build arguments.
        labels: of the image.
        mark: one more label, "name=value" without white space; the last step of the image must be the one that sets it.
        target: stage, "" for the last.
        pull: fetch base images anew.
        cached: layers of earlier builds may be used.
        span: piece of work that output belongs to.
    """

    context: Context
    dockerfile: Dockerfile
    args: Mapping[str, str]
    labels: Mapping[str, str]
    mark: str
    target: str
    pull: bool
    cached: bool
    span: str


class BuildFailedError(StepFailedError):
    """An instruction of the Dockerfile failed.

    Args:
        message: one line with file, line and instruction.
        hint: the cure, or "".
        file: the Dockerfile.
        line: of the instruction, 0 when it is not known.
        tail: last lines of output.
    """

    def __init__(
        self, message: str, *, hint: str = "", file: str = "", line: int = 0, tail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.tail = tail


def failure(
    build: Build, text: str, *, line: int = 0, instruction: str = "", tail: tuple[str, ...] = ()
) -> OpsctlError:
    """Return the error for what a builder said.

    Args:
        build: what was built.
        text: the builder's words.
        line: of the instruction that failed, 0 when it is not known.
        instruction: as the builder shows it, "" when none was begun.
        tail: last lines of output.
    """
    file = str(build.context.dockerfile)
    where = f"{file}:{line}" if line else file
    text = " ".join(text.split())
    if _BUILDKIT.search(text):
        return MissingToolError(f"{where}: {text}", hint=BUILDX_HINT)
    error = faults.said(f"{where}: {instruction}" if instruction else where, text)
    # What a command is called or prints says nothing about the engine or a registry.
    if not _COMMAND.search(text) and (isinstance(error, _OUTSIDE) or instruction.startswith("FROM")):
        return error
    if instruction:
        return BuildFailedError(error.message, file=file, line=line, tail=tail)
    at = _AT_LINE.search(text)
    return ConfigError([Problem(file, int(at[1]), 1, at[2]) if at else Problem(file, 0, 0, text)])


class Tail:
    """The last lines of an output."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, line: str) -> None:
        """Take in one line; empty ones say nothing."""
        if line.strip():
            self._lines.append(line)

    @property
    def lines(self) -> tuple[str, ...]:
        """What there is, oldest first."""
        return tuple(self._lines)
