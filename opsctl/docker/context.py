"""The build context: which files go to the builder, what they hash to, and the tar stream they travel in.

The stream is made while it is sent: sorted by name, owned by root, so that the same files give the same bytes.
Modification times are sent as they are, in whole seconds, unless SOURCE_DATE_EPOCH fixes them
(https://reproducible-builds.org/specs/source-date-epoch/): web servers make their ETag of time and size, so a fixed
time would let browsers keep an old file of the same length. The content hash leaves times out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opsctl.docker import ignore
from opsctl.docker.ignore import IgnoreRules, Verdict
from opsctl.errors import ConfigError, LocalIOError, NotFoundError, Problem, StepFailedError

__all__ = ["Context", "Entry", "open_context"]

CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_SCHEME = b"opsctl context 1"
"""Part of every hash: a change of what is hashed must change all hashes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or link of the context.

    Args:
        name: relative to the context, with `/`.
        kind: what it is.
        mode: permission bits.
        size: bytes of a file, 0 else.
        mtime: whole seconds since the epoch.
        target: where a link points, as it is written.
    """

    name: str
    kind: bytes
    mode: int
    size: int = 0
    mtime: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """A context that has been looked through.

    Args:
        root: its directory.
        dockerfile: the Dockerfile on disk.
        entries: what is sent, each directory before what is in it.
        inside: name under which the Dockerfile is in the stream.
        extra: files that are sent on top: name -> content.
    """

    root: Path
    dockerfile: Path
    entries: tuple[Entry, ...]
    inside: str
    extra: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries)

    def digest(self) -> str:
        """Return the hash of names, modes and contents, in hex; times and owners do not count.

        Raises:
            LocalIOError: a file cannot be read.
            StepFailedError: a file changes while it is read.
        """
        whole = hashlib.sha256(_SCHEME)
        for entry in self.entries:
            head = f"{entry.kind.decode()}{entry.mode:o} {entry.name}\0{entry.target}\0"
            whole.update(head.encode("utf-8", "surrogateescape"))
            whole.update(self._file_digest(entry) if entry.kind == tarfile.REGTYPE else b"")
        return whole.hexdigest()

    def stream(self) -> Iterator[bytes]:
        """Yield the tar archive piece by piece.

        Raises:
            LocalIOError: a file cannot be read.
            StepFailedError: a file changes while it is read.
        """
        fixed = _fixed_time()
        for entry in self.entries:
            if entry.name not in self.extra:
                yield _header(entry, fixed)
                yield from self._padded(entry)
        for name, content in sorted(self.extra.items()):
            yield _header(Entry(name, tarfile.REGTYPE, 0o600, len(content)), fixed)
            yield content + bytes(-len(content) % _BLOCK)
        yield _END

    def _file_digest(self, entry: Entry) -> bytes:
        content = hashlib.sha256()
        for chunk in self._chunks(entry):
            content.update(chunk)
        return content.digest()

    def _padded(self, entry: Entry) -> Iterator[bytes]:
        if entry.kind == tarfile.REGTYPE:
            yield from self._chunks(entry)
            yield bytes(-entry.size % _BLOCK)

    def _chunks(self, entry: Entry) -> Iterator[bytes]:
        path = self.root / entry.name
        left = entry.size
        try:
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except OSError as error:
            raise LocalIOError(f"cannot read {path}: {error.strerror}", hint=_LEAVE_OUT) from error
        if left:
            raise StepFailedError(f"{path} changed while the context was read", hint=_LEAVE_OUT)


_STATE = ".opsctl"
"""Where opsctl keeps its own state by default: it changes with every deploy, so it would make every image a new one."""

_LEAVE_OUT = "if the image does not need it, name it in .dockerignore"


def open_context(root: Path, dockerfile: Path) -> Context:
    """Look through a context.

    Args:
        root: directory of the context.
        dockerfile: absolute, or relative to the context; it may lie outside of it.

    Raises:
        NotFoundError: there is no such directory or Dockerfile.
        ConfigError: the ignore file is wrong, or the context holds what cannot be sent.
        LocalIOError: something cannot be read.
    """
    if not root.is_dir():
        raise NotFoundError(f"build context {root} is not a directory")
    path = root / dockerfile
    if not path.is_file():
        raise NotFoundError(f"there is no Dockerfile at {path}", hint="name it with -f, or dockerfile: in opsctl.yaml")
    ignored_by = ignore.find(root, path)
    rules = ignore.read(ignored_by) if ignored_by else ignore.NOTHING
    entries = tuple(_scan(root, rules))
    alone = ignored_by in {None, root / ignore.NAME}
    inside, extra = _place(root, path, {entry.name: entry for entry in entries}, alone=alone)
    return Context(root, path, entries, inside, extra)


def _place(root: Path, dockerfile: Path, entries: dict[str, Entry], *, alone: bool) -> tuple[str, dict[str, bytes]]:
    """Say under which name the Dockerfile travels, and what must be added for that.

    The builder takes out what the `.dockerignore` in the stream ignores before it copies anything, so the
    Dockerfile and that file may be sent although they are ignored. A Dockerfile that is no file of the context
    (outside, a link), or that is ignored by a file of its own, gets a name of its own and a line in that file.

    Args:
        root: directory of the context.
        dockerfile: where the Dockerfile is.
        entries: what is sent, by name.
        alone: the context's `.dockerignore` is what decides, or nothing is ignored.
    """
    name = _relative(root, dockerfile)
    own = ignore.NAME in entries
    if name and alone and not dockerfile.is_symlink():
        return name, {} if name in entries else {name: _read(dockerfile), ignore.NAME: _read(root / ignore.NAME)}
    in_stream = name in entries and not dockerfile.is_symlink()
    if in_stream and not (own and ignore.read(root / ignore.NAME).ignores(name)):
        return name, {}
    content = _read(dockerfile)
    inside = f".opsctl.{hashlib.sha256(content).hexdigest()[:16]}.Dockerfile"
    lines = _read(root / ignore.NAME) + b"\n" if own else f"{ignore.NAME}\n".encode()
    return inside, {inside: content, ignore.NAME: lines + inside.encode() + b"\n"}


def _relative(root: Path, path: Path) -> str:
    """Return the path from the root to a file below it, "" when it is not below."""
    inside = os.path.relpath(path, root)
    return "" if inside.startswith(os.pardir) else inside


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalIOError(f"cannot read {path}: {error.strerror}") from error


@dataclass(slots=True)
class _Level:
    """One directory on the way down.

    Args:
        name: relative to the context, "" for the context itself.
        rest: what is still to be looked at.
        verdict: of the ignore file, None for the context itself.
        unsent: its own entry, while it is ignored and nothing in it was kept.
    """

    name: str
    rest: Iterator[os.DirEntry[str]]
    verdict: Verdict | None = None
    unsent: Entry | None = None


def _scan(root: Path, rules: IgnoreRules) -> Iterator[Entry]:
    """Yield what is kept, each directory before what is in it; an ignored directory only if something in it is."""
    levels = [_Level("", _listed(root))]
    while levels:
        level = levels[-1]
        found = next(level.rest, None)
        if found is None:
            levels.pop()
            continue
        name = f"{level.name}/{found.name}" if level.name else found.name
        if name == _STATE:
            continue
        verdict = rules.judge(name, level.verdict)
        if not verdict.ignored:
            yield from _unsent(levels)
            yield _entry(name, found)
        if found.is_dir(follow_symlinks=False) and (not verdict.ignored or rules.may_keep_below(name)):
            own = _entry(name, found) if verdict.ignored else None
            levels.append(_Level(name, _listed(root / name), verdict, own))


def _unsent(levels: list[_Level]) -> Iterator[Entry]:
    for level in levels:
        if level.unsent:
            yield level.unsent
            level.unsent = None


def _listed(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return iter(sorted(found, key=lambda entry: entry.name))
    except OSError as error:
        raise LocalIOError(f"cannot read {directory}: {error.strerror}", hint=_LEAVE_OUT) from error


def _entry(name: str, found: os.DirEntry[str]) -> Entry:
    try:
        status = found.stat(follow_symlinks=False)
        target = os.readlink(found.path) if found.is_symlink() else ""  # noqa: PTH115 - Path would clean it
    except OSError as error:
        raise LocalIOError(f"cannot read {found.path}: {error.strerror}", hint=_LEAVE_OUT) from error
    mode, mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISREG(status.st_mode):
        return Entry(name, tarfile.REGTYPE, mode, status.st_size, mtime)
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, tarfile.DIRTYPE, mode, mtime=mtime)
    if target:
        return Entry(name, tarfile.SYMTYPE, 0o777, mtime=mtime, target=target)
    raise ConfigError([Problem(found.path, 0, 0, "a socket, pipe or device cannot be part of an image", _LEAVE_OUT)])


def _header(entry: Entry, fixed: int | None) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.type, info.mode, info.size, info.linkname = entry.kind, entry.mode, entry.size, entry.target
    info.mtime = entry.mtime if fixed is None else fixed
    # The GNU format carries names of any bytes and length, and files of any size.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _fixed_time() -> int | None:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(text) if text.isdigit() else None
