"""Path patterns: `*`, `?` and `[...]` stand for characters of one name, `**` for any number of directories.

A pattern also matches what lies below a directory that it matches. As in a shell, a hidden name (one that begins with
a dot) is matched only where the pattern spells the dot; so neither `*` nor `**` reaches `.git` or `.env`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

__all__ = ["Pattern", "is_pattern"]

_WILD = re.compile(r"[*?\[]")
_ANY_DEPTH = "**"


def is_pattern(text: str) -> bool:
    """Say whether `text` has wildcards."""
    return _WILD.search(text) is not None


class Pattern:
    """A pattern of `/`-separated names, compiled.

    Args:
        text: relative, without empty names.
    """

    def __init__(self, text: str) -> None:
        names = text.split("/")
        fixed = next((number for number, name in enumerate(names) if is_pattern(name)), len(names))
        self.directory = "".join(f"{name}/" for name in names[:fixed])
        """The part before the first wildcard: "" or ends in `/`. Everything that can match lies below it."""
        self._names = [_compile(name) for name in names[fixed:]]

    def matches(self, path: str) -> bool:
        """Say whether a path below `directory`, relative to it, is matched."""
        return _match(self._names, path.split("/"))

    def may_enter(self, path: str) -> bool:
        """Say whether something in the directory `path`, relative to `directory`, could be matched."""
        return _may(self._names, path.rstrip("/").split("/"))


def _compile(name: str) -> re.Pattern[str] | None:
    """Return an expression for one name, None for any number of directories."""
    if name == _ANY_DEPTH:
        return None
    hidden = "" if name.startswith(".") else r"(?!\.)"
    return re.compile(hidden + fnmatch.translate(name))


def _match(patterns: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    if not names:
        return False
    if not patterns:
        return not any(name.startswith(".") for name in names)
    head, rest = patterns[0], patterns[1:]
    if head is None:
        deeper = not names[0].startswith(".") and _match(patterns, names[1:])
        return deeper or _match(rest or [_compile("*")], names)
    return head.match(names[0]) is not None and (_ends(rest, names[1:]) or _match(rest, names[1:]))


def _ends(patterns: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    return not patterns and not names


def _may(patterns: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    if not names:
        return True
    if not patterns:
        return not any(name.startswith(".") for name in names)
    head, rest = patterns[0], patterns[1:]
    if head is None:
        deeper = not names[0].startswith(".") and _may(patterns, names[1:])
        return deeper or (bool(rest) and _may(rest, names))
    return head.match(names[0]) is not None and _may(rest, names[1:])
