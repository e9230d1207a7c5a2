"""Which files of a build context stay behind: `.dockerignore`, by Docker's rules.

The rules are those of the documentation (https://docs.docker.com/build/concepts/context/#dockerignore-files) and,
where it is silent, what Docker's matcher does while it walks a context (github.com/moby/patternmatcher,
`MatchesUsingParentResults`; BuildKit's walk in github.com/tonistiigi/fsutil, `filter.go`):

- one pattern a line; white space around it is cut, a line that begins with `#` is a comment, `/a` is `a`;
- a pattern matches a whole path, as Go's `filepath.Match` does; `*` and `?` stop at `/`, `**` does not;
- what matches a directory goes for all below it;
- the last pattern that matches decides; one that begins with `!` takes files back, but is looked at only where an
  earlier one has excluded the path or its directory.

The classic builder of the docker command never looks into an excluded directory for exceptions with a wildcard
(`secrets`, `!**/*.pub`); BuildKit does, and so does this module.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsctl.errors import ConfigError, LocalIOError, Problem

__all__ = ["NOTHING", "IgnoreRules", "PatternError", "Verdict", "find", "parse", "read"]

NAME = ".dockerignore"

_BOM = "\ufeff"
_WILD = re.compile(r"[*?\[\]\\]")


class PatternError(ValueError):
    """A line is not a pattern; the message says why."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One line.

    Args:
        text: cleaned, without the `!`.
        negated: it takes files back.
        regex: matches whole paths.
    """

    text: str
    negated: bool
    regex: re.Pattern[str]

    @property
    def prefix(self) -> str:
        """Path up to the last part when that is all wild ("docs/*" -> "docs")."""
        return self.text.removesuffix("/**").removesuffix("/*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one path.

    Args:
        ignored: it stays behind.
        matched: which patterns matched it or a directory above; what its children are judged with.
    """

    ignored: bool
    matched: tuple[bool, ...]


class IgnoreRules:
    """The patterns of one file, in their order."""

    def __init__(self, patterns: Sequence[_Pattern]) -> None:
        self._patterns = tuple(patterns)
        exceptions = [pattern.prefix for pattern in patterns if pattern.negated]
        self._reach = tuple(f"{prefix}/" for prefix in exceptions)
        self._wild_exceptions = any(_WILD.search(prefix) for prefix in exceptions)

    def judge(self, path: str, parent: Verdict | None = None) -> Verdict:
        """Judge a path whose directory has been judged before.

        Args:
            path: relative to the context, with `/`.
            parent: verdict on its directory, None at the top.
        """
        ignored = False
        matched = []
        above = parent.matched if parent else (False,) * len(self._patterns)
        for pattern, inherited in zip(self._patterns, above, strict=True):
            # A pattern that could not change anything is not looked at, so its match is not inherited either.
            hit = inherited or (pattern.negated is ignored and pattern.regex.fullmatch(path) is not None)
            ignored = not pattern.negated if hit else ignored
            matched.append(hit)
        return Verdict(ignored, tuple(matched))

    def ignores(self, path: str) -> bool:
        """Whether a path stays behind, judged with all directories above it."""
        parts = path.split("/")
        verdict: Verdict | None = None
        for depth in range(1, len(parts) + 1):
            verdict = self.judge("/".join(parts[:depth]), verdict)
        return verdict is not None and verdict.ignored

    def may_keep_below(self, directory: str) -> bool:
        """Whether an exception could take back something below an ignored directory."""
        return self._wild_exceptions or any(reach.startswith(f"{directory}/") for reach in self._reach)


NOTHING = IgnoreRules(())
"""The rules that ignore nothing."""


def parse(text: str) -> IgnoreRules:
    """Return the rules of an ignore file.

    Raises:
        PatternError: a line is not a pattern.
    """
    return IgnoreRules([_compile(line) for _, line in _lines(text)])


def read(path: Path) -> IgnoreRules:
    """Return the rules of an ignore file on disk.

    Raises:
        ConfigError: some of its lines are not patterns.
        LocalIOError: it cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise LocalIOError(f"cannot read {path}: {error.strerror}") from error
    patterns: list[_Pattern] = []
    problems: list[Problem] = []
    for number, line in _lines(text):
        try:
            patterns.append(_compile(line))
        except PatternError as error:
            problems.append(Problem(str(path), number, 1, str(error), "see docs.docker.com: .dockerignore files"))
    if problems:
        raise ConfigError(problems)
    return IgnoreRules(patterns)


def find(context: Path, dockerfile: Path) -> Path | None:
    """Return the ignore file of a build: `<Dockerfile>.dockerignore` before the context's `.dockerignore`."""
    own = dockerfile.with_name(f"{dockerfile.name}{NAME}")
    return next((path for path in (own, context / NAME) if path.is_file()), None)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(text.removeprefix(_BOM).split("\n"), start=1):
        # A comment begins in the first column; an indented `#` is part of a name.
        if not raw.startswith("#") and raw.strip():
            yield number, raw.strip()


def _compile(line: str) -> _Pattern:
    negated = line.startswith("!")
    text = line.removeprefix("!").strip() if negated else line
    if not text:
        raise PatternError("'!' needs a pattern")
    text = _clean(text)
    return _Pattern(text, negated, re.compile(_regex(text), re.DOTALL))


def _clean(text: str) -> str:
    """Make it relative to the context and take out `.` and `..`."""
    # normpath keeps a double slash at the start, which POSIX allows to mean something.
    text = posixpath.normpath(re.sub(r"^/+", "/", text))
    return text.removeprefix("/") or text


def _regex(text: str) -> str:
    plain = text.removeprefix("**")
    if plain != text and not _WILD.search(plain):
        # `**name` also ends in the middle of a name; `**/name` does not.
        return rf"(?:.*/)?{re.escape(plain[1:])}" if plain.startswith("/") else rf".*{re.escape(plain)}"
    out = []
    at = 0
    while at < len(text):
        piece, at = _next(text, at)
        out.append(piece)
    return "".join(out)


def _next(text: str, at: int) -> tuple[str, int]:
    """Translate what begins at `at`, and say where it ends."""
    match text[at]:
        case "*" if text.startswith("**", at):
            after = at + 3 if text.startswith("/", at + 2) else at + 2
            return (r"(?:.*/)?" if after < len(text) else ".*"), after
        case "*":
            return "[^/]*", at + 1
        case "?":
            return "[^/]", at + 1
        case "[":
            return _class(text, at + 1)
        case "\\":
            return re.escape(_escaped(text, at)), at + 2
        case char:
            return re.escape(char), at + 1


def _class(text: str, at: int) -> tuple[str, int]:
    """Translate a class (`[a-c]`, `[^x]`) whose first character is at `at`."""
    negated = text.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not (ranges and text.startswith("]", at)):
        low, at = _member(text, at)
        high = low
        if text.startswith("-", at):
            high, at = _member(text, at + 1)
        if high < low:
            raise PatternError(f"range {low}-{high} in {text!r} is empty")
        ranges.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    """Return one character of a class and where it ends; `-` and `]` must be escaped."""
    if at >= len(text) or text[at] in "-]":
        raise PatternError(f"class in {text!r} is not complete")
    char = _escaped(text, at) if text[at] == "\\" else text[at]
    at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise PatternError(f"class in {text!r} is not complete")
    return char, at


def _escaped(text: str, at: int) -> str:
    if at + 1 >= len(text):
        raise PatternError(f"{text!r} ends with a backslash")
    return text[at + 1]
