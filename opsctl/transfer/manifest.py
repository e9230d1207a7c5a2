"""What failed, in a file that a later run can begin from: JSON lines, the head first, then one item a line."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import msgspec

from opsctl.errors import LocalIOError, NotFoundError, UsageError
from opsctl.transfer.engine import Done

__all__ = ["Manifest", "ManifestHead", "ManifestWriter", "read_manifest"]


class ManifestHead(msgspec.Struct, frozen=True):
    """What the run was.

    Args:
        opsctl_manifest: version of the format.
        source: URL.
        destination: URL.
    """

    opsctl_manifest: int
    source: str
    destination: str


class Manifest(msgspec.Struct, frozen=True):
    """A manifest that was read.

    Args:
        head: what the run was.
        keys: of the items that failed or were held back, in order.
    """

    head: ManifestHead
    keys: tuple[str, ...]


class ManifestWriter:
    """Writes what failed; an `Each` of the engine.

    Args:
        file: open for writing bytes.
        head: of the manifest.
    """

    def __init__(self, file: IO[bytes], head: ManifestHead) -> None:
        self._file = file
        self._file.write(msgspec.json.encode(head) + b"\n")

    def __call__(self, done: Done) -> None:
        """Write an item that failed or was held back."""
        if done.status in {"failed", "held_back"}:
            self._file.write(msgspec.json.encode(done) + b"\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no manifest.
    """
    try:
        head, *lines = path.read_bytes().splitlines()
        items = [msgspec.json.decode(line, type=Done) for line in lines]
        keys = tuple(sorted({item.key for item in items}))
        return Manifest(msgspec.json.decode(head, type=ManifestHead), keys)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there") from error
    except OSError as error:
        raise LocalIOError(f"{path}: {error.strerror}") from error
    except (ValueError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} is not a manifest", hint="write one with --manifest FILE") from error
