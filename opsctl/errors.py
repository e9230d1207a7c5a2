"""The tree of errors that opsctl raises on purpose, and the exit code of each.

    OpsctlError                 exit
    ├── UsageError               2    the command line makes no sense
    ├── ConfigError              3    a file of the user is wrong; lists every problem with its place
    ├── NotFoundError            4    a service, object, bucket, image or release is not there
    ├── DeniedError              5    credentials or rights are missing, or do not allow this
    ├── TransientError           6    the other side failed in a way that may pass; retries are spent
    ├── PartialError             7    some items failed, the rest is done
    ├── ConflictError            1    a conditional write lost: somebody else changed the thing first
    ├── StepFailedError          1    a step, test or gate failed
    ├── DeployRolledBackError    8    the deploy failed; what ran before is serving again
    ├── MissingToolError         9    a tool or extra is not installed
    ├── LockTimeoutError        10    a lock or an approval was not had in time
    ├── RollbackFailedError     11    the deploy failed, and so did the way back
    ├── StateUnknownError       12    an engine cannot be reached any more; says how to recover
    ├── LocalIOError             1    the local disk refused: full, read-only, broken
    └── InterruptedRunError    130    the user pressed Ctrl-C or sent SIGTERM

A message is one line and names the thing it is about; the hint, also one line, says the cure. Neither
ever holds a secret. Anything else that escapes is a bug (exit 70). Imports nothing of opsctl.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "ConfigError",
    "ConflictError",
    "DeniedError",
    "DeployRolledBackError",
    "InterruptedRunError",
    "LocalIOError",
    "LockTimeoutError",
    "MissingToolError",
    "NotFoundError",
    "OpsctlError",
    "PartialError",
    "Problem",
    "RollbackFailedError",
    "StateUnknownError",
    "StepFailedError",
    "TransientError",
    "UsageError",
]


class OpsctlError(Exception):
    """Base of every error that opsctl raises on purpose.

    Args:
        message: one line that names the thing it is about.
        hint: one line that says the cure, or "" where there is none to give.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"
    """Stable word for scripts (`-o json`)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OpsctlError):
    """The command line makes no sense."""

    exit_code = 2
    kind = "usage"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file of the user.

    Args:
        file: path as the user gave it.
        line: from 1; 0 when the problem is the file as a whole.
        column: from 1, in characters; 0 when the problem is the file as a whole.
        message: one line.
        hint: one line, or "".
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    @property
    def place(self) -> str:
        """`file:line:col`, or only the file when the problem has no line."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(OpsctlError):
    """A file of the user is wrong; carries every problem found, in the order of the file."""

    exit_code = 3
    kind = "config"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        first = self.problems[0]
        more = len(self.problems) - 1
        suffix = f" (and {more} more)" if more else ""
        super().__init__(f"{first}{suffix}", hint=first.hint)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[Problem]]]:
        # Errors cross process borders; the default would call the class with the message.
        return type(self), (self.problems,)


class NotFoundError(OpsctlError):
    """A service, object, bucket, image or release is not there."""

    exit_code = 4
    kind = "not_found"


class DeniedError(OpsctlError):
    """Credentials or rights are missing, or do not allow this."""

    exit_code = 5
    kind = "denied"


class TransientError(OpsctlError):
    """The other side failed in a way that may pass (network, throttling, 5xx); retries are spent."""

    exit_code = 6
    kind = "transient"


class PartialError(OpsctlError):
    """Some items failed, the rest is done."""

    exit_code = 7
    kind = "partial"


class ConflictError(OpsctlError):
    """A conditional write lost: somebody else created or changed the thing first."""

    kind = "conflict"


class StepFailedError(OpsctlError):
    """A step, test or gate failed."""

    kind = "failed"


class LocalIOError(OpsctlError):
    """The local disk refused: full, read-only or broken."""

    kind = "local_io"


class DeployRolledBackError(OpsctlError):
    """The deploy failed; what ran before is serving again."""

    exit_code = 8
    kind = "rolled_back"


class MissingToolError(OpsctlError):
    """A tool or extra is not installed; the hint says how to install it."""

    exit_code = 9
    kind = "missing_tool"


class LockTimeoutError(OpsctlError):
    """A lock or an approval was not had in time."""

    exit_code = 10
    kind = "lock_timeout"


class RollbackFailedError(OpsctlError):
    """The deploy failed, and so did the way back."""

    exit_code = 11
    kind = "rollback_failed"


class StateUnknownError(OpsctlError):
    """An engine cannot be reached any more; the hint says how to recover."""

    exit_code = 12
    kind = "state_unknown"


class InterruptedRunError(OpsctlError):
    """The user pressed Ctrl-C or sent SIGTERM."""

    exit_code = 130
    kind = "interrupted"
