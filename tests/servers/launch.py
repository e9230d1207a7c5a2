"""Starting, awaiting and stopping one real server on a free port of 127.0.0.1. Knows no server by name."""

import http.client
import os
import random
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Command", "Server", "ServerFailedError", "Started", "await_ready", "serve", "start", "stop"]

GUARD = Path(__file__).with_name("guard.py")
LOG_TAIL_LINES = 15
# Below the range from which the kernel takes the ports of outgoing connections (ip_local_port_range, 32768 and up):
# none of those can take the port between the moment it is chosen and the moment the server binds it.
PORTS = range(20_000, 32_000)


class ServerFailedError(Exception):
    """A server is there and did not get ready; the message ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, with nothing of the caller's environment but PATH."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Attributes:
        name: As in OPSCTL_REQUIRE.
        missing: Why it cannot be had on this machine, with the cure, or None.
        command: The command for a data directory (empty, its own) and a port.
        ready: The path that is polled until it answers with one of `ready_codes`.
        deadline: Seconds it may take.
    """

    name: str
    missing: Callable[[], str | None]
    command: Callable[[Path, int], Command]
    ready: str
    ready_codes: frozenset[int] = frozenset({200})
    deadline: float = 60.0


@dataclass(frozen=True, slots=True)
class Started:
    """A running server: its guard's process id and its URL."""

    pid: int
    url: str


@contextmanager
def serve(server: Server) -> Iterator[str]:
    """Run a server for the time of a `with` block; gives its URL.

    Raises:
        ServerFailedError: It cannot be had here, or did not get ready.
    """
    reason = server.missing()
    if reason:
        raise ServerFailedError(f"{server.name}: {reason}")
    with tempfile.TemporaryDirectory(prefix=f"opsctl-{server.name}-", ignore_cleanup_errors=True) as directory:
        started = start(server, Path(directory), owner=os.getpid())
        try:
            yield started.url
        finally:
            stop(started.pid)


def start(server: Server, directory: Path, *, owner: int) -> Started:
    """Start a server that ends at the latest when the process `owner` does, and wait until it answers.

    Raises:
        ServerFailedError: It ended at once or did not answer in time.
    """
    port = _free_port()
    data, log = directory / "data", directory / "log"
    data.mkdir(parents=True)
    pid = _spawn(server.command(data, port), data, log, owner)
    url = f"http://127.0.0.1:{port}"
    try:
        await_ready(server, url, pid=pid)
    except BaseException as error:
        stop(pid)
        if isinstance(error, ServerFailedError):
            raise ServerFailedError(f"{error}\n{_tail(log)}") from None
        raise
    return Started(pid, url)


def stop(pid: int) -> None:
    """End a server by its guard's process id and wait until all of it is gone; one that is gone already is fine."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(end, signal.SIGTERM)
        select.select([end], [], [])  # the guard kills what does not go, so this ends
    except ProcessLookupError:
        pass
    finally:
        os.close(end)
    with suppress(ChildProcessError):  # another worker's child
        os.waitpid(pid, 0)


def await_ready(server: Server, url: str, *, pid: int | None = None) -> None:
    """Poll a server until it is ready.

    Args:
        server: Says what to ask and which answers count.
        url: Where it listens.
        pid: Its guard's process id, to notice at once when it ends; None when it was started by someone else.

    Raises:
        ServerFailedError: No such answer within the deadline, or the process ended.
    """
    deadline = time.monotonic() + server.deadline
    while (answer := _ask(url, server.ready)) not in server.ready_codes:
        if pid is not None and _ended(pid):
            raise ServerFailedError(f"{server.name} ended at once")
        if time.monotonic() > deadline:
            said = f"HTTP {answer}" if answer else "nothing"
            raise ServerFailedError(f"{server.name} was not ready in {server.deadline:g} s: {url} said {said}")
        time.sleep(0.05)


def _ask(url: str, path: str) -> int | None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _ended(pid: int) -> bool:
    end = os.pidfd_open(pid)
    try:
        return bool(select.select([end], [], [], 0)[0])
    finally:
        os.close(end)


def _spawn(command: Command, data: Path, log: Path, owner: int) -> int:
    """Start the guard in a session of its own. Not with Popen, which warns when it outlives the variable it is in."""
    program = shutil.which(command.argv[0]) or command.argv[0]
    argv = [sys.executable, "-I", "-S", str(GUARD), str(owner), str(data), program, *command.argv[1:]]
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(data), "TMPDIR": str(data), **command.env}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(argv[0], argv, env, file_actions=actions, setsid=True)


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)  # noqa: S311 -- not a secret; a seed would make parallel runs collide
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:]) or "(it printed nothing)"
