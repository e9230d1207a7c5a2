"""The console script. Answers `--version` before Click is imported; everything else goes to the boundary."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from opsctl import __version__

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: the words after the program's name; those of this process by default.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"] and _print_version():
        return 0
    from opsctl.cli.boundary import run

    return run(args)


def _print_version() -> bool:
    try:
        sys.stdout.write(f"opsctl {__version__}\n")
        sys.stdout.flush()
    except (OSError, AttributeError):
        return False  # a closed pipe, a full disk, no output at all: the boundary knows what to do
    return True
