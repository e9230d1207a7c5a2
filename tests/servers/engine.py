"""The Docker engine of this machine. It is found, never started: that needs root and is the work of `.ci/run`."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["NoEngineError", "find"]


class NoEngineError(Exception):
    """No Docker engine answers; the message says what was tried."""


def find(env: Mapping[str, str]) -> str:
    """The base URL of an engine that answers.

    Args:
        env: The environment of the user; DOCKER_HOST in it decides alone.

    Raises:
        NoEngineError: There is none.
    """
    reasons = []
    for url in _candidates(env):
        reason = _try(url)
        if reason is None:
            return url
        reasons.append(f"{url}: {reason}")
    raise NoEngineError("no engine answers: " + "; ".join(reasons))


def _candidates(env: Mapping[str, str]) -> list[str]:
    if host := env.get("DOCKER_HOST"):
        return [host]
    rootless = [f"unix://{env['XDG_RUNTIME_DIR']}/docker.sock"] if env.get("XDG_RUNTIME_DIR") else []
    return ["unix:///var/run/docker.sock", *rootless]


def _try(url: str) -> str | None:
    """Why the engine at `url` cannot be used, or None when it can."""
    if url.startswith("unix://"):
        socket = Path(url.removeprefix("unix://"))
        if not socket.exists():
            return "no such socket"
        if not os.access(socket, os.R_OK | os.W_OK):
            return "permission denied"
    import docker  # takes 0.1 s, so only where there may be an engine

    try:
        client = docker.DockerClient(base_url=url, timeout=10)
        try:
            client.ping()
        finally:
            client.close()
    except (docker.errors.DockerException, OSError) as error:
        return str(error).splitlines()[0][:200]
    return None
