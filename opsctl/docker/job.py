"""What a builder needs and how a build fails, whichever builder does it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from opsctl.docker.context import Context
from opsctl.docker.dockerfile import Dockerfile
from opsctl.errors import StepFailedError

__all__ = ["BUILDX_HINT", "Build", "BuildFailedError", "Tail"]

BUILDX_HINT = "install buildx (https://docs.docker.com/go/buildx/); opsctl uses it when `docker buildx version` works"

TAIL_LINES = 20


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
