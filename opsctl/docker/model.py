"""What the engine knows, as frozen values: images, containers, and how a container is to be created.

Made from the JSON of the Engine API (https://docs.docker.com/reference/api/engine/version/v1.41/) in this
module only; everybody else sees these types. Imports no SDK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = [
    "ContainerSpec",
    "ContainerState",
    "ExecResult",
    "ImageInfo",
    "Labels",
    "PathStat",
    "PortBinding",
    "RestartPolicy",
    "container_state",
    "image_info",
    "parse_time",
    "path_stat",
]

Labels = Mapping[str, str]

ContainerStatus = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
RestartPolicy = Literal["no", "always", "unless-stopped", "on-failure"]
HealthStatus = Literal["", "starting", "healthy", "unhealthy"]

_GO_DIRECTORY = 1 << 31
_GO_SYMLINK = 1 << 27
_GO_OTHER = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19  # device, pipe, socket, character device, irregular
_GO_SPECIAL = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))  # set-uid, set-gid, sticky

_NANO = 1_000_000_000
_FRACTION = re.compile(r"(?<=\d)\.\d+")


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One image in the engine.

    Args:
        id: "sha256:..." of its configuration.
        tags: references with a tag that point to it ("web:1"), in the engine's order.
        digests: "repository@sha256:..." of every registry it was pushed to or pulled from.
        created: seconds since the epoch, 0 where the engine does not say.
        size: bytes, with the layers it shares.
        labels: of its configuration.
        user: who runs the process, "" for root.
        workdir: working directory of the process.
        entrypoint: argv, () for none.
        cmd: argv, () for none.
        env: variables set in it.
        exposed: ports such as "8000/tcp", sorted.
        architecture: "amd64", "arm64", ...
        os: "linux", ...
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    created: float = 0.0
    size: int = 0
    labels: Labels = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[str, ...] = ()
    architecture: str = ""
    os: str = ""

    def digest(self, repository: str) -> str:
        """Return "sha256:..." under which `repository` knows the image, "" where it does not."""
        prefix = f"{repository}@"
        return next((item.removeprefix(prefix) for item in self.digests if item.startswith(prefix)), "")


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A port of a container that is reachable from its host.

    Args:
        container: port in the container.
        host: port on the host; 0 lets the engine choose a free one.
        address: address of the host to bind to; only the loopback one by default.
        protocol: "tcp" or "udp".
    """

    container: int
    host: int = 0
    address: str = "127.0.0.1"
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """How a container is to be created.

    Secrets are handed over as environment variables when the container is created: every image understands
    them, and they reach neither an argv, a label, a log nor the image. Who may talk to the engine can read them
    (`docker inspect`), but such a person is root on that host anyway; files on a tmpfs would protect no more, and
    the engine cannot fill them before the first process runs. They are kept apart from `env` here so that
    nothing prints or hashes them.

    Args:
        image: reference or id.
        name: "" lets the engine make one up.
        command: argv that replaces the image's command, () keeps it.
        entrypoint: argv that replaces the image's entry point, None keeps it, () clears it.
        env: plain settings.
        secrets: settings whose values must not be shown.
        labels: how it is found again.
        network: network it joins when it is created, "" for the engine's default bridge.
        aliases: names it has on that network.
        ports: what is reachable from the host.
        cpus: number of CPUs, 0 for no limit.
        memory: bytes, 0 for no limit.
        restart: restart policy of the engine.
        user: "" keeps the image's.
        workdir: "" keeps the image's.
        init: run a small init as process 1, which reaps children and passes signals on.
        stop_signal: "" keeps the image's.
        read_only: mount the root file system read-only.
    """

    image: str
    name: str = ""
    command: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Labels = field(default_factory=dict)
    network: str = ""
    aliases: Sequence[str] = ()
    ports: Sequence[PortBinding] = ()
    cpus: float = 0.0
    memory: int = 0
    restart: RestartPolicy = "no"
    user: str = ""
    workdir: str = ""
    init: bool = False
    stop_signal: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container as the engine sees it now.

    Args:
        id: 64 hex digits.
        name: without the leading slash.
        image: reference it was created from.
        image_id: "sha256:..." it runs.
        labels: of the container, the image's included.
        status: the engine's word.
        started_at: the engine's time stamp of the last start, compared as text; "" when it never started.
        finished_at: the same for the last end.
        restart_count: restarts by the engine's restart policy.
        exit_code: of the last run; None while it runs or when it never ran.
        oom_killed: the kernel killed it for want of memory.
        error: why the engine could not start it, "" for none.
        health: the image's own health check, "" without one.
        health_log: outputs of its last probes, oldest first.
        addresses: network name -> IP address; empty while it does not run.
        ports: "8000/tcp" -> (address, port) on the host.
        created: seconds since the epoch.
        networks: network name -> its names there, whether it runs or not.
        command: argv of its process, entry point included.
        env: its environment, the image's included; holds secrets.
        cpus: number of CPUs, 0 for no limit.
        memory: bytes, 0 for no limit.
    """

    id: str
    name: str
    image: str
    image_id: str
    labels: Labels
    status: ContainerStatus
    started_at: str
    finished_at: str
    restart_count: int
    exit_code: int | None
    oom_killed: bool
    error: str
    health: HealthStatus
    health_log: tuple[str, ...]
    addresses: Mapping[str, str]
    ports: Mapping[str, tuple[str, int]]
    created: float
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cpus: float = 0.0
    memory: int = 0

    @property
    def running(self) -> bool:
        """Whether its process runs (a paused one does, a restarting one does not)."""
        return self.status in {"running", "paused"}


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a running container did.

    Args:
        code: exit code.
        output: standard output and error as one stream.
    """

    code: int
    output: bytes


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path of a container.

    Args:
        kind: a link that leads nowhere is a "symlink"; other links are followed.
        mode: permission bits, with set-uid, set-gid and sticky, as chmod takes them.
        size: bytes.
        target: where a link leads, an absolute path in the container; "" when it is none.
    """

    kind: Literal["file", "directory", "symlink", "other"]
    mode: int
    size: int
    target: str = ""


def image_info(raw: Mapping[str, Any]) -> ImageInfo:
    """Make the value from the engine's JSON of one image (`GET /images/{name}/json`)."""
    config = raw.get("Config") or {}
    return ImageInfo(
        id=raw["Id"],
        tags=tuple(raw.get("RepoTags") or ()),
        digests=tuple(raw.get("RepoDigests") or ()),
        created=parse_time(raw.get("Created") or ""),
        size=raw.get("Size") or 0,
        labels=dict(config.get("Labels") or {}),
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "",
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        env=dict(_pair(item) for item in config.get("Env") or ()),
        exposed=tuple(sorted(config.get("ExposedPorts") or ())),
        architecture=raw.get("Architecture") or "",
        os=raw.get("Os") or "",
    )


