"""Hides secrets in whatever is printed, recorded or reported.

A secret is searched for in every form of `opsctl.config.encodings`. Everything found is replaced by `***`;
occurrences that overlap or touch become one.

Works on bytes, because children print bytes, and because a secret must be found before anything decodes them.
No pattern holds a line break, since every line of a secret is a pattern of its own: so a stream can be masked line by
line (`opsctl.pipeline.lines`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["HIDDEN", "Masker"]

HIDDEN: Final = "***"


class Masker:
    """Replaces secrets; knows none at first."""

    def __init__(self) -> None:
        self._patterns: list[bytes] = []
        self._known: set[bytes] = set()

    @property
    def longest(self) -> int:
        """Bytes of the longest pattern; 0 when there is nothing to hide."""
        return len(self._patterns[0]) if self._patterns else 0

    def add(self, value: str) -> bool:
        """Hide a secret from now on.

        Returns:
            False when no line of it is long enough to be hidden: the caller must refuse it.
        """
        from opsctl.config.encodings import encodings  # noqa: PLC0415 - 10 ms, and most runs have no secret

        found = encodings(value)
        self._known.update(found)
        self._patterns = sorted(self._known, key=len, reverse=True)
        return bool(found)

    def mask(self, text: str) -> str:
        """Return the text without secrets."""
        if not self._patterns:
            return text
        return self.mask_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def mask_bytes(self, data: bytes) -> bytes:
        """Return the bytes without secrets."""
        spans = self.spans(data)
        if not spans:
            return data
        hidden = HIDDEN.encode()
        parts: list[bytes] = []
        position = 0
        for start, stop in spans:
            parts += (data[position:start], hidden)
            position = stop
        parts.append(data[position:])
        return b"".join(parts)

    def holds(self, text: str) -> bool:
        """Tell whether there is a secret in the text."""
        return bool(self.spans(text.encode("utf-8", "surrogateescape")))

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where secrets are, as start and stop, sorted, with gaps between them."""
        found = [span for pattern in self._patterns for span in _occurrences(pattern, data)]
        return _merge(found) if found else []


def _occurrences(pattern: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    start = data.find(pattern)
    while start >= 0:
        yield start, start + len(pattern)
        start = data.find(pattern, start + 1)


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans.sort()
    merged = [spans[0]]
    for start, stop in spans[1:]:
        first, last = merged[-1]
        if start <= last:
            merged[-1] = (first, max(last, stop))
        else:
            merged.append((start, stop))
    return merged
