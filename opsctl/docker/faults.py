"""From what goes wrong between opsctl and an engine to the errors of opsctl; the one place that judges it.

The engine answers with a status code that says little (most operational faults are a plain 500) and with English
text that says the rest, and it puts errors of builds, pulls and pushes into a stream that began with 200. So the
status is judged first, then the text by one table.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from opsctl import process
from opsctl.errors import (
    ConflictError,
    DeniedError,
    LocalIOError,
    MissingToolError,
    NotFoundError,
    OpsctlError,
    StepFailedError,
    TransientError,
    UsageError,
)

__all__ = ["answered", "said", "unreachable"]


@dataclass(frozen=True, slots=True)
class _Rule:
    """If the text matches, it is this error with this cure."""

    pattern: re.Pattern[str]
    error: type[OpsctlError]
    hint: str = ""


def _rule(pattern: str, error: type[OpsctlError], hint: str = "") -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), error, hint)


_LOGIN = "log in with `docker login REGISTRY`, or check the credential helper in ~/.docker/config.json"

# The first match wins, so what would also match a wider pattern below stands above it.
_RULES = (
    _rule(
        r"oci runtime|runc create|executable file not found|exec format error|failed to create (shim )?task",
        StepFailedError,
        "check the command, the entry point and the architecture of the image",
    ),
    _rule(
        r"no space left on device|disk quota exceeded|read-only file system",
        LocalIOError,
        "free space on the engine's disk, for example with `opsctl docker prune`",
    ),
    _rule(
        r"unauthorized|authentication required|no basic auth credentials|access denied|denied:"
        r"|requested access to the resource is denied|forbidden|incorrect username or password",
        DeniedError,
        _LOGIN,
    ),
    _rule(
        r"port is already allocated|address already in use",
        ConflictError,
        "another container or process on that host has the port; stop it or choose another port",
    ),
    _rule(r"is already in use by container|already exists|has active endpoints", ConflictError),
    _rule(r"is not connected to (the )?network", NotFoundError),
    _rule(
        r"time-?out|timed out|deadline exceeded|connection (refused|reset)|no such host|\beof\b|tls handshake"
        r"|temporary failure|too ?many ?requests|server misbehaving|network is unreachable|no route to host"
        r"|unexpected http status(: code)?:? 5\d\d|\b50[234]\b",
        TransientError,
        "check the network between the engine and the registry, then try again",
    ),
    _rule(r"manifest unknown|name unknown|not found|no such|does not exist|not a directory", NotFoundError),
    _rule(r"http response to https client", UsageError, "add the registry to the engine's insecure-registries"),
)


_NOISE = re.compile(
    r"(?:failed to create (?:shim )?task(?: for container)?: |runc create failed: "
    r"|unable to start container process: )|: unknown$"
)
"""What each layer of the engine puts around the reason why a process could not be started."""


def said(subject: str, text: str, *, otherwise: type[OpsctlError] = StepFailedError) -> OpsctlError:
    """Return the error for what the engine said in words.

    Args:
        subject: what it is about ("image web:1"), the start of the message.
        text: the engine's words; cut to one line.
        otherwise: error when no rule matches.
    """
    line = _NOISE.sub("", " ".join(text.split()))
    rule = next((rule for rule in _RULES if rule.pattern.search(line)), None)
    if rule is None:
        return otherwise(f"{subject}: {line}")
    return rule.error(f"{subject}: {line}", hint=rule.hint)


def answered(subject: str, status: int, text: str) -> OpsctlError:
    """Return the error for an answer of the engine with an error status (Engine API, section "Errors")."""
    line = " ".join(text.split()) or f"status {status}"
    match status:
        case 401:
            return DeniedError(f"{subject}: {line}", hint=_LOGIN)
        case 403:  # also what may not be done in the present state, such as removing a network in use
            return said(subject, line, otherwise=DeniedError)
        case 404:
            return NotFoundError(f"{subject}: {line}")
        case 409:
            return ConflictError(f"{subject}: {line}")
        case 400:
            return said(subject, line, otherwise=UsageError)
        case _:
            return said(subject, line, otherwise=TransientError)


def unreachable(url: str, error: BaseException) -> OpsctlError:
    """Return the error for an engine that could not be talked to, with the cure for its cause.

    Args:
        url: where the engine should be.
        error: what the SDK or the socket raised; its causes are looked through.
    """
    for cause in causes(error):
        if isinstance(cause, PermissionError):
            return DeniedError(
                f"engine at {url}: permission denied",
                hint="add yourself to the group docker (`sudo usermod -aG docker $USER`) and log in again",
            )
        if isinstance(cause, socket.gaierror):
            return TransientError(f"engine at {url}: the host name does not resolve", hint="check DOCKER_HOST")
        if isinstance(cause, FileNotFoundError) and not (process.which("docker") or process.which("dockerd")):
            return MissingToolError(
                f"engine at {url}: Docker is not installed",
                hint="install it (https://docs.docker.com/engine/install/), or set DOCKER_HOST to another engine",
            )
    if "paramiko" in str(error):
        return MissingToolError(f"engine at {url} needs paramiko", hint="install it with: pip install 'docker[ssh]'")
    return TransientError(
        f"engine at {url} does not answer",
        hint="is it started? `sudo systemctl start docker`, or set DOCKER_HOST to the engine's address",
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and everything it was made from, also what urllib3 hides in `args`."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        nested = [arg for arg in one.args if isinstance(arg, BaseException)]
        todo.extend(item for item in (one.__cause__, one.__context__, *nested) if item is not None)
