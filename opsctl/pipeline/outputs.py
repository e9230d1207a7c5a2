"""The outputs of a script: what it wrote to the file that `$OPSCTL_OUTPUT` names.

    version=1.2.3
    notes<<END
    any number of lines
    END

The same form as GitHub's `GITHUB_OUTPUT`, so that scripts can serve both. A name that comes again replaces the first.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Final

from opsctl.errors import StepFailedError

__all__ = ["MAX_BYTES", "drop_outputs", "parse_outputs", "read_outputs"]

MAX_BYTES: Final = 1024 * 1024
"""What GitHub allows, too. Outputs become environment variables; data belongs into files."""

_LINE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_-]*)(?:=(?P<value>.*)|<<(?P<end>\S+))", re.DOTALL)


def read_outputs(path: str) -> dict[str, str]:
    """Return the outputs in a file and remove it; no file means no outputs.

    Raises:
        StepFailedError: it cannot be understood.
    """
    try:
        # The script may have put anything there: a link out of the directory, a pipe that nobody writes to.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - see above
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StepFailedError(f"$OPSCTL_OUTPUT cannot be read: {error.strerror}") from error
    drop_outputs(path)
    if len(data) > MAX_BYTES:
        raise StepFailedError("$OPSCTL_OUTPUT is larger than 1 MiB", hint="pass large values in files")
    try:
        return parse_outputs(data.decode())
    except UnicodeDecodeError as error:
        raise StepFailedError("$OPSCTL_OUTPUT is not UTF-8", hint="pass binary values in files") from error


def drop_outputs(path: str) -> None:
    """Remove the file, if it is there: it may hold what the masker has not seen."""
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a path object for every step costs more than the rest


def parse_outputs(text: str) -> dict[str, str]:
    """Return the outputs that a text says.

    Raises:
        StepFailedError: a line has no form, a block has no end, or a NUL character.
    """
    if "\0" in text:
        raise StepFailedError("$OPSCTL_OUTPUT holds a NUL character", hint="environment variables cannot hold one")
    outputs: dict[str, str] = {}
    lines = iter(enumerate(text.removesuffix("\n").split("\n") if text else [], start=1))
    for number, line in lines:
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match is None:
            if line.strip():
                raise StepFailedError(
                    f"line {number} of $OPSCTL_OUTPUT is neither NAME=VALUE nor NAME<<END",
                    hint="values of several lines need the second form",
                )
        elif match["end"] is None:
            outputs[match["name"]] = match["value"]
        else:
            outputs[match["name"]] = _block(match["name"], match["end"], lines)
    return outputs


def _block(name: str, end: str, lines: Iterator[tuple[int, str]]) -> str:
    found: list[str] = []
    for _, line in lines:
        if line.removesuffix("\r") == end:
            return "\n".join(found)
        found.append(line)
    raise StepFailedError(f"output {name!r} in $OPSCTL_OUTPUT has no end", hint=f"close it with a line {end}")
