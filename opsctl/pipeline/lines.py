"""From the bytes that a child prints to masked lines of text.

A line is masked as soon as it is whole, before it is decoded and before anybody else sees it, so it does not matter
over how many writes a secret was spread. Bytes that are not UTF-8 are replaced. A carriage return ends a line too:
what a progress bar overwrites stays readable, and nothing can hide behind it. Of the escape sequences of terminals
only colours are kept. A line without end is cut, in bounded memory.
"""

from __future__ import annotations

import re
from typing import Final

from opsctl.config.masking import Masker

__all__ = ["LONGEST_LINE", "LineReader", "without_escapes"]

LONGEST_LINE: Final = 256 * 1024
"""Bytes of a line that are kept; more than any compiler or minified file that people want to read in a log."""

_BREAK: Final = re.compile(rb"\r\n|\r|\n")
_ESCAPE: Final = re.compile(
    r"\x1b(?:\[[0-9:;<=>?]*[ -/]*[@-~]"  # CSI: colours, cursor, erase (ECMA-48, 5.4)
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and other strings, up to BEL or ST
    r"|[ -/]*[0-~])?"  # two-character escapes; a lone ESC
)
_COLOR: Final = re.compile(r"\x1b\[[0-9:;]*m")
_UTF8_TAIL: Final = 0b1000_0000
_UTF8_HEAD: Final = 0b1100_0000


def without_escapes(text: str) -> str:
    """Return the text without any escape sequence of a terminal."""
    return _ESCAPE.sub("", text) if "\x1b" in text else text


class LineReader:
    """Cuts one stream into lines.

    Args:
        masker: hides secrets; may learn more while the stream goes on.
        longest: bytes of a line that are kept.
    """

    def __init__(self, masker: Masker, *, longest: int = LONGEST_LINE) -> None:
        self._masker = masker
        self._longest = longest
        self._rest = bytearray()
        self._after_return = False
        self._dropped = -1
        """Bytes of the line at hand that were not kept; -1 while it is not too long."""

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that are whole now."""
        if self._after_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        if chunk.endswith(b"\r"):
            self._after_return = True  # of a "\r\n" whose second half is still to come
        pieces = _BREAK.split(chunk)
        lines = []
        if len(pieces) > 1:
            lines = [*self._finish_line(pieces[0]), *self._texts(pieces[1:-1])]
        self._hold(pieces[-1])
        return lines

    def finish(self) -> list[str]:
        """Return the last line, if the stream did not end with a line break."""
        if not self._rest and self._dropped < 0:
            return []
        return self._finish_line(b"")

    def _hold(self, piece: bytes) -> None:
        """Keep the beginning of a line, as much of it as there is room for."""
        if self._dropped >= 0:
            self._dropped += len(piece)
            return
        self._rest += piece
        if len(self._rest) < self._longest + self._masker.longest:
            return
        # A secret that begins before the limit is whole by now.
        end = self._cut(bytes(self._rest))
        self._dropped = len(self._rest) - end
        del self._rest[end:]

    def _cut(self, line: bytes) -> int:
        """Return where a long line can end without splitting a secret or a character."""
        end = self._longest
        for start, stop in self._masker.spans(line):
            if start < end < stop:
                end = stop
        while end < len(line) and line[end] & _UTF8_HEAD == _UTF8_TAIL:
            end += 1
        return end

    def _finish_line(self, piece: bytes) -> list[str]:
        if self._dropped >= 0:
            dropped = self._dropped + len(piece)
            (text,) = self._texts([self._take()])
            self._dropped = -1
            return [f"{text} … ({dropped} more bytes of this line)"]
        return self._texts([self._take() + piece])

    def _take(self) -> bytes:
        line = bytes(self._rest)
        self._rest.clear()
        return line

    def _texts(self, lines: list[bytes]) -> list[str]:
        if not lines:
            return []
        # One search over all of them costs far less than one for each.
        masked = self._masker.mask_bytes(b"\n".join(lines)).split(b"\n") if self._masker.longest else lines
        return [self._text(line) for line in masked]

    def _text(self, line: bytes) -> str:
        text = line.decode("utf-8", "replace")
        if "\x1b" not in text:
            return text
        bare = without_escapes(text)
        if self._masker.holds(bare):
            return self._masker.mask(bare)  # colours stood inside a secret
        return _ESCAPE.sub(lambda match: match[0] if _COLOR.fullmatch(match[0]) else "", text)
