"""Tables that fit the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opsctl.cli.output.ansi import clean, fit, paint, shorten, width

__all__ = ["Column", "Table", "describe"]

_GAP = "  "
_NARROWEST = 8


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: header, also of the CSV.
        text: makes the text for people from a value (`units.size`); the CSV keeps the value.
        align: side on which the values line up.
        shrink: gives way when the table is too wide for the terminal.
        color: style of a value, "" for none.
    """

    name: str
    text: Callable[[Any], str] = _plain
    align: Literal["left", "right"] = "left"
    shrink: bool = False
    color: Callable[[Any], str] = field(default=lambda _: "")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of raw values under columns.

    Args:
        columns: left to right.
        rows: one value per column.
        empty: what is said instead of a table without rows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    empty: str = ""

    def render(self, *, columns: int | None) -> str:
        """Return the table as text.

        Args:
            columns: width to fit; a cell that has to give way is cut in the middle with `…`, and where even that is
                not enough every row becomes a paragraph. None never cuts.
        """
        if not self.rows and self.empty:
            return self.empty
        cells = [
            [_one_line(column.text(value)) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]
        header = [column.name.upper() for column in self.columns]
        widths = self._widths([header, *cells], columns)
        if columns is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > columns:
            return self._stacked(header, cells, columns)
        styles = [[column.color(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]
        lines = [self._line(header, widths, ["dim"] * len(header))]
        lines += [self._line(row, widths, style) for row, style in zip(cells, styles, strict=True)]
        return "\n".join(lines)

    def _widths(self, rows: list[list[str]], columns: int | None) -> list[int]:
        widths = [max(width(row[index]) for row in rows) for index in range(len(self.columns))]
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - (columns or 0)
        if columns is None or over <= 0:
            return widths
        # The widest shrinkable column gives way first, then the next, so that short ones stay whole.
        for _ in range(over):
            wide = [index for index, column in enumerate(self.columns) if column.shrink and widths[index] > _NARROWEST]
            if not wide:
                break
            widths[max(wide, key=lambda index: widths[index])] -= 1
        return widths

    def _stacked(self, header: list[str], cells: list[list[str]], columns: int) -> str:
        """Return each row as a paragraph of its own, for a terminal that is too narrow for a table."""
        names = max(map(width, header))
        room = max(columns - names - len(_GAP), 1)
        heads = [paint(name, "dim") + " " * (names - width(name)) + _GAP for name in header]
        paragraphs = [[head + shorten(cell, room) for head, cell in zip(heads, row, strict=True)] for row in cells]
        return "\n\n".join("\n".join(line.rstrip() for line in lines) for lines in paragraphs)

    def _line(self, cells: list[str], widths: list[int], styles: list[str]) -> str:
        parts = []
        for column, cell, room, style in zip(self.columns, cells, widths, styles, strict=True):
            text = shorten(cell, room)
            parts.append(fit(paint(text, style) if style and text else text, room, align=column.align))
        return _GAP.join(parts).rstrip()


def describe(facts: Mapping[str, Any]) -> str:
    """Return facts about one thing, one a line, their names in front."""
    room = max(map(len, facts), default=0)
    return "\n".join(f"{fit(_one_line(name), room)}{_GAP}{_one_line(_plain(value))}" for name, value in facts.items())


def _one_line(text: str) -> str:
    return clean(text).replace("\t", " ")
