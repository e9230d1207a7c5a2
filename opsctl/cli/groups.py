"""Click classes that import a command only when it runs.

A group knows the names and summaries of its commands from a static table, so `--help`, TAB and a wrong name
import no command module (Click's own lazy groups import every one of them for the first two).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import click

from opsctl.cli.options import GLOBAL_OPTIONS, short_record

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["Branch", "Command", "DefaultCommandGroup", "Entry", "HelpWanted", "HintedUsageError", "LazyGroup"]

_SEE_ROOT = "Options of every command (-q, -v, --debug, --config, --set, --log-format, --color): opsctl --help"


class Entry(NamedTuple):
    """One command of the table.

    Args:
        target: "module:attribute" of a `click.Command`.
        summary: one line, the same as the first sentence of the command's help.
    """

    target: str
    summary: str


class Branch(NamedTuple):
    """A word with commands below it.

    Args:
        summary: one line.
        commands: name -> command.
        default: the command that is run when the first word is none of `commands`; None refuses such words.
    """

    summary: str
    commands: Mapping[str, Entry]
    default: Entry | None = None


class HintedUsageError(click.UsageError):
    """A command line that makes no sense, with the cure."""

    def __init__(self, message: str, ctx: click.Context, *, hint: str = "") -> None:
        super().__init__(message, ctx)
        self.hint = hint


class HelpWanted(click.UsageError):
    """A group was called without a command; its message is the help page."""


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        ctx.obj.print(ctx.get_help())
        ctx.exit()


_HELP = click.Option(
    ["global_help", "-h", "--help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this page.",
)
"""Instead of Click's own, which would write past the runtime."""


class _WithGlobals(click.Command):
    """Adds `--help` and the global options to a command or group."""

    def __init__(self, name: str | None, **attrs: Any) -> None:
        attrs["add_help_option"] = False
        if attrs.get("help"):
            # Click's mark "do not wrap" is a backspace; help pages are raw docstrings, where `\b` is two characters.
            attrs["help"] = attrs["help"].replace("\\b\n", "\b\n")
        super().__init__(name, **attrs)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), _HELP, *GLOBAL_OPTIONS]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # Click leaves it out of some, and with it the way to the help
            raise


