"""Which renderer draws the events, and whether it may use colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from opsctl.cli.options import Settings
from opsctl.cli.output.jsonlines import JsonLinesRenderer
from opsctl.cli.output.plain import PlainRenderer
from opsctl.cli.output.renderer import Renderer, Write

__all__ = ["choose_renderer", "in_ci", "verbosity", "wants_color"]


def choose_renderer(settings: Settings, *, stream: TextIO, write: Write, env: Mapping[str, str]) -> Renderer:
    """Return the renderer that the settings ask for, by default the one that suits the stream.

    Args:
        settings: the global options.
        stream: where the log goes.
        write: writes to it.
        env: the environment of the process.
    """
    level = verbosity(settings, env)
    colors = wants_color(settings.color, stream, env)
    if settings.log_format == "json":
        return JsonLinesRenderer(write, verbosity=level)
    return PlainRenderer(write, colors=colors, verbosity=level)


def verbosity(settings: Settings, env: Mapping[str, str]) -> int:
    """Return -1 for --quiet, 1 for -v, 2 for --debug (or a GitHub job that was re-run with debug logging)."""
    if settings.quiet:
        return -1
    if settings.debug or env.get("RUNNER_DEBUG") == "1":
        return 2
    return min(settings.verbosity, 2)


def in_ci(env: Mapping[str, str]) -> bool:
    """Say whether a CI system runs us: nobody watches, nobody can answer."""
    return env.get("CI", "").lower() not in {"", "0", "false"}


def wants_color(choice: str, stream: TextIO, env: Mapping[str, str]) -> bool:
    """Decide on colours for one stream.

    `--color` wins, then NO_COLOR (https://no-color.org: any value that is not empty), then FORCE_COLOR
    (https://force-color.org), then whether the stream is a terminal that can show them.
    """
    if choice != "auto":
        return choice == "always"
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR", "") not in {"", "0"}:
        return True
    return stream.isatty() and env.get("TERM", "") not in {"", "dumb"}
