"""Numbers as people read them: sizes, durations, times."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["duration", "size", "timestamp"]

_STEP = 1024.0
_TENTHS_BELOW = 9.95
_MILLISECONDS_BELOW = 0.9995


def size(count: float) -> str:
    """Return bytes in binary units, at most four digits: `0 B`, `999 B`, `1.5 KiB`, `12 MiB`."""
    if abs(count) < _STEP:
        return f"{count:.0f} B"
    value, unit = count, ""
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):  # noqa: B007 - the unit reached is the answer
        value /= _STEP
        if abs(value) < _STEP - 0.5:
            break
    return f"{value:.1f} {unit}" if abs(value) < _TENTHS_BELOW else f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """Return a duration: `8 ms`, `1.2s`, `42s`, `3m05s`, `2h07m`."""
    if seconds < _MILLISECONDS_BELOW:
        return f"{seconds * 1000:.0f}ms"
    if seconds < _TENTHS_BELOW:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as local time to the second, `2026-01-31 09:05:07`."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
