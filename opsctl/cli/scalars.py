"""Sizes and durations on the command line, spelled as in opsctl.yaml: callbacks for `click.option`."""

from __future__ import annotations

import click

__all__ = ["URL", "as_duration", "as_size"]

URL = click.Path(readable=False)
"""A path or URL, which the shell completes; whether it may be read is for the store to say."""


def as_duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return seconds: `500ms`, `10s`, `5m`, `2h`."""
    from opsctl.config.nodes import ScalarError
    from opsctl.config.scalars import Duration

    try:
        return None if value is None else float(Duration.parse(value))
    except ScalarError as error:
        raise _wrong(error, ctx, param) from error


def as_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return bytes: `512B`, `64KiB`, `1GB`."""
    from opsctl.config.nodes import ScalarError
    from opsctl.config.scalars import Size

    try:
        return None if value is None else int(Size.parse(value))
    except ScalarError as error:
        raise _wrong(error, ctx, param) from error


def _wrong(error: ValueError, ctx: click.Context, param: click.Parameter) -> click.BadParameter:
    hint = getattr(error, "hint", "")
    return click.BadParameter(f"{error} ({hint})" if hint else str(error), ctx, param)
