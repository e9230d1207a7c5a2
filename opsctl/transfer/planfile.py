"""A plan in a file: JSON lines, the head first, then one action a line, the end last.

    {"opsctl_plan": 1, "source": "file:///srv/site", "destination": "s3://site", "delete": true}
    {"kind": "copy", "key": "index.html", "reason": "size", "source": {...}, "target": {...}}
    {"end": {"copy": 1, "delete": 0, "bytes": 512}}

A file without its end is not a plan: it was cut off. Plans are written beside their place and renamed into it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from opsctl.errors import LocalIOError, NotFoundError, OpsctlError, UsageError
from opsctl.transfer.plan import Action

__all__ = ["PlanFile", "PlanHead", "PlanWriter", "open_plan", "replacing"]


_END = b'{"end"'


class PlanHead(msgspec.Struct, frozen=True):
    """What the plan is for.

    Args:
        opsctl_plan: version of the format.
        source: URL.
        destination: URL.
        delete: whether extra objects were looked for.
    """

    opsctl_plan: int
    source: str
    destination: str
    delete: bool = False


class _Totals(msgspec.Struct, frozen=True):
    copy: int = 0
    delete: int = 0
    bytes: int = 0


class _End(msgspec.Struct, frozen=True):
    end: _Totals


class PlanWriter:
    """Writes one plan.

    Args:
        file: open for writing bytes.
        head: of the plan.
    """

    def __init__(self, file: IO[bytes], head: PlanHead) -> None:
        self._file = file
        self._totals = _Totals()
        self._write(head)

    def add(self, action: Action) -> None:
        """Add a copy or a deletion."""
        copies = action.kind == "copy"
        self._totals = _Totals(
            copy=self._totals.copy + copies,
            delete=self._totals.delete + (not copies),
            bytes=self._totals.bytes + (action.size if copies else 0),
        )
        self._write(action)

    def end(self) -> None:
        """Write the end."""
        self._write(_End(self._totals))

    def _write(self, value: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")


class PlanFile(msgspec.Struct, frozen=True):
    """A whole plan that was read.

    Args:
        path: of the file.
        head: what it is for.
    """

    path: Path
    head: PlanHead

    def actions(self) -> Iterator[Action]:
        """Yield what it says, lazily, in its order."""
        decoder = msgspec.json.Decoder(Action)
        with self.path.open("rb") as file:
            next(file)
            for line in file:
                if line.startswith(_END):
                    return
                yield decoder.decode(line)


def open_plan(path: Path) -> PlanFile:
    """Read a plan and check that it is whole.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no plan, one of another version, or a part of one.
    """
    try:
        with path.open("rb") as file:
            head = msgspec.json.decode(next(file, b""), type=PlanHead)
            if head.opsctl_plan != 1:
                raise UsageError(f"{path} is a plan of version {head.opsctl_plan}", hint="make it again")
            _check_whole(file)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there") from error
    except OSError as error:
        raise LocalIOError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a whole plan of a sync", hint="write one with --plan FILE") from error
    return PlanFile(path, head)


def _check_whole(file: IO[bytes]) -> None:
    """Raise msgspec.DecodeError unless every line is an action and the last one the end, with the right count."""
    decoder = msgspec.json.Decoder(Action)
    count, line = 0, b""
    for line in file:
        if line.startswith(_END):
            break
        decoder.decode(line)
        count += 1
    totals = msgspec.json.decode(line, type=_End).end
    if totals.copy + totals.delete != count or file.read(1):
        raise msgspec.DecodeError("the end does not fit")


@contextmanager
def replacing(path: Path, *, also_failed: bool = False) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` once the block ends without an error.

    Args:
        path: of the file.
        also_failed: it also does when the block ends with an error of opsctl.

    Raises:
        LocalIOError: the disk refuses.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temp.open("wb") as file:
            try:
                yield file
            except OpsctlError:
                if also_failed:
                    file.flush()
                    temp.replace(path)
                raise
        temp.replace(path)
    except OSError as error:
        raise LocalIOError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temp.unlink(missing_ok=True)
