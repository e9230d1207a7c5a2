"""Secrets: from a reference to the value, at the moment it is needed.

No message ever holds a value, and nothing of what a command prints: only the reference is named.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opsctl import process
from opsctl.config.scalars import SecretRef
from opsctl.errors import DeniedError, MissingToolError, NotFoundError, OpsctlError, StepFailedError

__all__ = ["MAX_BYTES", "exposure", "resolve"]

MAX_BYTES: Final = 64 * 1024
"""Far more than any key or certificate; what is larger is the wrong file, and would not fit into an environment."""

COMMAND_SECONDS: Final = 60.0
"""How long a `cmd:` may take; password managers that ask a person are not for unattended use."""


def resolve(ref: SecretRef, *, env: Mapping[str, str], cwd: Path) -> str:
    """Return the value of a secret, without one line break at its end.

    Args:
        ref: what the file says.
        env: environment that `env:` reads from and `cmd:` runs in.
        cwd: directory that relative `file:` paths belong to and `cmd:` runs in.

    Raises:
        NotFoundError: the variable or file is not there, or empty.
        DeniedError: the file may not be read.
        MissingToolError: the program of `cmd:` is not installed.
        StepFailedError: the command failed, or the value cannot be one (NUL, not text, too large).
    """
    value = _READERS[ref.scheme](ref, env, cwd)
    if "\0" in value:
        raise StepFailedError(f"secret {ref}: holds a NUL character", hint="environment variables cannot hold one")
    if not value:
        raise NotFoundError(f"secret {ref}: is empty", hint=_CURES[ref.scheme])
    return value


def exposure(ref: SecretRef, *, cwd: Path) -> str:
    """Return a warning when other users of this machine can read the file of a secret, else ""."""
    if ref.scheme != "file":
        return ""
    try:
        mode = _path(ref, cwd).stat().st_mode
    except OSError:
        return ""  # resolve() says what is wrong with it
    return f"secret {ref}: every user of this machine can read the file" if mode & stat.S_IROTH else ""


def _from_env(ref: SecretRef, env: Mapping[str, str], cwd: Path) -> str:
    del cwd
    try:
        return env[ref.name]
    except KeyError:
        raise NotFoundError(f"secret {ref}: the variable is not set", hint=f"export {ref.name}=...") from None


def _from_file(ref: SecretRef, env: Mapping[str, str], cwd: Path) -> str:
    del env
    path = _path(ref, cwd)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"secret {ref}: there is no such file", hint=f"looked for {path}") from None
    except PermissionError:
        raise DeniedError(f"secret {ref}: the file may not be read", hint=f"check the owner of {path}") from None
    except OSError as error:
        raise StepFailedError(f"secret {ref}: cannot be read: {error.strerror}") from error
    return _text(ref, data)


def _path(ref: SecretRef, cwd: Path) -> Path:
    return cwd / Path(ref.name).expanduser()


def _from_command(ref: SecretRef, env: Mapping[str, str], cwd: Path) -> str:
    try:
        done = process.run(shlex.split(ref.name), cwd=cwd, env=env, timeout=COMMAND_SECONDS, ok=None)
    except MissingToolError as error:
        raise MissingToolError(f"secret {ref}: {error.message}", hint=error.hint) from error
    except OpsctlError as error:
        raise type(error)(f"secret {ref}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise StepFailedError(f"secret {ref}: cannot run: {error.strerror}") from error
    if done.code:
        # What it printed is not shown: a tool that fails half-way may have printed the secret.
        cure = "run the command by hand to see why"
        raise StepFailedError(f"secret {ref}: the command ended with exit code {done.code}", hint=cure)
    return _text(ref, done.stdout)


def _text(ref: SecretRef, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise StepFailedError(f"secret {ref}: is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise StepFailedError(
            f"secret {ref}: is not UTF-8 text", hint="store it encoded, for example as base64"
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


_READERS: Final = {"env": _from_env, "file": _from_file, "cmd": _from_command}
_CURES: Final = {
    "env": "give the variable a value",
    "file": "the file has no content",
    "cmd": "the command printed nothing",
}
