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


def encode_csv(table: Any) -> str:
    """Return a table as CSV (RFC 4180, but with plain line ends), header first.

    Raises:
        TypeError: a command offers csv without a table.
    """
    if not isinstance(table, Table):
        raise TypeError("csv needs a Table")
    rows = (encode_csv_row(row) for row in table.rows)
    return encode_csv_row([column.name for column in table.columns]) + "".join(rows)


def encode_csv_row(row: Sequence[Any]) -> str:
    """Return one CSV row with its line end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue()


def _harmless(text: str) -> str:
    # JSON encoders leave these bare; a terminal or a line reader acts on them. They can only stand in strings.
    return _C1.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
