"""`file://`: objects as files below a directory, written atomically and durably.

`file://dir` is relative to the working directory at the time it is opened, `file:///dir` absolute. Every write goes to
`.opsctl-tmp-*` in the same directory, is flushed to the disk and renamed. The root is made by the first write.

What a file system cannot keep:
- content type, cache control and user metadata of `PutOptions` are dropped; the mtime is kept;
- the mode goes along from one `file://` to another only; elsewhere files are made as the umask says;
- keys with empty segments, a trailing `/`, segments longer than 255 bytes, no UTF-8 form, or the name of a temporary
  file are refused; a key cannot be both a file and a directory.

Symbolic links are followed only from a file name to a file below the root. A directory that is a link is neither
listed nor entered, so that every file has one key and deleting below a link cannot reach what it points to.
Names that are not UTF-8, FIFOs, sockets and devices are no objects and not listed.

The etag is made of inode, mtime, ctime and size. `put_if` is exclusive by flock(2) on the parent directory, which a
kill releases, and moves the mtime strictly forward, so that no two of its writes share an etag.
"""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from opsctl.errors import ConflictError, LocalIOError, NotFoundError, UsageError
from opsctl.storage.localfs import (
    TEMP_PREFIX,
    Draft,
    Skip,
    is_in_use,
    local_faults,
    locked,
    open_draft,
    open_range,
    walk,
)
from opsctl.storage.localfs.beneath import open_directory, open_file, stat_file
from opsctl.storage.options import NoOptions, bind_options
from opsctl.storage.protocol import (
    CanCopy,
    CanPutIf,
    HasBuckets,
    HasUploads,
    ObjectInfo,
    PendingUpload,
    PutOptions,
    Store,
    check_key,
)
from opsctl.storage.url import StoreURL

__all__ = ["FileStore", "open_store"]


def open_store(url: StoreURL, options: Mapping[str, str | bool | int]) -> FileStore:
    """Open the directory that `url` names; it need not exist yet.

    Raises:
        UsageError: an option, as there are none, or no directory is named.
    """
    bind_options(options, NoOptions, scheme=url.scheme)
    if not url.path:
        raise UsageError("file:// names no directory", hint="for example file://dir or file:///srv/data")
    return FileStore(url)


