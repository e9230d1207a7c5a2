"""What opsctl must know of a Dockerfile before it is built.

That is its instructions with their lines, the images it starts from, and whether it uses what only BuildKit
understands. The engine parses the file anew and has the last word; this reading follows
https://docs.docker.com/reference/dockerfile/ (parser directives, comments, continuation, here-documents).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Dockerfile", "Instruction", "parse"]

_DIRECTIVE = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(\S+)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1")
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?(?:\s+|$)")
_VARIABLE = re.compile(r"\\\$|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})", re.ASCII)

_BUILDKIT_FLAGS: Mapping[str, frozenset[str]] = {
    "RUN": frozenset({"mount", "network", "security", "device"}),
    "COPY": frozenset({"chmod", "link", "parents", "exclude"}),
    "ADD": frozenset({"chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"}),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Args:
        line: where it begins, from 1.
        keyword: in capitals.
        flags: name without dashes -> value, "" for none; the last one counts.
        value: what follows the flags, continuation lines joined.
        text: all of it, continuation lines joined.
        heredoc: it has a here-document.
    """

    line: int
    keyword: str
    flags: Mapping[str, str]
    value: str
    text: str
    heredoc: bool = False


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile as far as it can be read.

    Args:
        instructions: in the order of the file; the classic builder counts its steps like this.
    """

    instructions: tuple[Instruction, ...]

    def line(self, step: int) -> int:
        """Return the line of a step of the classic builder (from 1), 0 when there is none."""
        return self.instructions[step - 1].line if 0 < step <= len(self.instructions) else 0

    def find(self, shown: str) -> int:
        """Return the line of an instruction that a builder shows as text, 0 when there is none or more than one."""
        wanted = " ".join(shown.split())
        lines = [one.line for one in self.instructions if " ".join(one.text.split()) == wanted]
        return lines[0] if len(lines) == 1 else 0

    def bases(self, args: Mapping[str, str], *, target: str = "") -> list[str]:
        """Return the images that the build takes files from, in the order of the file, without its own stages.

        Args:
            args: build arguments given; they override the defaults in the file.
            target: the last stage that counts, "" for all.
        """
        own: set[str] = {"scratch", ""}
        known: dict[str, str] = {}
        found: dict[str, None] = {}
        for number, stage in enumerate(self._stages()):
            for one in stage:
                if one.keyword == "ARG" and number == 0:
                    known |= dict(_declared(one.value, known, args))
                source = _from(one, known) if one.keyword == "FROM" else _source(one)
                if source.lower() not in own and not source.isdigit():
                    found[source] = None
            name = _stage_name(stage)
            own.add(name)
            if number and target.lower() in {name, str(number - 1)} - {""}:
                break
        return list(found)

    def stage_end(self, target: str) -> int:
        """Return the line before which a further instruction of a stage can stand, 0 for the end of the file."""
        stages = self._stages()
        for number, (stage, after) in enumerate(itertools.pairwise(stages[1:])):
            if target.lower() in {_stage_name(stage), str(number)} - {""}:
                return after[0].line
        return 0

    def _stages(self) -> list[list[Instruction]]:
        """Split at each FROM; the first part is what stands before the first one."""
        stages: list[list[Instruction]] = [[]]
        for one in self.instructions:
            if one.keyword == "FROM":
                stages.append([])
            stages[-1].append(one)
        return stages

    def needs_buildkit(self) -> tuple[int, str] | None:
        """Return line and name of the first thing that the classic builder refuses, None where there is none."""
        for one in self.instructions:
            flag = next((name for name in one.flags if name in _BUILDKIT_FLAGS.get(one.keyword, ())), None)
            if flag:
                return one.line, f"{one.keyword} --{flag}"
            if one.heredoc:
                return one.line, f"{one.keyword} <<"
        return None


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile; what makes no sense is left for the engine to refuse."""
    lines = text.removeprefix("\ufeff").split("\n")
    escape = _escape(lines)
    return Dockerfile(tuple(_instruction(*one) for one in _joined(lines, escape)))


def _escape(lines: list[str]) -> str:
    """Parser directives stand before everything else, one a line."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def _joined(lines: list[str], escape: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield first line, text and names of here-documents of each instruction."""
    numbered = iter(enumerate(lines, start=1))
    parts: list[str] = []
    begin = 0
    for number, line in numbered:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):  # both may stand between continuation lines
            continue
        begin = begin or number
        part = line.rstrip() if parts else stripped  # what a continuation line is indented by separates words
        if part.endswith(escape):
            parts.append(part.removesuffix(escape))
            continue
        text = "".join([*parts, part])
        parts = []
        names = _heredocs(text)
        for name in names:
            _skip_to(numbered, name)
        yield begin, text, names
        begin = 0
    if "".join(parts).strip():
        yield begin, "".join(parts), []


def _heredocs(text: str) -> list[str]:
    keyword = text.split(None, 1)[0].upper()
    return [match[2] for match in _HEREDOC.finditer(text)] if keyword in {"RUN", "COPY", "ADD"} else []


def _skip_to(numbered: Iterator[tuple[int, str]], name: str) -> None:
    for _, line in numbered:
        if line.strip() == name:
            return


def _instruction(line: int, text: str, heredocs: list[str]) -> Instruction:
    keyword, *others = text.split(None, 1)
    flags: dict[str, str] = {}
    rest = others[0] if others else ""
    while match := _FLAG.match(rest):
        flags[match[1]] = match[2] or ""
        rest = rest[match.end() :]
    return Instruction(line, keyword.upper(), flags, rest, text, bool(heredocs))


def _declared(value: str, known: Mapping[str, str], args: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for item in value.split():
        name, _, default = item.partition("=")
        yield name, args.get(name, _expand(default.strip("\"'"), known))


def _from(one: Instruction, known: Mapping[str, str]) -> str:
    words = _expand(one.value, known).split()
    return words[0] if words else ""


def _stage_name(stage: list[Instruction]) -> str:
    """Return the name after AS, in lower case, "" for none."""
    words = stage[0].value.lower().split() if stage else []
    return words[2] if len(words) > 2 and words[1] == "as" else ""  # noqa: PLR2004 - image AS name


def _source(one: Instruction) -> str:
    """Return the image or stage that a COPY or a mount reads from, "" for the context."""
    if one.keyword == "COPY":
        return one.flags.get("from", "")
    mount = one.flags.get("mount", "") if one.keyword == "RUN" else ""
    options = dict(part.partition("=")[::2] for part in mount.split(","))
    return options.get("from", "")


def _expand(text: str, known: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            return "$"
        found = known.get(name, "")
        if match[3] == "+":
            return match[4] if found else ""
        return found or (match[4] if match[3] else "")

    return _VARIABLE.sub(value, text)
