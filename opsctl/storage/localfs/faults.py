"""What an OSError of the local disk means to a person."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from opsctl.errors import DeniedError, LocalIOError, NotFoundError, OpsctlError, UsageError

__all__ = ["DENIED", "NameTakenError", "local_fault", "local_faults"]

DENIED = frozenset({errno.EACCES, errno.EPERM})
"""What the operating system says where the user may not."""

_HINTS = {
    errno.EACCES: "check the owner and the mode of the file and of the directories above it",
    errno.EDQUOT: "the disk quota is used up: free some space or raise the quota",
    errno.EFBIG: "the file is larger than the file system or `ulimit -f` allows",
    errno.EMFILE: "too many open files: raise `ulimit -n`",
    errno.ENOSPC: "the disk is full: free some space or choose another directory",
    errno.EPERM: "the file or its directory may be immutable, or owned by somebody else",
    errno.EROFS: "the file system is mounted read-only: choose another directory",
}
_TAKEN = {
    errno.EISDIR: "a directory has this name",
    errno.ENOTDIR: "a part of the path is a file, not a directory",
}


class NameTakenError(UsageError):
    """A file cannot be where a directory is, or a directory where a file is."""


def local_fault(error: OSError, *, what: str) -> OpsctlError:
    """Return the typed error for `error`, met while working on `what` (a URL or a path).

    NotFoundError where nothing is there, UsageError where the name cannot be kept, DeniedError where
    the user may not, LocalIOError for the rest.
    """
    if error.errno == errno.ENOENT:
        return NotFoundError(f"{what} is not there")
    if error.errno in _TAKEN:
        return NameTakenError(f"{what}: {_TAKEN[error.errno]}", hint="choose another name")
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{what}: the name is too long for this file system", hint="choose another name")
    reason = os.strerror(error.errno) if error.errno else str(error)
    kind = DeniedError if error.errno in DENIED else LocalIOError
    return kind(f"{what}: {reason}", hint=_HINTS.get(error.errno or 0, ""))


@contextmanager
def local_faults(what: str) -> Iterator[None]:
    """Raise what `local_fault` makes of an OSError."""
    try:
        yield
    except OSError as error:
        raise local_fault(error, what=what) from error
