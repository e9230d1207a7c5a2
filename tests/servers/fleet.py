"""The servers of one test run: each started once for all xdist workers, by the first test that needs it.

What was started, or why it could not be, is kept in a directory that all processes of the run share, guarded by one
lock file a server. The process that made the directory stops them; if it is killed, their guards do.
"""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import azurite, engine, fakegcs, gcs, localstack, moto, rclone, registry
from servers.launch import Server, ServerFailedError, await_ready, start, stop

__all__ = ["NAMES", "Fleet", "UnavailableError", "parse_required"]

SERVERS = {
    server.name: server
    for server in (
        moto.SERVER,
        localstack.SERVER,
        rclone.SERVER,
        azurite.SERVER,
        gcs.SERVER,
        fakegcs.SERVER,
        registry.SERVER,
        registry.AUTH_SERVER,
    )
}
NAMES = frozenset({"docker", *SERVERS})


class UnavailableError(Exception):
    """A server cannot be had on this machine; the message is the reason, with the cure where there is one."""


def parse_required(text: str) -> frozenset[str]:
    """Read OPSCTL_REQUIRE.

    Args:
        text: Names of servers between commas; may be empty.

    Raises:
        ValueError: A name is unknown: a typing error must not turn a required server into an optional one.
    """
    required = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if unknown := required - NAMES:
        raise ValueError(f"OPSCTL_REQUIRE: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(NAMES))}")
    # The registry with a password is the same program.
    return required | {"registry-auth"} if "registry" in required else required


@dataclass(frozen=True, slots=True)
class Fleet:
    """Servers by name, for one process of a test run.

    Attributes:
        directory: Shared by all processes of the run.
        owner: Process id of the one that outlives the others.
        env: The user's environment: OPSCTL_TEST_NAME=URL names a server that runs already, DOCKER_HOST the engine.
    """

    directory: Path
    owner: int
    env: Mapping[str, str]

    @classmethod
    def create(cls, owner: int, env: Mapping[str, str]) -> "Fleet":
        """A fleet with a new directory, which `stop` removes."""
        return cls(Path(tempfile.mkdtemp(prefix="opsctl-servers-")), owner, env)

    def url(self, name: str) -> str:
        """The URL of a server, which is started if it does not run yet.

        Raises:
            UnavailableError: It cannot be had here, or it did not start.
        """
        with self._record(name) as record:
            if not record:
                record.update(self._find(name))
        if "url" not in record:
            raise UnavailableError(record["reason"])
        return str(record["url"])

    def stop(self) -> None:
        """Stop what was started and remove the directory. Only for the process that created the fleet."""
        for file in self.directory.glob("*.json"):
            if pid := json.loads(file.read_text()).get("pid"):
                stop(pid)
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def _record(self, name: str) -> Iterator[dict[str, Any]]:
        """What is known of a server, locked; changes are written back."""
        file = self.directory / f"{name}.json"
        with (self.directory / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record = json.loads(file.read_text()) if file.exists() else {}
            yield record
            file.write_text(json.dumps(record))

    def _find(self, name: str) -> dict[str, Any]:
        try:
            if name == "docker":
                return {"url": engine.find(self.env)}
            return self._given(name) or self._start(SERVERS[name])
        except (UnavailableError, ServerFailedError, engine.NoEngineError) as error:
            return {"reason": f"{name}: {error}"}

    def _given(self, name: str) -> dict[str, Any] | None:
        """A server that was started for us, as a service container of a CI job is."""
        url = self.env.get(f"OPSCTL_TEST_{name.upper().replace('-', '_')}")
        if not url:
            return None
        await_ready(SERVERS[name], url)
        return {"url": url}

    def _start(self, server: Server) -> dict[str, Any]:
        if reason := server.missing():
            raise UnavailableError(reason)
        started = start(server, self.directory / server.name, owner=self.owner)
        return {"url": started.url, "pid": started.pid}
