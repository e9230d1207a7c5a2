"""What the commands that move objects share: ordered filters, types of options, and items on standard output."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from msgspec import structs

from opsctl.cli.groups import Command
from opsctl.cli.output.ansi import spell
from opsctl.cli.output.units import size
from opsctl.cli.scalars import as_size
from opsctl.storage import StoreURL, parse_url

if TYPE_CHECKING:
    from opsctl.cli.runtime import Runtime
    from opsctl.events import Status
    from opsctl.transfer import Done, Filters
    from opsctl.transfer.engine import Each

__all__ = [
    "FilteredCommand",
    "Work",
    "absolute",
    "amount",
    "dry_run",
    "filtered",
    "filters_of",
    "jobs",
    "limited",
    "objects",
    "outside",
    "printer",
    "resolved",
    "show_summary",
    "working",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_R = TypeVar("_R", bound="_Outcome")
_RULES = "opsctl.rules"
_NAMES = {"--include": True, "--exclude": False}


class FilteredCommand(Command):
    """A command with `--include` and `--exclude`, whose order on the command line counts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and remember the rules in their order, which Click keeps for each option apart only."""
        ctx.meta[_RULES] = list(_rules(iter(list(args))))
        return super().parse_args(ctx, args)


def _rules(args: Iterator[str]) -> Iterator[tuple[bool, str]]:
    for arg in args:
        if arg == "--":
            return
        name, equals, value = arg.partition("=")
        if name in _NAMES:
            yield _NAMES[name], value if equals else next(args, "")


def filtered(command: _F) -> _F:
    """Add `--include` and `--exclude`; read them with `filters_of`."""
    for name, does in (("--exclude", "Leave out"), ("--include", "Take")):
        help_text = f"{does} what matches GLOB. Of several --include and --exclude the first that matches decides."
        command = click.option(name, metavar="GLOB", multiple=True, expose_value=False, help=help_text)(command)
    return command


def filters_of(ctx: click.Context) -> Filters:
    """Return the filters that the command line asks for."""
    from opsctl.transfer import Filters, Rule

    return Filters(Rule(include, pattern) for include, pattern in ctx.meta.get(_RULES, ()))


jobs = click.option("-j", "--jobs", type=click.IntRange(1, 256), default=8, show_default=True, help="Objects at once.")
dry_run = click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
limited = click.option("--bwlimit", callback=as_size, metavar="SIZE", help="Bytes a second at most, for example 10MiB.")


def absolute(runtime: Runtime, text: str) -> str:
    """Return a URL whose local path does not depend on the working directory."""
    return str(parse_url(text, base=runtime.cwd))


def outside(text: str) -> bool:
    """Say whether a local path leaves the working directory by `..`."""
    return ".." in parse_url(text).path.split("/")


def resolved(runtime: Runtime, url: StoreURL) -> str:
    """Return a local path without `..`; a link that it ends in is kept."""
    directory, name = os.path.split(str(runtime.cwd / url.path))
    if name == "..":
        return os.path.realpath(f"{directory}/..")
    return f"{os.path.realpath(directory)}/{name}"


def objects(count: int) -> str:
    """Return `1 object`, `2 objects`."""
    return f"{count} object{'' if count == 1 else 's'}"


class _Outcome(Protocol):
    @property
    def failed(self) -> int:
        """How many items failed."""


class Work:
    """Something under way."""

    def __init__(self) -> None:
        self.status: Status = "ok"

    def end(self, result: _R) -> _R:
        """Return the result, after which the work counts as failed if some items of it did."""
        self.status = "failed" if result.failed else "ok"
        return result


@contextmanager
def working(runtime: Runtime, title: str) -> Iterator[Work]:
    """Show that something is under way, and how long it took; the error that ends it is told by who prints errors."""
    from opsctl.events import SpanFinished, SpanStarted

    begin = time.monotonic()
    work = Work()
    runtime.sink(SpanStarted("transfer", title))
    try:
        yield work
    except KeyboardInterrupt:
        work.status = "cancelled"
        raise
    except BaseException:
        work.status = "failed"
        raise
    finally:
        runtime.sink(SpanFinished("transfer", work.status, time.monotonic() - begin))


def printer(runtime: Runtime, line: Callable[[Done], str | None]) -> Each:
    """Return what prints each item: as JSON on a line, or the line that `line` makes of it, if any."""
    as_json = runtime.settings.output == "json"
    everything = runtime.settings.verbosity > 0

    def show(done: Done) -> None:
        if as_json:
            if everything or done.status != "unchanged":
                runtime.show_items([_item(done)], line=str, columns=(), row=list)
        elif line(done) is not None:  # asked first, because most items of a large sync are not shown
            text = line(structs.replace(done, key=spell(done.key), url=spell(done.url))) or ""
            runtime.show_items([text], line=str, columns=(), row=list)

    return show


def _item(done: Done) -> dict[str, Any]:
    item = {"action": done.action, "key": done.key, "status": done.status, "size": done.size}
    more = {name: getattr(done, name) for name in ("reason", "url", "error", "hint", "kind")}
    return {**item, **{name: value for name, value in more.items() if value}}


def show_summary(runtime: Runtime, facts: Mapping[str, Any], text: str) -> None:
    """Print what came of it all: one JSON object on a line, or one line of text."""
    if runtime.settings.output == "json":
        runtime.show_items([{"summary": facts}], line=str, columns=(), row=list)
    else:
        runtime.show_items([text], line=str, columns=(), row=list)


def amount(count: int, total: int) -> str:
    """Return `3 objects, 12 KiB`."""
    return f"{objects(count)}, {size(total)}"
