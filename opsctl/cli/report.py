"""The report that a bug leaves behind: versions, the command line and the traceback, without secrets."""

from __future__ import annotations

import itertools
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from opsctl import __version__

__all__ = ["redact", "write_report"]

_MASK = "***"
_SECRET_NAME = re.compile(
    r"secret|token|passw|credential|api[_-]?key|access[_-]?key|private|auth|signature|\bsig\b", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:sig|token|secret|credential|signature|key)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)
_SHORTEST = 4
"""Shorter values are not secrets, and masking them would eat the report."""

_LIBRARIES = ("click", "PyYAML", "msgspec", "rich", "boto3", "google-cloud-storage", "azure-storage-blob", "docker")


def write_report(error: BaseException, args: list[str], env: Mapping[str, str]) -> Path | None:
    """Write the report into the user's state directory, or the temporary one, and return where; None if neither works.

    Args:
        error: the bug.
        args: the command line.
        env: the environment: where to write, and which values are secrets.
    """
    text = redact(_report(error, args), args, env)
    for create in (_in_state, _in_temporary):
        try:
            descriptor, path = create(env)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return path
    return None


def redact(text: str, args: list[str], env: Mapping[str, str]) -> str:
    """Mask what may be a secret: values behind telling names in the environment and in `args`, and parts of URLs."""
    for value in sorted(_secret_values(args, env), key=len, reverse=True):
        text = text.replace(value, _MASK)
    return _QUERY.sub(rf"\1{_MASK}", _USERINFO.sub(f"{_MASK}@", text))


def _secret_values(args: list[str], env: Mapping[str, str]) -> Iterator[str]:
    pairs = [
        *env.items(),
        *((arg[:at], arg[at + 1 :]) for arg in args for at, char in enumerate(arg) if char == "="),
        *itertools.pairwise(args),
    ]
    for name, value in pairs:
        if len(value) >= _SHORTEST and _SECRET_NAME.search(name):
            yield value


def _in_state(env: Mapping[str, str]) -> tuple[int, Path]:
    state = Path(env.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # the XDG base directory specification ignores such values
        state = Path(env.get("HOME") or "/nonexistent", ".local", "state")
    folder = state / "opsctl" / "reports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _create(folder)


def _in_temporary(env: Mapping[str, str]) -> tuple[int, Path]:
    del env
    return _create(Path(tempfile.gettempdir()))


def _create(folder: Path) -> tuple[int, Path]:
    # A new file that only its owner can read; anybody's link at that name is refused.
    descriptor, path = tempfile.mkstemp(prefix=f"opsctl-{time.strftime('%Y%m%dT%H%M%S')}-", suffix=".txt", dir=folder)
    return descriptor, Path(path)


def _report(error: BaseException, args: list[str]) -> str:
    lines = [
        f"opsctl {__version__}",
        f"python {sys.version.split()[0]} ({platform.python_implementation()}) on {platform.platform()}",
        *(f"{name} {version}" for name, version in _versions()),
        f"command line: {['opsctl', *args]}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    return "\n".join(lines)


def _versions() -> Iterator[tuple[str, str]]:
    from importlib.metadata import PackageNotFoundError, version

    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"
