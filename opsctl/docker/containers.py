"""Containers of an engine: create, start, stop, remove, inspect, find, logs, exec, files in and out.

A container is named by its id or its name. What is gone already is no error where going was asked for.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import itertools
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from opsctl.docker.model import (
    ContainerSpec,
    ContainerState,
    ExecResult,
    Labels,
    PathStat,
    RestartPolicy,
    container_state,
    path_stat,
)
from opsctl.docker.progress import Lines
from opsctl.docker.wire import Wire
from opsctl.errors import ConflictError, NotFoundError, TransientError

if TYPE_CHECKING:
    from docker.api.client import APIClient

__all__ = ["Containers"]

_NANO = 1_000_000_000
_ID = re.compile(r"[0-9a-f]{64}")


class Containers:
    """Containers of one engine, reached as `engine.containers`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, without starting it, and return its id.

        Raises:
            ConflictError: the name is taken; creating is atomic, so of two creators one gets it.
            NotFoundError: the image or network is not in the engine; nothing is pulled.
        """
        subject = f"container {spec.name or 'of ' + spec.image}"
        created = self._wire.call(subject, lambda api: _create(api, spec))
        return str(created["Id"])

    def start(self, container: str) -> None:
        """Start a container; that it runs already is fine.

        Raises:
            ConflictError: a port of the host is taken.
            StepFailedError: its command cannot be executed.
        """
        self._wire.call(_called(container), lambda api: api.start(container))

    def stop(self, container: str, *, grace: float = 10.0) -> None:
        """Ask the process to end, and kill it after `grace` seconds; stopped or gone already is fine."""
        with contextlib.suppress(NotFoundError):
            # The engine counts whole seconds.
            self._wire.call(_called(container), lambda api: api.stop(container, timeout=max(0, round(grace))))

    def kill(self, container: str, *, signal: str = "KILL") -> None:
        """Send a signal to the process; that it has ended or is gone is fine."""
        with contextlib.suppress(NotFoundError, ConflictError):
            self._wire.call(_called(container), lambda api: api.kill(container, signal))

    def set_restart(self, container: str, policy: RestartPolicy) -> None:
        """Change what the engine does when the process ends.

        Raises:
            NotFoundError: there is no such container.
        """
        wanted: Any = {"Name": policy}  # the stubs know two of the engine's four policies
        self._wire.call(_called(container), lambda api: api.update_container(container, restart_policy=wanted))

    def rename(self, container: str, name: str) -> None:
        """Give a container another name.

        Raises:
            ConflictError: the name is taken.
        """
        self._wire.call(_called(container), lambda api: api.rename(container, name))

    def remove(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes; gone already, or going, is fine."""
        with contextlib.suppress(NotFoundError):
            try:
                self._wire.call(_called(container), lambda api: api.remove_container(container, v=True, force=True))
            except ConflictError as error:
                if "in progress" not in error.message:
                    raise

    def inspect(self, container: str) -> ContainerState:
        """Return the container as it is now.

        Raises:
            NotFoundError: there is none of that name.
        """
        subject = _called(container)
        return container_state(self._wire.call(subject, lambda api: api.inspect_container(container)))

    def find(self, labels: Labels, *, running_only: bool = False) -> list[ContainerState]:
        """Return the containers that carry all these labels, oldest first; an empty value matches any value."""
        wanted = [f"{name}={value}" if value else name for name, value in labels.items()]
        return self._list({"label": wanted}, running_only=running_only)

    def of_image(self, image: str) -> list[ContainerState]:
        """Return the containers, stopped ones too, that run an image or one built on it."""
        return self._list({"ancestor": [image]}, running_only=False)

    def _list(self, filters: Mapping[str, list[str]], *, running_only: bool) -> list[ContainerState]:
        listed = self._wire.call("containers", lambda api: api.containers(all=not running_only, filters=dict(filters)))
        states: list[ContainerState] = []
        for item in listed:
            with contextlib.suppress(NotFoundError):  # removed since the listing
                states.append(self.inspect(str(item["Id"])))
        return sorted(states, key=lambda state: state.created)

    def wait(self, container: str, *, timeout: float) -> int:
        """Wait until a container has ended and return its exit code.

        Args:
            container: a started one.
            timeout: seconds.

        Raises:
            TransientError: it still runs, or the engine went away.
            InterruptedRunError: the engine was cancelled.
        """
        subject = _called(container)
        with self._wire.stream(subject, lambda api: api.wait(container), timeout=timeout) as ended:
            return int(ended["StatusCode"])

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: float = 0.0,
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[str]:
        """Yield lines of standard output and error, in the order the engine kept them.

        Args:
            container: it may have ended.
            tail: only so many of the last lines.
            since: only lines after that moment of the engine's clock, in seconds since the epoch.
            follow: go on until the container ends.
            timeout: seconds for all of it, None for no limit.

        Raises:
            NotFoundError: there is no such container.
            TransientError: the connection broke, or the time was up, before the end.
            InterruptedRunError: the engine was cancelled.
        """
        options = _log_options(tail, since, follow=follow)
        count = 0
        for line in self._log_lines(container, options, timeout=timeout):
            count += 1
            yield line
        if not follow:
            return
        # The SDK ends the stream without a word when the connection breaks.
        if self.inspect(container).running:
            raise TransientError(
                f"logs of {_called(container)}: the connection to the engine at {self._wire.url} broke"
            )
        # An engine may close a followed log before the last lines are in it (20.10 does so with a line without an end).
        if tail is None:
            yield from itertools.islice(self.logs(container, since=since), count, None)

    def _log_lines(self, container: str, options: Mapping[str, Any], *, timeout: float | None) -> Iterator[str]:
        lines = Lines()
        subject = f"logs of {_called(container)}"
        with self._wire.stream(subject, lambda api: _logs(api, container, options), timeout=timeout) as chunks:
            for chunk in chunks:
                yield from lines.feed(chunk)
        yield from lines.end()

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str = "",
        workdir: str = "",
        timeout: float = 60.0,
    ) -> ExecResult:
        """Run a command in a running container and return what it did, whatever its exit code.

        Args:
            container: a running one.
            argv: program and arguments; no shell is involved.
            env: settings on top of the container's.
            user: "" for the container's.
            workdir: "" for the container's.
            timeout: seconds; the engine cannot stop a command that is late, it goes on in the container.

        Raises:
            ConflictError: the container does not run.
            TransientError: no end in time.
        """
        subject = f"exec in {_called(container)}"
        made = self._wire.call(
            subject,
            lambda api: api.exec_create(
                container, list(argv), environment=dict(env or {}), user=user, workdir=workdir or None
            ),
        )
        with self._wire.stream(subject, lambda api: api.exec_start(made["Id"]), timeout=timeout) as output:
            pass
        done = self._wire.call(subject, lambda api: api.exec_inspect(made["Id"]))
        return ExecResult(int(done["ExitCode"]), output)

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        """Unpack a tar archive into a directory of a container, which may never have been started.

        Raises:
            NotFoundError: no such container or directory.
        """
        self._wire.call(f"{path} in {_called(container)}", lambda api: api.put_archive(container, path, data))

    def stat(self, container: str, path: str) -> PathStat:
        """Return what is at an absolute path of a container, which may never have been started.

        Raises:
            NotFoundError: nothing is there.
        """
        with self._archive(container, path) as (_, raw):
            return path_stat(raw)

    @contextlib.contextmanager
    def open_archive(self, container: str, path: str) -> Iterator[tarfile.TarFile]:
        """Open a file or directory of a container as a tar stream, to be read from front to back.

        Raises:
            NotFoundError: nothing is there.
        """
        with (
            self._archive(container, path) as (chunks, _),
            tarfile.open(fileobj=_ChunkReader(chunks), mode="r|") as archive,
        ):
            yield archive

    def _archive(self, container: str, path: str) -> AbstractContextManager[tuple[Iterator[bytes], dict[str, Any]]]:
        return self._wire.stream(f"{path} in {_called(container)}", lambda api: api.get_archive(container, path))


