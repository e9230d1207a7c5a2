"""The options that every command takes, before or after its name, and the settings they add up to.

An option given twice counts where it stands last (`opsctl -o json deploy status -o text` prints text); `--set`
and `-v` add up. Commands never declare these names themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import click
from click.core import ParameterSource

__all__ = ["GLOBAL_OPTIONS", "GlobalOption", "LogFormat", "OutputFormat", "Settings", "short_record"]

OutputFormat = Literal["text", "json", "csv"]
LogFormat = Literal["auto", "plain", "json", "github"]
ColorChoice = Literal["auto", "always", "never"]


class Settings:
    """What the global options of one command line say."""

    __slots__ = ("color", "config", "debug", "log_format", "output", "overrides", "quiet", "verbosity")

    def __init__(self) -> None:
        self.output: OutputFormat = "text"
        self.quiet = False
        self.verbosity = 0
        self.debug = False
        self.log_format: LogFormat = "auto"
        self.color: ColorChoice = "auto"
        self.config: str | None = None
        self.overrides: list[str] = []
        """`key.path=value`, in the order given."""


class GlobalOption(click.Option):
    """An option of every command; it writes into the `Settings` instead of becoming a parameter."""

    def __init__(self, *names: str, store: Callable[[Settings, Any], None], **attrs: Any) -> None:
        super().__init__([f"global_{_slug(names[-1])}", *names], expose_value=False, callback=self._keep, **attrs)
        self._store = store

    def _keep(self, ctx: click.Context, param: click.Parameter, value: Any) -> None:
        source = ctx.get_parameter_source(str(param.name))
        # The environment counts once, at the root: below, it would win over what the command line said before.
        given = source is ParameterSource.COMMANDLINE or (source is ParameterSource.ENVIRONMENT and not ctx.parent)
        if given and ctx.obj is not None:
            self._store(ctx.obj.settings, value)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Show the option in the help of the program only; the others point there."""
        return super().get_help_record(ctx) if ctx.parent is None else None


def short_record(formats: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the line about `-o` in the help of one command, or None if it prints only one format."""
    if len(formats) == 1:
        return None
    return f"-o, --output [{'|'.join(formats)}]", "How the result is printed on standard output."


def _slug(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _setter(name: str) -> Callable[[Settings, Any], None]:
    return lambda settings, value: setattr(settings, name, value)


def _add_verbosity(settings: Settings, count: int) -> None:
    settings.verbosity += count


def _add_overrides(settings: Settings, pairs: tuple[str, ...]) -> None:
    settings.overrides.extend(pairs)


GLOBAL_OPTIONS: tuple[GlobalOption, ...] = (
    GlobalOption(
        "-o",
        "--output",
        store=_setter("output"),
        type=click.Choice(["text", "json", "csv"]),
        help="How the result is printed on standard output; csv where it has rows.  [default: text]",
    ),
    GlobalOption("-q", "--quiet", store=_setter("quiet"), is_flag=True, help="Only warnings, errors and the result."),
    GlobalOption("-v", "--verbose", store=_add_verbosity, count=True, help="Say more about what is done."),
    GlobalOption("--debug", store=_setter("debug"), is_flag=True, help="Say everything, with tracebacks of errors."),
    GlobalOption(
        "--log-format",
        store=_setter("log_format"),
        type=click.Choice(["auto", "plain", "json", "github"]),
        envvar="OPSCTL_LOG_FORMAT",
        show_envvar=True,
        help="How progress is drawn on standard error: a live view on a terminal, workflow commands under GitHub "
        "Actions, plain lines elsewhere, or what you choose.  [default: auto]",
    ),
    GlobalOption(
        "--color",
        store=_setter("color"),
        type=click.Choice(["auto", "always", "never"]),
        help="Colours; auto follows the terminal, NO_COLOR and FORCE_COLOR.  [default: auto]",
    ),
    GlobalOption(
        "--config",
        store=_setter("config"),
        metavar="FILE",
        type=click.Path(),
        help="The project's opsctl.yaml; by default OPSCTL_CONFIG, or the next one upwards.",
    ),
    GlobalOption(
        "--set",
        store=_add_overrides,
        metavar="KEY=VALUE",
        multiple=True,
        help="Replace one value of opsctl.yaml, for example services.web.port=8001. Can be repeated.",
    ),
)