class Command(_WithGlobals):
    """A command: use it as `@click.command(cls=Command, formats=("text", "json", "csv"))`.

    Args:
        formats: values of `-o` that make sense here; the first one is the default.
    """

    def __init__(self, name: str | None, *, formats: tuple[str, ...] = ("text", "json"), **attrs: Any) -> None:
        super().__init__(name, **attrs)
        self.formats = formats

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, unless the output format asked for is one that it does not have."""
        asked = ctx.obj.settings.output if ctx.obj is not None else self.formats[0]
        if asked not in self.formats:
            message = f"'{ctx.command_path}' does not print {asked}"
            raise HintedUsageError(message, ctx, hint=f"-o takes {' or '.join(self.formats)} here")
        if ctx.obj is not None:
            ctx.obj.begin()
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write its own options and `-o`."""
        records = [param.get_help_record(ctx) for param in self.get_params(ctx) if isinstance(param, click.Option)]
        lines = [record for record in [*records, short_record(self.formats)] if record is not None]
        with formatter.section("Options"):
            formatter.write_dl(lines)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog and where the global options are explained."""
        super().format_epilog(ctx, formatter)
        _write_see_root(formatter)


class LazyGroup(_WithGlobals, click.Group):
    """A group over a static table.

    Args:
        name: its word on the command line.
        table: name -> command or branch.
        attrs: what `click.Group` takes.
    """

    def __init__(self, name: str, table: Mapping[str, Entry | Branch], **attrs: Any) -> None:
        super().__init__(name, **attrs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, or make the group below."""
        del ctx
        found = self.table.get(cmd_name)
        if isinstance(found, Branch):
            return make_group(cmd_name, found)
        return load(found) if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Raises:
            HintedUsageError: there is none.
        """
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            hint = near(name, self.table) or f"see '{ctx.command_path} --help'"
            raise HintedUsageError(f"'{ctx.command_path}' has no command {name!r}", ctx, hint=hint)
        return (name if command else None), command, args[1:]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse its options; without any word there is nothing to do but to show the help."""
        if not args and not ctx.resilient_parsing:
            raise HelpWanted(ctx.get_help(), ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, which people look for, before the options."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and summaries from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.summary) for name, found in self.table.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where the global options are explained."""
        super().format_epilog(ctx, formatter)
        if ctx.parent is not None:
            _write_see_root(formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete names from the table, options as Click does."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.table if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.table[name].summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


class DefaultCommandGroup(LazyGroup):
    """A group whose unknown first word belongs to a default command: `opsctl deploy web` beside `opsctl deploy status`.

    The default command is called as if it were the group itself, so its usage reads `opsctl deploy SERVICE`.
    """

    def __init__(self, name: str, table: Mapping[str, Entry | Branch], *, default: Entry, **attrs: Any) -> None:
        super().__init__(name, table, **attrs)
        self.default = default

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context of this group, or of the default command when the words are meant for it."""
        word = first_word(args)
        if word is None or word in self.table:
            return super().make_context(info_name, args, parent, **extra)
        if parent is not None and parent.obj is not None:
            parent.obj.suggestion = near(word, self.table, prefix=f"{parent.command_path} {self.name} ")
        return load(self.default).make_context(info_name, args, parent, **extra)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both ways to call it."""
        pieces = load(self.default).collect_usage_pieces(ctx)
        formatter.write_usage(ctx.command_path, " ".join(pieces))
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix=" " * len("Usage: "))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the default command."""
        load(self.default).format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the default command, then the commands."""
        load(self.default).format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the commands, and what the default command takes."""
        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            return items
        arguments = [param for param in load(self.default).params if isinstance(param, click.Argument)]
        return items + (arguments[0].shell_complete(ctx, incomplete) if arguments else [])


def make_group(name: str, branch: Branch, **attrs: Any) -> LazyGroup:
    """Make the group of one branch of the table."""
    table = cast("Mapping[str, Entry | Branch]", branch.commands)
    attrs = {"short_help": branch.summary, "help": branch.summary, **attrs}
    if branch.default is None:
        return LazyGroup(name, table, **attrs)
    return DefaultCommandGroup(name, table, default=branch.default, **attrs)


def load(entry: Entry) -> click.Command:
    """Import the command of a table entry."""
    module, _, attribute = entry.target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.target} is not a Click command")
    return command


def near(word: str, names: Iterable[str], *, prefix: str = "") -> str:
    """Return a hint with the name that `word` was probably meant to be, or ""."""
    import difflib

    close = difflib.get_close_matches(word, list(names), n=1)
    return f"did you mean '{prefix}{close[0]}'?" if close else ""


def first_word(args: list[str]) -> str | None:
    """Return the first word after leading global options, None when only they (or a request for help) are there.

    An option that is not global is returned as well: it is one of the default command.
    """
    rest = iter(args)
    for word in rest:
        if word in _HELP.opts:
            return None
        kind = _global_kind(word)
        if kind == "other":
            return word
        if kind == "with value":
            next(rest, None)
    return None


def _global_kind(word: str) -> Literal["other", "complete", "with value"]:
    """Say whether `word` is a global option, and whether the next word is its value."""
    takes_value = {name: not (option.is_flag or option.count) for option in GLOBAL_OPTIONS for name in option.opts}
    name, equals, _ = word.partition("=")
    if name in takes_value:
        return "with value" if takes_value[name] and not equals else "complete"
    if word.startswith("--") or not word.startswith("-"):
        return "other"
    for index, letter in enumerate(word[1:], start=2):  # -qv, -vojson
        if f"-{letter}" not in takes_value:
            return "other"
        if takes_value[f"-{letter}"]:
            return "complete" if word[index:] else "with value"
    return "complete"


def _write_see_root(formatter: click.HelpFormatter) -> None:
    formatter.write_paragraph()
    formatter.write_text(_SEE_ROOT)
