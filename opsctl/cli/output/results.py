"""Results on standard output: text, one JSON document, JSON lines, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from opsctl.cli.output.ansi import clean_block
from opsctl.cli.output.table import Table

__all__ = ["encode_csv", "encode_csv_row", "encode_json", "encode_json_line", "encode_text"]

_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal acts on, line breaks and tabs aside, which CSV has."""

_C1 = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def encode_text(text: str | Table, *, colors: bool, columns: int | None) -> str:
    """Return text for people: colours only where they are wanted, nothing that acts on the terminal."""
    if isinstance(text, Table):
        text = text.render(columns=columns)
    return clean_block(text.removesuffix("\n"), colors=colors)


def encode_json(result: Any) -> str:
    """Return one indented JSON document."""
    return _harmless(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())


def encode_json_line(item: Any) -> str:
    """Return one JSON object on one line."""
    return _harmless(msgspec.json.encode(item).decode())


def encode_csv(table: Any, *, terminal: bool) -> str:
    """Return a table as CSV (RFC 4180, but with plain line ends), header first.

    Args:
        table: a `Table`.
        terminal: see `encode_csv_row`.

    Raises:
        TypeError: a command offers csv without a table.
    """
    if not isinstance(table, Table):
        raise TypeError("csv needs a Table")
    rows = ([column.name for column in table.columns], *table.rows)
    return "".join(encode_csv_row(row, terminal=terminal) for row in rows)


def encode_csv_row(row: Sequence[Any], *, terminal: bool) -> str:
    """Return one CSV row with its line end.

    Args:
        row: its fields.
        terminal: it goes to one, so control characters are spelled out; elsewhere every byte is kept.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return _ACTS.sub(_spelled, buffer.getvalue()) if terminal else buffer.getvalue()


def _spelled(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _harmless(text: str) -> str:
    # JSON encoders leave these bare; a terminal or a line reader acts on them. They can only stand in strings.
    return _C1.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
