"""The files of a release: which ones `artifact:` names, and a digest over all of them.

Only regular files count; a link to a file inside the root is taken as that file. What leads outside, links to
directories, sockets and the like are errors, never left out in silence. `.git` and `.opsctl` are not walked into.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from opsctl.config.models import Artifact as ArtifactConfig
from opsctl.deploy.model import ArtifactRecord
from opsctl.errors import LocalIOError, NotFoundError, StepFailedError

__all__ = ["Artifact", "FileEntry", "collect", "digest_of"]

_NEVER = frozenset({".git", ".opsctl"})
_CHUNK = 1 << 20


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a release.

    Args:
        path: relative, with `/`.
        size: bytes.
        sha256: hex digest of its content.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files on the local disk that a release is made from.

    Args:
        root: directory that the paths are relative to.
        files: in the byte order of their paths.
    """

    root: Path
    files: tuple[FileEntry, ...]

    @property
    def record(self) -> ArtifactRecord:
        """What a release keeps of it."""
        return ArtifactRecord(digest_of(self.files), len(self.files), sum(entry.size for entry in self.files))


def digest_of(files: tuple[FileEntry, ...]) -> str:
    """Return the SHA-256 over names and contents; the order of `files` does not matter."""
    digest = hashlib.sha256()
    for entry in sorted(files, key=lambda entry: entry.path.encode()):
        digest.update(f"{entry.path}\0{entry.sha256}\n".encode())
    return digest.hexdigest()


def collect(config: ArtifactConfig, base: Path) -> Artifact:
    """Find and hash the files that `config` names.

    Args:
        config: root, what to include, what to leave out.
        base: directory of the project file, which `root` is relative to.

    Raises:
        NotFoundError: the root is not there, or a pattern matches nothing.
        StepFailedError: something included is not a file that a release can hold.
        LocalIOError: a file cannot be read.
    """
    root = base / config.root
    if not root.is_dir():
        raise NotFoundError(f"artifact.root {str(root)!r} is not a directory", hint="was it built?")
    excluded = [_matcher(pattern) for pattern in config.exclude]
    names: set[str] = set()
    for pattern in config.include:
        found = {name for name in _walk(root, pattern) if not any(match(name) for match in excluded)}
        if not found:
            raise NotFoundError(f"artifact.include: {pattern!r} matches no file in {str(root)!r}", hint="was it built?")
        names |= found
    return Artifact(root, tuple(_entry(root, name) for name in sorted(names, key=os.fsencode)))


def _walk(root: Path, pattern: str) -> Iterator[str]:
    match = _matcher(pattern)
    start = _literal(pattern)
    first = root / start
    if first.is_dir():
        yield from (name for name in _below(root, start) if match(name))
    elif match(start) and first.exists():
        yield start


def _below(root: Path, name: str) -> Iterator[str]:
    # A symbolic link to a directory is yielded as if it were a file, so that it is refused if it is included.
    try:
        with os.scandir(root / name) as found:
            items = sorted(found, key=lambda item: os.fsencode(item.name))
    except OSError as error:
        raise LocalIOError(f"cannot read {str(root / name)!r}: {error.strerror}") from error
    for item in items:
        child = f"{name}/{item.name}" if name else item.name
        if not item.is_dir(follow_symlinks=False):
            yield child
        elif item.name not in _NEVER:
            yield from _below(root, child)


def _entry(root: Path, name: str) -> FileEntry:
    path = root / name
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise StepFailedError(f"artifact: {name!r} leads outside of {str(root)!r}", hint="exclude it, or copy the file")
    if not resolved.is_file():
        raise StepFailedError(f"artifact: {name!r} is not a file", hint="exclude it; releases hold files only")
    try:
        name.encode()
        with path.open("rb") as body:
            digest = hashlib.file_digest(body, "sha256")
            return FileEntry(name, body.tell(), digest.hexdigest())
    except UnicodeEncodeError as error:
        raise StepFailedError(f"artifact: the name {name!r} is not UTF-8", hint="rename or exclude it") from error
    except OSError as error:
        raise LocalIOError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _clean(pattern: str) -> str:
    return "/".join(part for part in pattern.split("/") if part not in {"", "."})


def _literal(pattern: str) -> str:
    """The part of a pattern before its first wildcard, in whole segments."""
    parts = _clean(pattern).split("/")
    wild = next((index for index, part in enumerate(parts) if re.search(r"[*?]", part)), len(parts))
    return "/".join(parts[:wild])


class _Matcher:
    def __init__(self, pattern: str) -> None:
        # What matches a directory takes all below it, as in .gitignore.
        self._regex = re.compile(f"(?:{_regex(_clean(pattern))})(?:/.*)?", re.DOTALL)

    def __call__(self, name: str) -> bool:
        return self._regex.fullmatch(name) is not None


@functools.cache
def _matcher(pattern: str) -> _Matcher:
    return _Matcher(pattern)


def _regex(pattern: str) -> str:
    if not pattern:
        return ".*"
    pieces = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", pattern)
    wild = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(piece) or re.escape(piece) for piece in pieces)
