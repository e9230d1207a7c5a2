"""Files of a release in a store: upload, the manifest that makes them count, verification, removal.

A revision is `releases/<number>/<path>` and `manifests/<number>.json`. The manifest is written last and removed last:
without it there is no revision, and as long as there are files of one that was complete, it says which ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from opsctl.deploy.artifact import Artifact, FileEntry
from opsctl.deploy.model import Slot, counted
from opsctl.errors import ConfigError, LocalIOError, NotFoundError, Problem
from opsctl.storage import ObjectInfo, Store

__all__ = ["Manifest", "differing", "directory", "discrepancies", "manifest_key", "read", "remove", "upload"]

T = TypeVar("T")
R = TypeVar("R")

_WORKERS = 8
"""Requests under way at once: enough to hide the latency of a cloud, few enough for a laptop."""

_CHUNK = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision consists of.

    Args:
        slot: whose it is.
        revision: its number.
        deploy: id of the attempt that made it.
        spec_hash: of what it runs.
        state: state store of that attempt.
        digest: over names and contents of all files.
        files: all of them.
    """

    slot: Slot
    revision: int
    deploy: str
    spec_hash: str
    state: str = ""
    digest: str
    files: tuple[FileEntry, ...]

    @property
    def summary(self) -> str:
        """How much it is, for people."""
        return f"{counted(len(self.files), 'file')}, {counted(sum(entry.size for entry in self.files), 'byte')}"


def directory(number: int) -> str:
    """Return the prefix of the files of a revision."""
    return f"releases/{number}/"


def manifest_key(number: int) -> str:
    """Return the key of the manifest of a revision."""
    return f"manifests/{number}.json"


def read(store: Store, number: int) -> Manifest | None:
    """Return the manifest of a revision, None when it has none.

    Raises:
        ConfigError: the object is no manifest.
    """
    key = manifest_key(number)
    try:
        with store.get(key) as body:
            return msgspec.json.decode(body.read(), type=Manifest)
    except NotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        where = f"{store.url.rstrip('/')}/{key}"
        raise ConfigError([Problem(where, 0, 0, f"is not a manifest of opsctl: {error}")]) from error


def upload(store: Store, artifact: Artifact, manifest: Manifest) -> None:
    """Write the files, then the manifest.

    Raises:
        LocalIOError: a file cannot be read, or has not the size it had.
    """
    prefix = directory(manifest.revision)

    def put(entry: FileEntry) -> None:
        try:
            with (artifact.root / entry.path).open("rb") as body:
                store.put(prefix + entry.path, body, size=entry.size)
        except OSError as error:
            raise LocalIOError(f"cannot read {str(artifact.root / entry.path)!r}: {error.strerror}") from error

    _each(put, artifact.files)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    store.put(manifest_key(manifest.revision), io.BytesIO(data), size=len(data))


def discrepancies(store: Store, manifest: Manifest) -> list[str]:
    """Compare names and sizes with the manifest, by listing only."""
    prefix = directory(manifest.revision)
    wanted = {entry.path: entry.size for entry in manifest.files}
    found = {item.key.removeprefix(prefix): item.size for item in _listed(store, prefix)}
    missing = [f"{path} is missing" for path in wanted if path not in found]
    wrong = [
        f"{path} has {size} bytes, not {wanted[path]}" for path, size in found.items() if size != wanted.get(path, size)
    ]
    extra = [f"{path} is not in the manifest" for path in found if path not in wanted]
    return sorted(missing + wrong + extra)


def differing(store: Store, manifest: Manifest) -> list[str]:
    """Read every file back and compare its content with the manifest."""
    prefix = directory(manifest.revision)

    def check(entry: FileEntry) -> str:
        try:
            with store.get(prefix + entry.path) as body:
                digest = hashlib.sha256()
                while chunk := body.read(_CHUNK):
                    digest.update(chunk)
        except NotFoundError:
            return f"{entry.path} is missing"
        return "" if digest.hexdigest() == entry.sha256 else f"{entry.path} is not what was deployed"

    return [problem for problem in _each(check, manifest.files) if problem]


def remove(store: Store, number: int) -> None:
    """Remove what there is of a revision: files first, so that a half-removed one is still found."""
    _each(lambda item: store.delete(item.key), list(_listed(store, directory(number))))
    with contextlib.suppress(NotFoundError):  # not even the bucket is there yet
        store.delete(manifest_key(number))


def _listed(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    try:
        yield from store.scan(prefix)
    except NotFoundError:
        return


def _each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do `work` for each item, a few at a time, and stop soon after the first that fails."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
