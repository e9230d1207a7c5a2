"""The job summary of GitHub Actions: a Markdown table of what was done, appended to GITHUB_STEP_SUMMARY."""

from __future__ import annotations

import html
from pathlib import Path

from opsctl.cli.output.ansi import clean
from opsctl.cli.output.renderer import Failure
from opsctl.cli.output.units import duration
from opsctl.events import SpanFinished

__all__ = ["Summary"]

LIMIT = 1024 * 1024
"""Bytes; GitHub refuses the whole summary of a step beyond it."""
_SIGNS = {"ok": "✅", "failed": "❌", "skipped": "⏭️", "cancelled": "🚫", "unchanged": "✅"}
_MORE = "\n… and more: the summary of one step ends at 1 MiB.\n"


class Summary:
    """Collects what is worth a line.

    Args:
        path: the file that GitHub names in GITHUB_STEP_SUMMARY; "" writes nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rows: list[str] = []
        self._failures: list[str] = []

    def add(self, label: str, event: SpanFinished) -> None:
        """Add a finished piece of work."""
        cells = (_SIGNS[event.status], _cell(label), _cell(event.status), duration(event.seconds), _cell(event.detail))
        self._rows.append(f"| {' | '.join(cells)} |\n")

    def fail(self, failure: Failure) -> None:
        """Add why the program failed, and write: it comes after everything else."""
        told = [str(problem) for problem in failure.problems] or [failure.message]
        self._failures += [f"\n**error:** {_cell(text)}\n" for text in told]
        self._failures += [f"\n**hint:** {_cell(failure.hint)}\n"] if failure.hint and not failure.problems else []
        self.write()

    def write(self) -> None:
        """Append what was collected since the last time, as much as there is room for."""
        head = ["\n| | step | status | time | |\n|-|-|-|-|-|\n"] if self._rows else []
        lines = [*head, *self._rows, *self._failures]
        self._rows, self._failures = [], []
        if not lines or not self._path:
            return
        path = Path(self._path)
        try:
            room = LIMIT - (path.stat().st_size if path.exists() else 0)
            with path.open("a", encoding="utf-8") as file:
                file.write(_fit(lines, room))
        except OSError:
            return  # a summary that cannot be written must not fail the job


def _fit(lines: list[str], room: int) -> str:
    text = "".join(lines)
    if len(text.encode()) <= room:
        return text
    kept, used = [], len(_MORE.encode())
    for line in lines:
        used += len(line.encode())
        if used > room:
            break
        kept.append(line)
    return "".join(kept) + _MORE if kept else ""


def _cell(text: str) -> str:
    """Make foreign text safe in a Markdown table: no HTML, no columns, no links, no formatting."""
    escaped = html.escape(clean(text), quote=False)
    return "".join(f"\\{char}" if char in "\\`*_[]|~#!" else char for char in escaped)