def container_state(raw: Mapping[str, Any]) -> ContainerState:
    """Make the value from the engine's JSON of one container (`GET /containers/{id}/json`)."""
    state = raw["State"]
    config = raw.get("Config") or {}
    health = state.get("Health") or {}
    host = raw.get("HostConfig") or {}
    started = _stamp(state.get("StartedAt"))
    return ContainerState(
        id=raw["Id"],
        name=raw["Name"].removeprefix("/"),
        image=config.get("Image") or "",
        image_id=raw.get("Image") or "",
        labels=dict(config.get("Labels") or {}),
        status=state["Status"],
        started_at=started,
        finished_at=_stamp(state.get("FinishedAt")),
        restart_count=raw.get("RestartCount") or 0,
        exit_code=state.get("ExitCode") if started and not state.get("Running") else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        health=_health(health.get("Status")),
        health_log=tuple((probe.get("Output") or "").strip() for probe in health.get("Log") or ()),
        addresses=_addresses(raw),
        ports=_ports(raw),
        created=parse_time(raw.get("Created") or ""),
        networks=_networks(raw),
        command=(raw.get("Path") or "", *(raw.get("Args") or ())),
        env=dict(_pair(item) for item in config.get("Env") or ()),
        cpus=(host.get("NanoCpus") or 0) / _NANO,
        memory=host.get("Memory") or 0,
    )


def path_stat(raw: Mapping[str, Any]) -> PathStat:
    """Make the value from the engine's header `X-Docker-Container-Path-Stat`.

    Its mode is Go's `fs.FileMode` (https://pkg.go.dev/io/fs#FileMode): nine permission bits as usual, the
    type and the special bits elsewhere.
    """
    mode = int(raw["mode"])
    special = sum(unix for go, unix in _GO_SPECIAL if mode & go)
    return PathStat(_kind(mode), mode & 0o777 | special, int(raw["size"]), raw.get("linkTarget") or "")


def _kind(mode: int) -> Literal["file", "directory", "symlink", "other"]:
    if mode & _GO_DIRECTORY:
        return "directory"
    if mode & _GO_SYMLINK:
        return "symlink"
    return "other" if mode & _GO_OTHER else "file"


def parse_time(text: str) -> float:
    """Return seconds since the epoch for the engine's RFC 3339 stamp, 0.0 for "" and for its zero time."""
    if not _stamp(text):
        return 0.0
    # The engine writes nanoseconds with trailing zeros cut; datetime wants at most six digits.
    micro = _FRACTION.sub(lambda match: match.group()[:7], text)
    moment = datetime.fromisoformat(micro)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _stamp(text: str | None) -> str:
    """Go's zero time means "never"."""
    return "" if not text or text.startswith("0001-01-01T") else text


def _health(status: str | None) -> HealthStatus:
    # "none" is how the engine says that there is no check.
    match status:
        case "starting" | "healthy" | "unhealthy":
            return status
        case _:
            return ""


def _pair(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name, value


def _addresses(raw: Mapping[str, Any]) -> dict[str, str]:
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: end["IPAddress"] for name, end in networks.items() if end and end.get("IPAddress")}


def _networks(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: tuple((end or {}).get("Aliases") or ()) for name, end in networks.items()}


def _ports(raw: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    bound = (raw.get("NetworkSettings") or {}).get("Ports") or {}
    return {port: (ends[0]["HostIp"], int(ends[0]["HostPort"])) for port, ends in bound.items() if ends}
