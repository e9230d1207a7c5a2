"""The journal of a run: what happened, in a form that survives being killed.

    .opsctl/runs/<run id>/journal.jsonl       one JSON object a line
    .opsctl/runs/<run id>/logs/<step>.log     what the step printed, masked, without colours

Each line is written by one system call to a file that is only appended to, so a killed run leaves whole lines.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from opsctl.errors import LocalIOError
from opsctl.pipeline.lines import without_escapes

__all__ = ["KEPT", "RUNS", "Journal", "forget_old_runs", "new_run_id"]

RUNS: Final = Path(".opsctl") / "runs"
"""Where runs are kept, below the project's directory."""

KEPT: Final = 100
"""Runs that are kept whatever their age; and those of the last day, so that none that still goes on is forgotten."""

_DAY: Final = 24 * 3600.0
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


def new_run_id() -> str:
    """Return an id that nobody else has; ids sort by time (UTC)."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"


def forget_old_runs(runs: Path, *, now: float) -> None:
    """Remove the oldest runs. One that cannot be removed stays: that is no reason for a run to fail.

    Args:
        runs: directory of the runs.
        now: seconds since the epoch.
    """
    try:
        names = sorted(path.name for path in runs.iterdir() if _RUN_ID.fullmatch(path.name))
    except OSError:
        return
    yesterday = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now - _DAY))
    for name in names[:-KEPT]:
        if name < yesterday:
            shutil.rmtree(runs / name, ignore_errors=True)


class Journal:
    """Writes the journal of one run. A context.

    Args:
        directory: of the run, absolute; must not be there yet.

    Attributes:
        path: the file with the lines.

    Raises:
        LocalIOError: it cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"
        self._directory = str(directory)  # joined for every step, which costs less as text
        self._encode = msgspec.json.Encoder().encode
        self._logs: dict[str, int] = {}
        try:
            directory.mkdir(parents=True, mode=0o700)
            for name in ("logs", "outputs"):
                (directory / name).mkdir()
            self._file = self._open(self.path)
        except OSError as error:
            raise _refused(directory, error) from error

    def output_file(self, step: str) -> str:
        """Return the file that a step writes its outputs to."""
        return f"{self._directory}/outputs/{step}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._file, *self._logs.values()):
            os.close(file)
        self._logs.clear()

    def write(self, event: str, **fields: Any) -> None:
        """Append one line.

        Args:
            event: what happened.
            fields: anything that msgspec can encode, already masked.

        Raises:
            LocalIOError: the disk refuses.
        """
        line = self._encode({"at": round(time.time(), 3), "event": event, **fields})
        self._append(self._file, line + b"\n", self.path)

    def log(self, step: str, lines: Iterable[str]) -> None:
        """Append lines that a step printed to its log.

        Raises:
            LocalIOError: the disk refuses.
        """
        path = self._log_file(step)
        if step not in self._logs:
            try:
                self._logs[step] = self._open(path)
            except OSError as error:
                raise _refused(path, error) from error
        text = "".join(f"{without_escapes(line)}\n" for line in lines)
        self._append(self._logs[step], text.encode("utf-8", "replace"), path)

    def end_log(self, step: str) -> str:
        """Close the log of a step; return the file, "" when there is none."""
        if step not in self._logs:
            return ""
        os.close(self._logs.pop(step))
        return self._log_file(step)

    def _log_file(self, step: str) -> str:
        return f"{self._directory}/logs/{step}.log"

    def _open(self, path: Path | str) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _append(self, file: int, data: bytes, path: Path | str) -> None:
        try:
            while data:
                data = data[os.write(file, data) :]
        except OSError as error:
            raise _refused(path, error) from error


def _refused(path: Path | str, error: OSError) -> LocalIOError:
    return LocalIOError(f"cannot write {path}: {error.strerror}", hint="is the disk full or read-only?")
