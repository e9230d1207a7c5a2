"""What a command gets: the streams, the settings, the project, and the two ways to speak.

Events go to `sink` and are drawn on standard error; the result goes to `show` and is printed on standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from opsctl.cli.options import Settings

if TYPE_CHECKING:
    from msgspec import Struct

    from opsctl.cli.output.renderer import Renderer
    from opsctl.cli.output.table import Table
    from opsctl.config.project import LoadedProject
    from opsctl.events import Sink
    from opsctl.storage import StoreOptions

__all__ = ["OutputClosedError", "Runtime"]

T = TypeVar("T")


def _null(mode: str) -> TextIO:
    # A stream that the caller has closed. Opened first, it also takes the descriptor, so that nothing else gets it.
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123 - lives as long as the process


class OutputClosedError(Exception):
    """Standard output cannot be written any more; `__cause__` is the OSError."""


class Runtime:
    """The process surroundings of one command line, as one object that a test can replace.

    Args:
        stdin: standard input.
        stdout: for results.
        stderr: for everything else.
        env: environment variables.
        cwd: working directory, None when it was removed.
    """

    def __init__(
        self, *, stdin: TextIO, stdout: TextIO, stderr: TextIO, env: Mapping[str, str], cwd: Path | None
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.env = env
        self._cwd = cwd
        self.settings = Settings()
        self.args: list[str] = []
        """The words after the program's name, for reports."""
        self.suggestion = ""
        """What the user may have meant, for the hint of an error about a name that is not there."""

    @classmethod
    def of_process(cls) -> Runtime:
        """Return the surroundings of this process."""
        stdin, stdout, stderr = sys.stdin or _null("r"), sys.stdout or _null("w"), sys.stderr or _null("w")
        try:
            cwd = Path.cwd()
        except FileNotFoundError:
            cwd = None
        return cls(stdin=stdin, stdout=stdout, stderr=stderr, env=os.environ, cwd=cwd)

    def begin(self) -> None:
        """Get ready for a command: what libraries say from now on goes to the sink."""
        from opsctl.cli.strays import catch_strays

        catch_strays(self)

    @property
    def cwd(self) -> Path:
        """The working directory.

        Raises:
            LocalIOError: it was removed.
        """
        if self._cwd is None:
            from opsctl.errors import LocalIOError

            raise LocalIOError("the working directory is not there any more", hint="change to one that is")
        return self._cwd

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: both ends are a terminal and no CI system runs us."""
        from opsctl.cli.output.choice import in_ci

        return self.stdin.isatty() and self.stderr.isatty() and not in_ci(self.env)

    @property
    def colors(self) -> bool:
        """Whether results on standard output may be coloured."""
        from opsctl.cli.output.choice import is_terminal, wants_color

        return wants_color(self.settings.color, self.env, terminal=is_terminal(self.stdout, self.env))

    @cached_property
    def renderer(self) -> Renderer:
        """What draws on standard error; made when first used, from the settings of that moment."""
        from opsctl.cli.output.choice import choose_renderer
        from opsctl.cli.output.logstream import LogStream

        return choose_renderer(self.settings, stream=LogStream(self.stderr), env=self.env, cwd=self._cwd or Path("/"))

    @property
    def sink(self) -> Sink:
        """Give this to services: it draws their events."""
        return self.renderer.event

    def load_project(self, *, targets: bool = True) -> LoadedProject:
        """Load the project that `--config` names, or the one around the working directory, with `--set` applied.

        What is allowed but hardly meant is told as a warning.

        Args:
            targets: check the options of every deploy target too; a command that never deploys need not import them.

        Raises:
            ConfigError: there is none, or it is wrong.
            UsageError: a `--set` that is not PATH=VALUE.
        """
        from opsctl.config.project import load_project
        from opsctl.events import Message
        from opsctl.plugins import DEPLOY_TARGETS
        from opsctl.storage.rules import STORE_RULES

        loaded = load_project(
            Path(self.settings.config) if self.settings.config else None,
            cwd=self.cwd,
            overrides=self.settings.overrides,
            env=self.env,
            target_models=(lambda kind: cast("type[Struct]", DEPLOY_TARGETS.load(kind).options)) if targets else None,
            store_rules=STORE_RULES,
        )
        for warning in loaded.warnings:
            self.sink(Message("", str(warning), level="warning", hint=warning.hint))
        return loaded

    def store_options(self) -> StoreOptions:
        """Return the options of stores in the project; none where there is no project, because stores work without.

        Raises:
            ConfigError: there is a project, but it is wrong.
        """
        return self.load_project(targets=False).project.stores if self.has_project() else {}

    def has_project(self) -> bool:
        """Say whether there is a project file around, or the user says that there is one."""
        from opsctl.config.project import find_project
        from opsctl.errors import ConfigError

        if self.settings.config or self.settings.overrides:
            return True
        try:
            find_project(self.cwd, env=self.env)
        except ConfigError:
            return False
        return True

    def show(
        self,
        result: T,
        *,
        text: Callable[[T], str | Table],
        rows: Callable[[T], Table] | None = None,
    ) -> None:
        """Print the result of a command, in the format that the user asked for.

        Args:
            result: anything that msgspec can encode; `-o json` prints it as one document.
            text: makes the text for people; a `Table` is fitted to the terminal.
            rows: makes the table for `-o csv`; not needed where `text` makes one.
        """
        from opsctl.cli.output.results import encode_csv, encode_json, encode_text

        match self.settings.output:
            case "json":
                self.print(encode_json(result))
            case "csv":
                table = (rows or text)(result)
                self.write(encode_csv(table, terminal=self.stdout.isatty()))
            case _:
                self.print(encode_text(text(result), colors=self.colors, columns=self.columns))

    def show_items(
        self,
        items: Iterable[T],
        *,
        line: Callable[[T], str],
        columns: Sequence[str],
        row: Callable[[T], Sequence[Any]],
    ) -> None:
        """Print items one by one as they come: lines, one JSON object a line, or CSV rows.

        Args:
            items: anything that msgspec can encode.
            line: one line about an item for people; it is made safe here.
            columns: header of the CSV.
            row: CSV fields of one item.
        """
        from opsctl.cli.output.ansi import clean
        from opsctl.cli.output.results import encode_csv_row, encode_json_line

        colors, terminal = self.colors, self.stdout.isatty()
        if self.settings.output == "csv":
            self.write(encode_csv_row(columns, terminal=terminal))
        for item in items:
            match self.settings.output:
                case "json":
                    self.print(encode_json_line(item))
                case "csv":
                    self.write(encode_csv_row(row(item), terminal=terminal))
                case _:
                    self.print(clean(line(item), colors=colors))

    @property
    def columns(self) -> int | None:
        """Width that results should fit: COLUMNS, else the terminal's; None when nothing has to fit."""
        given = self.env.get("COLUMNS", "")
        if given.isdecimal() and int(given) > 0:
            return int(given)
        if not self.stdout.isatty():
            return None
        return os.get_terminal_size(self.stdout.fileno()).columns or None

    def print(self, text: str) -> None:
        """Write a line of the result."""
        self.write(f"{text}\n")

    def write(self, text: str) -> None:
        """Write text of the result as it is.

        Raises:
            OutputClosedError: standard output is a closed pipe or a full disk.
        """
        self._settle()
        try:
            self.stdout.write(text)
        except OSError as error:
            raise OutputClosedError from error

    def write_bytes(self, data: bytes) -> None:
        """Write bytes of the result as they are.

        Raises:
            OutputClosedError: standard output is a closed pipe or a full disk.
        """
        self._settle()
        try:
            self.stdout.flush()
            self.stdout.buffer.write(data)
        except OSError as error:
            raise OutputClosedError from error

    def finish(self) -> None:
        """Close the live view and flush the result.

        Raises:
            OutputClosedError: standard output is a closed pipe or a full disk.
        """
        if "renderer" in self.__dict__:
            self.renderer.close()
        try:
            self.stdout.flush()
        except OSError as error:
            raise OutputClosedError from error

    def _settle(self) -> None:
        if "renderer" in self.__dict__:
            self.renderer.pause()
