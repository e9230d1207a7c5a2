r"""Which objects of a tree are meant: ordered rules to include and exclude, the first that matches decides.

    *.log           files and directories of this name, anywhere
    build/          directories of this name, anywhere
    /build  a/b*    only from the top: a `/` at the front or inside ties a pattern to it
    a/**/z          any number of directories in between
    a/**            everything below a; the same as /a/

`*` and `?` stand for characters of one name, `[...]` for one of several, `\` for the next character as it is. A pattern
that matches a directory covers everything below it. What no rule matches goes the other way than the last rule: after
`--include '*.whl'` alone nothing else is meant, after `--exclude '*.tmp'` everything else is.

Hidden names are like any other here, unlike in `opsctl.transfer.patterns`, which does as a shell does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opsctl.errors import UsageError

__all__ = ["Filters", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One `--include` or `--exclude`.

    Args:
        include: which of the two.
        pattern: as it was given.
    """

    include: bool
    pattern: str


class Filters:
    """Rules, compiled.

    Args:
        rules: in order.

    Raises:
        UsageError: a pattern is empty or has an open `[`.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = [(rule.include, _Glob(rule.pattern)) for rule in rules]
        self._rest = not self._rules[-1][0] if self._rules else True

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rules)

    def wants(self, key: str) -> bool:
        """Say whether the object `key` is meant."""
        for include, glob in self._rules:
            if glob.matches(key):
                return include
        return self._rest

    def enters(self, directory: str) -> bool:
        """Say whether anything below `directory`, which ends in `/`, can be meant."""
        for include, glob in self._rules:
            if glob.covers(directory):
                return include
            if include and glob.reaches(directory):
                return True
        return self._rest


class _Glob:
    def __init__(self, text: str) -> None:
        names, only_directories, anchored = _parsed(text)
        self._anchored = anchored
        self._names = [None if name == "**" else re.compile(_name(name, text), re.DOTALL) for name in names]
        body = "".join(_segment(name, text) for name in names).removesuffix("/")
        start = "" if anchored else "(?:.*/)?"
        self._below = re.compile(f"{start}{body}/.*", re.DOTALL)
        self._exact = None if only_directories else re.compile(f"{start}{body}", re.DOTALL)

    def matches(self, key: str) -> bool:
        if self._exact is not None and self._exact.fullmatch(key):
            return True
        return self._below.fullmatch(key) is not None

    def covers(self, directory: str) -> bool:
        return self._below.fullmatch(directory) is not None

    def reaches(self, directory: str) -> bool:
        """Say whether something below `directory` could match."""
        if not self._anchored:
            return True
        for pattern, name in zip(self._names, directory.rstrip("/").split("/"), strict=False):
            if pattern is None:
                return True
            if not pattern.fullmatch(name):
                return False
        return True


def _parsed(text: str) -> tuple[list[str], bool, bool]:
    """Return the names of a pattern, whether it means directories only, and whether it is tied to the top."""
    anchored = text.startswith("/")
    body = text.removeprefix("/")
    only_directories = body.endswith("/")
    body = body.rstrip("/")
    while body.endswith("/**"):
        body, only_directories, anchored = body[:-3], True, True
    anchored = anchored or "/" in body
    names: list[str] = []
    for name in ("*" if body == "**" else body).split("/"):
        if name != "**" or names[-1:] != ["**"]:
            names.append(name)
    if "" in names:
        raise UsageError(f"{text!r} is no pattern", hint="for example '*.log', 'build/' or 'src/**/*.o'")
    return names, only_directories, anchored


def _segment(name: str, text: str) -> str:
    return "(?:[^/]+/)*" if name == "**" else f"{_name(name, text)}/"


def _name(name: str, text: str) -> str:
    """Return the expression of one name."""
    made: list[str] = []
    rest = name
    while rest:
        piece, rest = _piece(rest, text)
        made.append(piece)
    return "".join(made)


def _piece(rest: str, text: str) -> tuple[str, str]:
    head, tail = rest[0], rest[1:]
    if head == "*":
        return "[^/]*", tail.lstrip("*")
    if head == "?":
        return "[^/]", tail
    if head == "\\" and tail:
        return re.escape(tail[0]), tail[1:]
    return _bracket(tail, text) if head == "[" else (re.escape(head), tail)


def _bracket(tail: str, text: str) -> tuple[str, str]:
    end = tail.find("]", 2 if tail[:1] in {"!", "^"} else 1)
    if end < 0:
        raise UsageError(f"{text!r} has a '[' without a ']'", hint=r"write '\[' for the character itself")
    inside, negated = tail[:end], tail[0] in {"!", "^"}
    letters = _escaped(inside[1:] if negated else inside)
    made = f"(?!/)[{'^' if negated else ''}{letters}]"
    try:
        re.compile(made)
    except re.error as error:
        raise UsageError(f"{text!r} is no pattern: {error.msg}", hint=r"write '\[' for the character itself") from None
    return made, tail[end + 1 :]


def _escaped(letters: Sequence[str]) -> str:
    # A dash between two characters is a range; everything else that regular expressions know is plain here.
    return "".join(letter if letter == "-" else re.escape(letter) for letter in letters)
