"""Text of others made safe for a terminal or a log, and our own colours.

Child processes, object keys and server messages may hold anything: sequences that move the cursor, set the
window's title, write the clipboard (OSC 52), hide text or forge lines. What is drawn goes through `clean` first.
Sequences: ECMA-48; OSC, DCS and the 8-bit forms: xterm's ctlseqs. Bidirectional overrides: CVE-2021-42574.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

__all__ = ["clean", "clean_block", "fit", "paint", "shorten", "spell", "strip", "width"]

RESET = "\x1b[0m"
_COLORS = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}

_SEQUENCE = re.compile(
    r"""
    (?P<sgr> \x1b\[ [0-9;:]* m )
    | (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]                                      # other CSI: cursor, erase, modes
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x1b\\|\x9c)  # OSC, DCS, SOS, PM, APC
    | \x1b (?: [ -/]+ [0-~] | [0-OQ-WYZ\\`-~] )                                # charsets, two characters
    """,
    re.VERBOSE,
)
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ESCAPE = re.compile(r"\x1b(?!\[[0-9;:]*m)")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
# Neither blink (5, 6) nor conceal (8), which hides text.
_HARMLESS_SGR = frozenset(
    ["", *map(str, [1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29, *range(30, 38), 39, *range(40, 48), 49, *range(90, 108)])]
)
_EXTENDED = re.compile(r"[34]8[;:](?:5[;:]\d{1,3}|2[;:](?:\d{0,3}[;:])?\d{1,3}[;:]\d{1,3}[;:]\d{1,3})")


def clean(text: str, *, colors: bool = False) -> str:
    r"""Make one line of foreign text safe to draw.

    Carriage returns leave what a terminal would show in the end, known sequences are dropped, and any other
    control character becomes visible (`\x07`).

    Args:
        text: one line; a line break in it becomes a visible `\n`.
        colors: keep harmless colour sequences; the result then ends with a reset if it holds any.
    """
    if text.isprintable():
        return text
    text = _overwritten(text)
    text = _SEQUENCE.sub(_keep_colors if colors else "", text)
    text = _UNSAFE.sub(_visible, text)
    text = _ESCAPE.sub(r"\\x1b", text)
    return f"{text}{RESET}" if "\x1b" in text else text


def clean_block(text: str, *, colors: bool) -> str:
    """Make text of several lines safe to draw, line by line."""
    return "\n".join(clean(line, colors=colors) for line in text.split("\n"))


def spell(name: str) -> str:
    r"""Return a name on one line with nothing dropped: what cannot be printed is escaped (`\x1b`, `\r`, `\u202e`).

    Unlike `clean`, which shows text as a terminal would, two names never look the same.
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def paint(text: str, *styles: str) -> str:
    """Put our own colours around `text` (which has been cleaned): "red", "bold", ..."""
    codes = ";".join(_COLORS[style] for style in styles)
    return f"\x1b[{codes}m{text}{RESET}"


def strip(text: str) -> str:
    """Take colours out."""
    return _SGR.sub("", text)


def fit(text: str, room: int, *, align: Literal["left", "right"] = "left") -> str:
    """Return `text` in exactly `room` columns: padded, or shortened."""
    text = shorten(text, room)
    pad = " " * (room - width(text))
    return pad + text if align == "right" else text + pad


def shorten(text: str, room: int) -> str:
    """Return `text` in at most `room` columns; one that is cut loses its middle and its colours."""
    if width(text) <= room:
        return text
    head = end = strip(text)
    tail = (room - 1) // 2
    while width(head) > room - 1 - tail:
        head = head[:-1]
    while width(end) > tail:
        end = end[1:]
    return f"{head}…{end}"


def width(text: str) -> int:
    """Return how many columns `text` takes on a terminal, colours not counted."""
    plain = strip(text)
    return len(plain) if plain.isascii() else sum(map(_cell, plain))


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _overwritten(text: str) -> str:
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")


def _keep_colors(match: re.Match[str]) -> str:
    sgr = match["sgr"]
    if sgr is None:
        return ""
    rest = _EXTENDED.sub("0", sgr[2:-1])
    return sgr if all(code.lstrip("0") in _HARMLESS_SGR for code in re.split("[;:]", rest)) else ""


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    named = {0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f"}.get(code)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")  # noqa: PLR2004 - Latin-1 ends there
