"""Which renderer draws the events, and whether it may use colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from opsctl.cli.options import LogFormat, Settings
from opsctl.cli.output.jsonlines import JsonLinesRenderer
from opsctl.cli.output.logstream import LogStream
from opsctl.cli.output.plain import PlainRenderer
from opsctl.cli.output.renderer import Renderer

__all__ = ["choose_renderer", "in_ci", "verbosity", "wants_color"]


def choose_renderer(settings: Settings, *, stream: LogStream, env: Mapping[str, str], cwd: Path) -> Renderer:
    """Return the renderer that the settings ask for, by default the one that suits the stream.

    Args:
        settings: the global options.
        stream: where the log goes.
        env: the environment of the process.
        cwd: what relative paths in events are relative to.
    """
    level = verbosity(settings, env)
    log_format = _suitable(env) if settings.log_format == "auto" else settings.log_format
    if log_format == "json":
        return JsonLinesRenderer(stream.write, verbosity=level)
    if log_format == "github":
        from opsctl.cli.output.github import GitHubRenderer

        colors = wants_color(settings.color, env, terminal=True)  # the log of a job shows colours
        return GitHubRenderer(stream.write, colors=colors, verbosity=level, env=env, cwd=cwd)
    colors = wants_color(settings.color, env, terminal=is_terminal(stream, env))
    if settings.log_format == "auto" and level >= 0 and is_terminal(stream, env) and not in_ci(env):
        from opsctl.cli.output.live import LiveRenderer

        return LiveRenderer(stream, colors=colors, verbosity=level)
    return PlainRenderer(stream.write, colors=colors, verbosity=level)


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


def is_terminal(stream: TextIO | LogStream, env: Mapping[str, str]) -> bool:
    """Say whether `stream` is a terminal that understands more than text."""
    return stream.isatty() and env.get("TERM", "") not in {"", "dumb"}


def wants_color(choice: str, env: Mapping[str, str], *, terminal: bool) -> bool:
    """Decide on colours.

    `--color` wins, then NO_COLOR (https://no-color.org: any value that is not empty), then FORCE_COLOR
    (https://force-color.org), then whether somebody sees them.
    """
    if choice != "auto":
        return choice == "always"
    if env.get("NO_COLOR"):
        return False
    return terminal or env.get("FORCE_COLOR", "") not in {"", "0"}


def _suitable(env: Mapping[str, str]) -> LogFormat:
    # A step of a pipeline: whoever runs it draws what we say, and takes our commands for text.
    inside = "OPSCTL_STEP_ID" in env
    return "github" if env.get("GITHUB_ACTIONS") == "true" and not inside else "plain"