def _called(container: str) -> str:
    """Name a container in messages, as the docker command does."""
    return f"container {container[:12] if _ID.fullmatch(container) else container}"


class _ChunkReader(io.RawIOBase):
    """Reads from an iterator of chunks, as tarfile wants it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _log_options(tail: int | None, since: float, *, follow: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"stream": True, "follow": follow, "tail": "all" if tail is None else tail}
    # The SDK refuses 0, which means "from the beginning".
    return options | ({"since": since} if since > 0 else {})


def _logs(api: APIClient, container: str, options: Mapping[str, Any]) -> Iterator[str]:
    # A chunk may end within a character.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in api.logs(container, **options):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _create(api: APIClient, spec: ContainerSpec) -> Mapping[str, Any]:
    created: Mapping[str, Any] = api.create_container(
        spec.image,
        command=list(spec.command) or None,
        entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
        name=spec.name or None,
        environment={**spec.env, **spec.secrets},
        labels=dict(spec.labels),
        ports=[(port.container, port.protocol) for port in spec.ports],
        user=spec.user or None,
        working_dir=spec.workdir or None,
        stop_signal=spec.stop_signal or None,
        host_config=_host_config(api, spec),
        networking_config=_networking(api, spec),
        # Proxy settings of whoever runs opsctl have no place in what is deployed.
        use_config_proxy=False,
    )
    return created


def _host_config(api: APIClient, spec: ContainerSpec) -> Any:
    bound: dict[int | str, Any] = {}
    for port in spec.ports:
        ends = bound.setdefault(f"{port.container}/{port.protocol}", [])
        ends.append((port.address, port.host or None))
    return api.create_host_config(
        port_bindings=bound,
        network_mode=spec.network or None,
        restart_policy={"Name": spec.restart} if spec.restart != "no" else None,
        mem_limit=spec.memory or None,
        nano_cpus=round(spec.cpus * _NANO) or None,
        init=spec.init or None,
        read_only=spec.read_only or None,
    )


def _networking(api: APIClient, spec: ContainerSpec) -> Any:
    if not spec.network:
        return None
    ends: Any = {spec.network: api.create_endpoint_config(aliases=list(spec.aliases))}  # the stubs want one end
    return api.create_networking_config(ends)