class FileStore:
    """A directory as a store."""

    def __init__(self, url: StoreURL) -> None:
        self._url = str(url)
        self.root = os.path.abspath(url.path)  # noqa: PTH100 - Path.resolve would follow the links of the user
        """Absolute path of the root."""

    @property
    def url(self) -> str:
        """The root as a URL, as it was given."""
        return self._url

    def stat(self, key: str) -> ObjectInfo:
        """Return size, mtime and etag of a file."""
        with self._faults(key):
            return self._look(key)

    def scan(
        self,
        prefix: str = "",
        *,
        start_after: str = "",
        enter: Callable[[str], bool] | None = None,
        skip: Skip | None = None,
    ) -> Iterator[ObjectInfo]:
        """Yield the files whose key starts with `prefix`, in key order.

        `enter` and `skip`, which other stores do not have, choose the directories to walk and are told what is left
        out and why: see `opsctl.storage.localfs.walk`.

        Raises:
            NotFoundError: the root is not there: an unmounted disk must not look like an empty one.
            DeniedError: the user may not read a directory.
            LocalIOError: a directory cannot be read.
        """
        with self._faults(""):
            for key, status in walk(self.root, prefix=prefix, start_after=start_after, enter=enter, skip=skip):
                yield _info(key, status)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open a file for reading; the reader can seek."""
        with self._faults(key):
            descriptor = open_file(self.root, self._checked(key))
            try:
                self._regular(key, os.fstat(descriptor))
                return open_range(descriptor, start=start, length=length, what=self._name(key))
            except BaseException:
                os.close(descriptor)
                raise

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write a file; of the options only the mtime is kept."""
        mtime = None if options is None or options.mtime is None else _nanoseconds(options.mtime)
        with self._draft(key) as draft:
            draft.fill(body, size=size)
            return self._publish(key, draft, mtime)

    def delete(self, key: str) -> None:
        """Delete a file and the directories that this leaves empty, up to the root."""
        try:
            with self._faults(key):
                self._unlink(key)
        except NotFoundError:
            return
        self._prune(key)

    def close(self) -> None:
        """Do nothing: no descriptor is kept open."""

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write a small file if its etag is still `match` (None: if there is none)."""
        with self._draft(key) as draft:
            draft.write(data)
            os.fsync(draft.descriptor)
            with locked(draft.directory, exclusive=True, what=self._name(key)):
                now = self._matched(key, draft.directory, match)
                draft.set_mtime(max(time.time_ns(), now.st_mtime_ns + 1 if now else 0))
                status = draft.publish()
            os.fsync(draft.directory)
        return _info(key, status)

    def can_copy_from(self, source: Store) -> bool:
        """Say yes to other file stores: the kernel copies, and shares the blocks where the file system can."""
        return isinstance(source, FileStore)

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy a file of another file store, with its mtime and mode, but not its owner."""
        if not isinstance(source, FileStore):
            raise UsageError(f"{self._url} cannot copy from {source.url} on its own", hint="read it and put it")
        with source._opened(source_key) as (descriptor, before), self._draft(key) as draft:  # noqa: SLF001 - same class
            draft.set_mode(before.st_mode)  # before there is anything in it to be read
            draft.fill_from(descriptor, size=before.st_size)
            if _etag(os.fstat(descriptor)) != _etag(before):
                raise LocalIOError(f"{source._name(source_key)} changed while it was copied")  # noqa: SLF001 - same class
            return self._publish(key, draft, before.st_mtime_ns)

    def uploads(self) -> Iterator[PendingUpload]:
        """Yield the temporary files below the root; `begun` is when each was last written to."""
        with self._faults(""):
            for key, status in walk(self.root, drafts=True):
                yield PendingUpload(key, "", status.st_ctime, status.st_size)

    def discard_upload(self, pending: PendingUpload) -> None:
        """Remove a temporary file, unless the process that writes it still runs."""
        directory, _, name = pending.key.rpartition("/")
        if not name.startswith(TEMP_PREFIX):
            raise UsageError(f"{self._name(pending.key)} is not a temporary file")
        if is_in_use(name):
            raise ConflictError(f"{self._name(pending.key)} is being written", hint="wait until that has ended")
        try:
            with self._faults(pending.key):
                descriptor = open_directory(self.root, directory.split("/") if directory else [])
                try:
                    os.unlink(name, dir_fd=descriptor)
                finally:
                    os.close(descriptor)
        except NotFoundError:
            return
        self._prune(pending.key)

    def bucket_exists(self) -> bool:
        """Say whether the root is a directory."""
        with self._faults(""):
            return Path(self.root).is_dir()

    def make_bucket(self) -> None:
        """Make the root and its parents."""
        with self._faults(""):
            Path(self.root).mkdir(parents=True, exist_ok=True)

    def remove_bucket(self) -> None:
        """Remove the root, which must hold nothing at all, not even an empty directory."""
        with self._faults(""):
            try:
                Path(self.root).rmdir()
            except OSError as error:
                if Path(self.root).is_dir() and any(Path(self.root).iterdir()):
                    raise ConflictError(f"{self._url} is not empty", hint="delete what it holds first") from error
                raise

    def _name(self, key: str) -> str:
        return f"{self._url.rstrip('/')}/{key}" if key else self._url

    def _faults(self, key: str) -> AbstractContextManager[None]:
        return local_faults(self._name(key))

    def _checked(self, key: str) -> str:
        check_key(key, store=self._url)
        segments = key.split("/")
        try:
            too_long = any(len(segment.encode()) > 255 for segment in segments)  # noqa: PLR2004 - NAME_MAX of Linux
        except UnicodeEncodeError:
            raise UsageError(f"{self._url} cannot hold the key {key!r}", hint="it has no UTF-8 form") from None
        if too_long or "" in segments or any(segment.startswith(TEMP_PREFIX) for segment in segments):
            raise UsageError(
                f"{self._url} cannot hold the key {key!r}",
                hint=f"no '//', no '/' at the end, at most 255 bytes between them, no name like {TEMP_PREFIX}*",
            )
        return key

    def _regular(self, key: str, status: os.stat_result) -> os.stat_result:
        if not stat.S_ISREG(status.st_mode):
            raise NotFoundError(f"{self._name(key)} is not a file")
        return status

    def _look(self, key: str) -> ObjectInfo:
        directory = self._parent(key)
        try:
            return _info(key, self._regular(key, stat_file(self.root, key, directory=directory)))
        finally:
            os.close(directory)

    def _parent(self, key: str) -> int:
        parents = self._checked(key).split("/")[:-1]
        try:
            return open_directory(self.root, parents)
        except NotADirectoryError as error:
            raise NotFoundError(f"{self._name(key)} is not there") from error

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, os.stat_result]]:
        with self._faults(key):
            descriptor = open_file(self.root, self._checked(key))
            try:
                yield descriptor, self._regular(key, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    @contextmanager
    def _draft(self, key: str) -> Iterator[Draft]:
        with self._faults(key), open_draft(self.root, self._checked(key), what=self._name(key)) as draft:
            yield draft

    def _publish(self, key: str, draft: Draft, mtime: int | None) -> ObjectInfo:
        if mtime is not None:
            draft.set_mtime(mtime)
        # Shared: plain writes may overtake each other, but none may slip in between the check and the write of put_if.
        with locked(draft.directory, exclusive=False, what=self._name(key)):
            status = draft.publish()
        os.fsync(draft.directory)
        return _info(key, status)

    def _matched(self, key: str, directory: int, match: str | None) -> os.stat_result | None:
        try:
            now = stat_file(self.root, key, directory=directory)
        except FileNotFoundError:
            now = None
        if (match is None) != (now is None) or (now is not None and _etag(now) != match):
            raise ConflictError(f"{self._name(key)} was changed by somebody else", hint="read it again and retry")
        return now

    def _unlink(self, key: str) -> None:
        directory = self._parent(key)
        try:
            with locked(directory, exclusive=False, what=self._name(key)):
                os.unlink(key.rpartition("/")[2], dir_fd=directory)
            os.fsync(directory)
        except IsADirectoryError:
            raise NotFoundError(f"{self._name(key)} is not a file") from None
        finally:
            os.close(directory)

    def _prune(self, key: str) -> None:
        """Remove the directories above `key` that are empty now; whoever writes into one meanwhile makes it again."""
        parents = key.split("/")[:-1]
        while parents:
            name = parents.pop()
            try:
                above = open_directory(self.root, parents)
            except (OSError, UsageError):
                return
            try:
                os.rmdir(name, dir_fd=above)
            except OSError:
                return  # not empty
            finally:
                os.close(above)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=status.st_size,
        mtime=status.st_mtime,
        etag=_etag(status),
        written=status.st_ctime,
        mtime_kept=True,
    )


def _nanoseconds(seconds: float) -> int:
    # Apart, because the product of the whole would need more digits than a float has.
    whole = math.floor(seconds)
    return whole * 1_000_000_000 + round((seconds - whole) * 1e9)


def _etag(status: os.stat_result) -> str:
    # ctime as well: an inode number is used again at once, and a put may keep an old mtime.
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_size:x}"


_contract: type[Store] = FileStore
_powers: tuple[type[CanPutIf], type[CanCopy], type[HasUploads], type[HasBuckets]] = (
    FileStore,
    FileStore,
    FileStore,
    FileStore,
)
