"""Opening what lies below a root, one path component at a time.

Each directory on the way is opened relative to the descriptor of the one above it and never through a symbolic
link, so nobody can swap a directory for a link between a check and its use. Only the last component may be a link,
and only when what it points to lies below the root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from opsctl.errors import UsageError

__all__ = ["open_directory", "open_file", "stat_file"]

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DIRECTORY = _ROOT | os.O_NOFOLLOW
# O_NONBLOCK: opening a FIFO must not wait for a writer; it changes nothing for regular files.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_directory(root: str, segments: Sequence[str], *, create: bool = False) -> int:
    """Open the directory `segments` below `root` and return its descriptor, which the caller closes.

    Args:
        root: an absolute path; links in the root itself are the user's own and are followed.
        segments: names, none of them empty, `.` or `..`.
        create: make what is missing, the root as well.

    Raises:
        UsageError: a segment is a symbolic link.
        OSError: anything else; FileNotFoundError when it is not there.
    """
    current = _open_root(root, create=create)
    try:
        for segment in segments:
            below = _step(current, segment, create=create)
            os.close(current)
            current = below
    except BaseException:
        os.close(current)
        raise
    return current


def open_file(root: str, key: str) -> int:
    """Open the file `key` below `root` for reading and return its descriptor, which the caller closes.

    Raises:
        UsageError: a parent is a symbolic link, or the file is one that points out of the root.
        OSError: anything else; FileNotFoundError when it is not there.
    """
    *parents, name = key.split("/")
    directory = open_directory(root, parents)
    try:
        return os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    finally:
        os.close(directory)
    return open_file(*_link_target(root, key))


def stat_file(root: str, key: str, *, directory: int) -> os.stat_result:
    """Return the status of the file `key` below `root`, whose parent is open as `directory`; links are followed.

    Raises:
        UsageError: it is a link that points out of the root.
        OSError: anything else; FileNotFoundError when it is not there.
    """
    status = os.stat(key.rpartition("/")[2], dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        return status
    descriptor = open_file(*_link_target(root, key))
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _open_root(root: str, *, create: bool) -> int:
    try:
        return os.open(root, _ROOT)
    except FileNotFoundError:
        if not create:
            raise
    Path(root).mkdir(parents=True, exist_ok=True)
    return os.open(root, _ROOT)


def _step(parent: int, name: str, *, create: bool) -> int:
    if create:
        _make_directory(parent, name)
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP} and _names_link(parent, name):
            raise UsageError(
                f"{name!r} is a symbolic link to a directory, and those are not followed",
                hint="name the directory that it points to",
            ) from error
        raise


def _make_directory(parent: int, name: str) -> None:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            return
        os.fsync(parent)


def _names_link(parent: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _link_target(root: str, key: str) -> tuple[str, str]:
    """Return the real root, and the key of what the link points to, without any link in it."""
    real_root = os.path.realpath(root)
    target = os.path.realpath(f"{real_root}/{key}", strict=True)
    prefix = real_root.rstrip("/") + "/"
    if not f"{target}/".startswith(prefix):
        raise UsageError(f"{key!r} is a symbolic link that leads out of {root}", hint="copy the file itself")
    return real_root, target[len(prefix) :] or "."
