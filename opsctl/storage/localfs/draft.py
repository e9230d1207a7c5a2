"""Files that nobody sees before they are whole: written beside their place, flushed, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from opsctl.errors import LocalIOError
from opsctl.storage.bodies import blocks
from opsctl.storage.localfs.beneath import open_directory

__all__ = ["TEMP_PREFIX", "Draft", "is_in_use", "open_draft"]

TEMP_PREFIX = ".opsctl-tmp-"
"""How the names of unfinished files begin; never listed, and what a kill leaves is found by it."""

_CHUNK = 1 << 20
_ATTEMPTS = 100
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSUPPORTED = {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}


class Draft:
    """A file in the making.

    Args:
        directory: descriptor of the directory that will hold it.
        name: what it will be called there.
        what: URL for messages.
    """

    def __init__(self, directory: int, name: str, *, what: str) -> None:
        self.directory = directory
        self._what = what
        self._name = name
        self._temp: str | None = f"{TEMP_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        self.descriptor = os.open(self._temp, _CREATE, 0o666, dir_fd=directory)

    def fill(self, body: BinaryIO, *, size: int) -> None:
        """Write exactly `size` bytes from `body` and flush them to the disk.

        Raises:
            LocalIOError: `body` is shorter or longer, or reading it failed.
            OSError: writing failed.
        """
        for block in blocks(body, size, block_size=_CHUNK, name=self._what):
            self.write(block)
        os.fsync(self.descriptor)

    def fill_from(self, source: int, *, size: int) -> None:
        """Copy `size` bytes from the descriptor `source`, inside the kernel where it can, and flush them.

        Raises:
            LocalIOError: `source` is shorter.
            OSError: reading or writing failed.
        """
        done = 0
        while done < size:
            copied = _copy_range(source, self.descriptor, count=size - done, offset=done)
            if not copied:
                raise LocalIOError(
                    f"{self._what}: the source ended after {done} of {size} bytes", hint="it shrank while it was read"
                )
            done += copied
        os.fsync(self.descriptor)

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def set_mode(self, mode: int) -> None:
        """Set who may read, write and run the file; without set-user-id and the like, which no copy should hand on.

        A file system that keeps no modes, or not these, leaves them as they are.
        """
        try:
            os.fchmod(self.descriptor, mode & 0o777)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise

    def set_mtime(self, nanoseconds: int) -> None:
        """Set when the file was last modified, in nanoseconds since the epoch."""
        os.utime(self.descriptor, ns=(nanoseconds, nanoseconds))

    def publish(self) -> os.stat_result:
        """Put the file into its place at once, replacing what is there, and return its status."""
        assert self._temp is not None  # noqa: S101 - a draft is published once; anything else is a bug here
        os.rename(self._temp, self._name, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        self._temp = None
        return os.fstat(self.descriptor)

    def discard(self) -> None:
        """Close the file, and remove it unless it has been published."""
        os.close(self.descriptor)
        if self._temp is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temp, dir_fd=self.directory)


def is_in_use(name: str) -> bool:
    """Say whether the process that began the temporary file `name` may still run.

    A process of another host is taken for one of this one: at worst a file is kept for longer.
    """
    pid = name.removeprefix(TEMP_PREFIX).partition("-")[0]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def open_draft(root: str, key: str, *, what: str) -> Iterator[Draft]:
    """Begin the file `key` below `root`, making its parents; what is not published is gone afterwards.

    Raises:
        UsageError: a parent is a symbolic link.
        OSError: anything else.
    """
    *parents, name = key.split("/")
    directory, draft = _begin(root, parents, name, what=what)
    try:
        yield draft
    finally:
        draft.discard()
        os.close(directory)


def _begin(root: str, parents: list[str], name: str, *, what: str) -> tuple[int, Draft]:
    # Whoever deletes the last file of a directory removes the directory too, perhaps just after we opened it.
    # Once the draft is in it, it stays.
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return _try_begin(root, parents, name, what=what)
    try:
        return _try_begin(root, parents, name, what=what)
    except FileNotFoundError as error:
        raise LocalIOError(
            f"{what}: no file can be made in its directory: {error.strerror}",
            hint="this file system may take no files, like /proc and /sys: choose another directory",
        ) from error


def _try_begin(root: str, parents: list[str], name: str, *, what: str) -> tuple[int, Draft]:
    directory = open_directory(root, parents, create=True)
    try:
        return directory, Draft(directory, name, what=what)
    except BaseException:
        os.close(directory)
        raise


def _copy_range(source: int, target: int, *, count: int, offset: int) -> int:
    try:
        return os.copy_file_range(source, target, min(count, 1 << 30), offset, offset)
    except OSError as error:
        # Not between these file systems, or not on this kernel (copy_file_range(2), ERRORS).
        if error.errno not in _UNSUPPORTED:
            raise
    return os.pwrite(target, os.pread(source, min(count, _CHUNK), offset), offset)
