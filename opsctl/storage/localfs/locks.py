"""Short exclusive sections between processes, by flock(2) on a directory: nothing is left when one is killed."""

from __future__ import annotations

import errno
import fcntl
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opsctl.errors import TransientError, UsageError

__all__ = ["locked"]

_PATIENCE = 30.0  # seconds; the sections below take microseconds, so a longer wait means a stopped process


class _NoLocksError(UsageError):
    """The file system cannot lock a directory."""


@contextmanager
def locked(directory: int, *, exclusive: bool, what: str) -> Iterator[None]:
    """Hold the lock of an open directory.

    Args:
        directory: descriptor opened for this one use: flock belongs to the open file description, so that the
            threads of one process exclude each other too.
        exclusive: alone, or together with other holders that are not exclusive. These need no lock where the file
            system has none: nobody can hold one alone there, so there is nothing to keep out of.
        what: URL for messages.

    Raises:
        TransientError: somebody has held it for 30 seconds.
        UsageError: alone, where this file system has no such locks (NFS refuses them on directories, see flock(2)).
    """
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        _acquire(directory, kind, what=what)
    except _NoLocksError:
        if exclusive:
            raise
        yield
        return
    try:
        yield
    finally:
        # Explicitly, because a child forked meanwhile shares the description and would keep the lock.
        fcntl.flock(directory, fcntl.LOCK_UN)


def _acquire(directory: int, kind: int, *, what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _try(directory, kind, what=what):
        if time.monotonic() >= deadline:
            raise TransientError(f"{what}: another process keeps the directory locked", hint="`lslocks` shows which")
        time.sleep(random.uniform(0.0002, 0.003))  # noqa: S311 - spreads out waiters, guards nothing


def _try(directory: int, kind: int, *, what: str) -> bool:
    try:
        fcntl.flock(directory, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP}:
            raise _NoLocksError(
                f"{what}: this file system cannot lock a directory",
                hint="keep it on a local disk, or in a bucket",
            ) from error
        raise
    return True
