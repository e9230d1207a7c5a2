"""GitHub Actions workflow commands: a group per piece of work, annotations, and the job summary.

Groups do not nest and cannot interleave, so of several pieces of work that run at once one streams into the open
group while the others are kept back until it is their turn. Everything that is not a command of ours stands
between `::stop-commands::` and its token, so that no output of a child is taken for a command.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opsctl.cli.output.annotations import Annotations, escape_data
from opsctl.cli.output.ansi import clean
from opsctl.cli.output.plain import PlainLines, failure_lines
from opsctl.cli.output.renderer import Failure, Renderer, Write
from opsctl.cli.output.spans import Spans
from opsctl.cli.output.summary import Summary
from opsctl.cli.output.tail import Tail
from opsctl.cli.output.told import Told
from opsctl.errors import Problem
from opsctl.events import Event, Message, SpanFinished, SpanStarted

__all__ = ["GitHubRenderer"]

_KEPT_LINES = 20_000
"""Of a piece of work that waits for its group; older ones are counted, not kept."""


@dataclass(slots=True)
class _Group:
    """The lines of one outermost piece of work that wait for their group."""

    title: str
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    dropped: int = 0
    after: list[str] = field(default_factory=list)
    finished: bool = False

    def add(self, line: str) -> None:
        self.dropped += len(self.lines) == self.lines.maxlen
        self.lines.append(line)

    def drain(self) -> Iterator[str]:
        if self.dropped:
            yield f"... {self.dropped} earlier lines left out ..."
        yield from self.lines
        self.lines.clear()
        self.dropped = 0


class GitHubRenderer:
    """Draws events for the log of a GitHub Actions job.

    Args:
        write: where to.
        colors: use colours; the log of a job shows them.
        verbosity: as for `PlainRenderer`.
        env: environment of the job: GITHUB_WORKSPACE, GITHUB_STEP_SUMMARY.
        cwd: what relative paths of annotations are relative to.
    """

    def __init__(self, write: Write, *, colors: bool, verbosity: int, env: Mapping[str, str], cwd: Path) -> None:
        self._out = _Log(write)
        self._colors = colors
        self._plain = PlainLines(colors=colors, verbosity=verbosity)
        self._annotations = Annotations(env.get("GITHUB_WORKSPACE", ""), cwd)
        self._lock = threading.Lock()
        self._spans = Spans()
        self._tail = Tail(self._spans, colors=colors) if verbosity < 0 else None
        self._told = Told()
        self._groups: dict[str, _Group] = {}
        self._failed = False
        self._summary = Summary(env.get("GITHUB_STEP_SUMMARY", ""))

    def event(self, event: Event) -> None:
        """Draw one event."""
        with self._lock:
            if isinstance(event, SpanStarted):
                self._start(event)
            root = self._spans.root(event.span)
            opens_group = isinstance(event, SpanStarted) and not self._label(event.span, root)
            if not opens_group and not self._as_command(event):
                lines = self._tail.of(event) if self._tail else []
                lines += [(event.span, line) for line in self._plain.of(event)]
                self._add(root, [self._labelled(span, root, line) for span, line in lines])
            self._told.note(event)
            if isinstance(event, SpanFinished):
                self._finish(event, root)

    def fail(self, failure: Failure) -> None:
        """Draw the failure as annotations, where no annotation has told it yet."""
        with self._lock:
            self._summary.fail(failure)
            problems = failure.problems or (Problem("", 0, 0, failure.message, failure.hint),)
            told = [] if self._failed else [self._problem(problem) for problem in problems]
            for command in told:
                if command is not None:
                    self._out.command(command)
            if None in told or not told or failure.traceback:
                self._out.lines(failure_lines(self._told.rest(failure), colors=self._colors))
            self._out.close()

    def _problem(self, problem: Problem) -> str | None:
        text = with_hint(problem.message, problem.hint)
        return self._annotations.make("error", text, file=problem.file, line=problem.line, column=problem.column)

    def pause(self) -> None:
        """Let standard output speak: nothing of it may stand inside a group."""
        with self._lock:
            self._out.close()

    def close(self) -> None:
        """End the open group and write the job summary."""
        with self._lock:
            for root in list(self._groups):
                self._groups[root].finished = True
            self._flush()
            self._out.close()
            self._summary.write()

    def _labelled(self, span: str, root: str, line: str) -> str:
        label = self._label(span, root)
        return f"[{clean(label)}] {line}" if label else line

    def _label(self, span: str, root: str) -> str:
        """Return what stands before a line: nothing where the title of its group says it."""
        if root not in self._groups:
            return self._spans.label(span)
        return "/".join(event.title for event in self._spans.path(span)[1:])

    def _start(self, event: SpanStarted) -> None:
        self._spans.start(event)
        if self._spans.root(event.span) == event.span:
            self._groups[event.span] = _Group(event.title)

    def _finish(self, event: SpanFinished, root: str) -> None:
        label = self._spans.label(event.span)
        self._summary.add(label, event)
        self._spans.finish(event.span)
        if event.status == "failed" and (root == event.span or event.file):
            self._tell_failure(f"{label} failed{': ' if event.detail else ''}{event.detail}", event, root)
        if root == event.span and root in self._groups:
            self._groups[root].finished = True
            self._flush()

    def _tell_failure(self, text: str, event: SpanFinished, root: str) -> None:
        """Annotate a failure, after the group that shows how it came."""
        self._failed = True
        told = with_hint(text, event.hint)
        command = self._annotations.make("error", told, file=event.file, line=event.line)
        if command is None:
            return  # the group and the summary tell it
        if root in self._groups:
            self._groups[root].after.append(command)
        else:
            self._out.command(command)

    def _add(self, root: str, lines: list[str]) -> None:
        group = self._groups.get(root)
        if group is None:
            self._out.lines(lines)
            return
        for line in lines:
            group.add(line)
        self._flush()

    def _flush(self) -> None:
        """Write what may be written: the oldest running group streams, finished ones go out whole when it is done."""
        while self._groups:
            root, group = next(iter(self._groups.items()))
            self._out.open(root, group.title)
            self._out.lines(group.drain())
            if not group.finished:
                return
            self._out.close()
            for command in group.after:
                self._out.command(command)
            del self._groups[root]

    def _as_command(self, event: Event) -> bool:
        if not isinstance(event, Message) or event.level == "info":
            return False
        if event.level == "debug":
            self._out.command(f"::debug::{escape_data(clean(event.text))}")
            return True
        command = self._annotations.make(event.level, with_hint(event.text, event.hint))
        if command is not None:
            self._out.command(command)
        return command is not None


class _Log:
    """The lines of the job's log: one open group at most, and commands of others switched off."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._open = ""
        self._token = ""

    def open(self, key: str, title: str) -> None:
        """Open the group `key`, unless it is the open one."""
        if self._open != key:
            self.close()
            self.command(f"::group::{escape_data(clean(title))}")
            self._open = key

    def lines(self, lines: Iterator[str] | list[str]) -> None:
        """Write text that must not be taken for a command."""
        for line in lines:
            if not self._token:
                self._token = secrets.token_hex(16)
                self._write(f"::stop-commands::{self._token}\n")
            self._write(f"{line}\n")

    def command(self, text: str) -> None:
        """Write a command."""
        if self._token:
            self._write(f"::{self._token}::\n")
            self._token = ""
        self._write(f"{text}\n")

    def close(self) -> None:
        """End the open group and let commands work again."""
        if self._open:
            self.command("::endgroup::")
            self._open = ""
        elif self._token:
            self._write(f"::{self._token}::\n")
            self._token = ""


def with_hint(text: str, hint: str) -> str:
    """Return a message with its cure on a line of its own."""
    return f"{text}\nhint: {hint}" if hint else text


_contract: type[Renderer] = GitHubRenderer
