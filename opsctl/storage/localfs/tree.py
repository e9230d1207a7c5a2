"""Walking the files below a root in key order, with no more in memory than one directory of each level.

Order is that of the UTF-8 bytes of whole keys, as S3 lists them: a directory counts as its name with a `/`, so
`a-b` comes before `a/b` and `a/b` before `ab`. Python compares text by code point, which is the same order.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from opsctl.errors import UsageError
from opsctl.storage.localfs.beneath import open_directory, stat_file
from opsctl.storage.localfs.draft import TEMP_PREFIX
from opsctl.storage.localfs.faults import DENIED

__all__ = ["UNREADABLE", "Skip", "walk"]

UNREADABLE = "a directory that cannot be read"
"""How the reason begins where it is the rights of the user that leave something out."""

Skip = Callable[[str, str], None]
"""Called with the key of what is left out, printable, and why."""


def walk(
    root: str,
    *,
    prefix: str = "",
    start_after: str = "",
    enter: Callable[[str], bool] | None = None,
    skip: Skip | None = None,
    drafts: bool = False,
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the key and status of each file below `root`, lazily, in order.

    Links to files below the root are followed. Left out, and told to `skip`: links that lead out of the root, to
    nothing or to a directory (following those would give one file several keys), names that are not UTF-8,
    and FIFOs, sockets and devices. What vanishes meanwhile is left out silently.

    Args:
        root: an absolute path.
        prefix: plain string prefix of the keys; directories that cannot hold one are not opened.
        start_after: keys up to and including this one are left out.
        enter: asked with the key of each directory, which ends in `/`; False leaves it unopened.
        skip: called for what is left out, which without it includes no directory that cannot be read.
        drafts: yield the temporary files, and only those.

    Raises:
        OSError: a directory cannot be read, and there is no `skip`; FileNotFoundError when the root is not there.
    """
    top = prefix.rpartition("/")[0]
    first = _open_top(root, top)
    if first is None:
        return
    chosen = _Chosen(prefix, start_after, enter, skip, drafts=drafts)
    stack = [_Level(first, f"{top}/" if top else "", chosen)]
    try:
        while stack:
            level = stack[-1]
            name = next(level.names, None)
            if name is None:
                stack.pop().close()
            elif name.endswith("/"):
                stack.extend(level.below(name))
            else:
                yield from level.file(root, name)
    finally:
        for level in stack:
            level.close()


def _open_top(root: str, path: str) -> int | None:
    """Open the directory that the prefix lies in; None when no key can begin with it."""
    segments = path.split("/") if path else []
    if {"", ".", ".."} & set(segments) or "\0" in path:
        return None
    try:
        return open_directory(root, segments)
    except UsageError:
        return None
    except (FileNotFoundError, NotADirectoryError):
        os.close(open_directory(root, []))  # raises where it is the root that is missing
        return None


class _Chosen:
    """Which keys are wanted."""

    def __init__(
        self,
        prefix: str,
        start_after: str,
        enter: Callable[[str], bool] | None,
        skip: Skip | None,
        *,
        drafts: bool,
    ) -> None:
        self.prefix = prefix
        self.start_after = start_after
        self.enter = enter
        self.drafts = drafts
        self._skip = skip

    def skip(self, key: str, reason: str) -> None:
        if self._skip is not None:
            self._skip(key, reason)

    def unreadable(self, key: str, error: OSError) -> None:
        """Tell of a directory that cannot be read, or raise where nobody would hear: it must not look empty."""
        if self._skip is None or error.errno not in DENIED:
            raise error
        self._skip(key, f"{UNREADABLE}: {error.strerror}")

    def named(self, name: str) -> bool:
        """Say whether an entry of this name is looked at: files or drafts, and the directories on the way to them."""
        return name.startswith(TEMP_PREFIX) == self.drafts or (self.drafts and name.endswith("/"))

    def key(self, key: str) -> bool:
        return key.startswith(self.prefix) and key > self.start_after

    def directory(self, key: str) -> bool:
        fits = key.startswith(self.prefix) or self.prefix.startswith(key)
        ahead = key > self.start_after or self.start_after.startswith(key)
        return fits and ahead and (self.enter is None or self.enter(key))


class _Level:
    """One open directory of the walk."""

    def __init__(self, descriptor: int, base: str, chosen: _Chosen) -> None:
        self._descriptor = descriptor
        self._base = base
        self._chosen = chosen
        try:
            self.names = iter(self._list())
        except BaseException:
            os.close(descriptor)
            raise

    def _list(self) -> list[str]:
        """Names in order, directories with a `/`; only those that are wanted, and text alone, not the entries."""
        with os.scandir(self._descriptor) as entries:
            names = (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name for entry in entries)
            return sorted(name for name in names if self._wanted(name))

    def _wanted(self, name: str) -> bool:
        if not self._chosen.named(name):
            return False
        if not name.isascii() and not _is_utf8(name):
            self._chosen.skip(self._base + os.fsencode(name).decode("utf-8", "backslashreplace"), "not UTF-8")
            return False
        key = self._base + name
        return self._chosen.directory(key) if name.endswith("/") else self._chosen.key(key)

    def below(self, name: str) -> Iterator[_Level]:
        try:
            descriptor = os.open(
                name.rstrip("/"),
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=self._descriptor,
            )
        except (FileNotFoundError, NotADirectoryError):
            return  # removed or replaced since it was listed
        except PermissionError as error:
            self._chosen.unreadable(self._base + name, error)
            return
        yield _Level(descriptor, self._base + name, self._chosen)

    def file(self, root: str, name: str) -> Iterator[tuple[str, os.stat_result]]:
        key = self._base + name
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        except PermissionError as error:
            self._chosen.unreadable(self._base, error)
            return
        if stat.S_ISREG(status.st_mode):
            yield key, status
        elif stat.S_ISLNK(status.st_mode):
            yield from self._link(root, key)
        elif not stat.S_ISDIR(status.st_mode):
            self._chosen.skip(key, "not a regular file")

    def _link(self, root: str, key: str) -> Iterator[tuple[str, os.stat_result]]:
        try:
            status = stat_file(root, key, directory=self._descriptor)
        except UsageError:
            self._chosen.skip(key, "a symbolic link that leads out of the directory")
        except OSError:
            self._chosen.skip(key, "a symbolic link to nothing")
        else:
            if stat.S_ISREG(status.st_mode):
                yield key, status
            else:
                self._chosen.skip(key, "a symbolic link to a directory")

    def close(self) -> None:
        os.close(self._descriptor)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
