"""`type: docker`: one container per revision on one engine; the service's name on the live network is the switch.

A container joins two networks. `0-opsctl` publishes a free loopback port for the health gate and for people; its
members cannot reach each other. The live network (`opsctl_<project>_<env>`, or the option `network`) is where other
containers find the service by its name; only what serves is on it. The engine takes the network whose name sorts first
as the gateway, which carries the published port, hence the `0`: connecting the live network then moves no port and cuts
no connection (docs/decisions/004-deploy-state-machine.md has the measurements).

Until it serves, a container is not restarted by the engine, so that a crash stays visible with its exit code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from opsctl.config.models import Model
from opsctl.deploy.httpcheck import look
from opsctl.deploy.model import Slot
from opsctl.deploy.target import (
    Evidence,
    Held,
    Materials,
    Probe,
    Revision,
    Target,
    TargetContext,
    TargetPlugin,
    TargetState,
)
from opsctl.docker.engine import Engine, connect
from opsctl.docker.model import ContainerSpec, ContainerState, PortBinding
from opsctl.errors import ConflictError, NotFoundError, OpsctlError, UsageError
from opsctl.events import Sink, discard

__all__ = ["PLUGIN", "DockerOptions", "DockerTarget"]

BASE_NETWORK = "0-opsctl"
LOG_LINES = 50
STOP_GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL for what is retired; the engine's own default."""

_RELEASE, _DEPLOY, _SPEC, _STATE = "opsctl.release", "opsctl.deploy", "opsctl.spec", "opsctl.state"


class DockerOptions(Model, frozen=True, kw_only=True):
    """Options of the target.

    Args:
        engine: address of the engine (`unix://`, `tcp://`); by default DOCKER_HOST, then the current docker context.
        network: live network to use instead of one of opsctl's own; it is made if it is not there.
    """

    engine: str = ""
    network: str = ""


class DockerTarget:
    """The containers of one slot on one engine.

    Args:
        engine: connected.
        slot: what is deployed there.
        state: state store of the deploy.
        network: the live network, "" for the one of project and environment.
        sink: told of images that are pulled.
        span: piece of work that is told about.

    Raises:
        UsageError: the live network would take the published port away from running containers.
    """

    def __init__(
        self,
        engine: Engine,
        slot: Slot,
        *,
        state: str = "",
        network: str = "",
        sink: Sink = discard,
        span: str = "",
    ) -> None:
        self._engine = engine
        self._slot = slot
        self._state = state
        self._live = network or f"opsctl_{slot.project}_{slot.env}"
        self._sink = sink
        self._span = span
        if self._live <= BASE_NETWORK:
            raise UsageError(
                f"the network {self._live!r} sorts before {BASE_NETWORK!r}, so the engine would move published ports",
                hint="choose a network whose name begins with a letter",
            )

    @property
    def engine(self) -> Engine:
        """Where images are built, tested and pushed from."""
        return self._engine

    @property
    def place(self) -> str:
        """The engine."""
        return f"engine {self._engine.url}"

    def inspect(self) -> TargetState:
        """Look at the containers that carry the labels of the slot."""
        return TargetState(tuple(self._held(number, state) for number, state in self._containers()))

    def differences(self, revision: Revision, materials: Materials | None) -> Sequence[str]:
        """Compare the container with what it should be, down to the values of its environment."""
        return tuple(self._differences(revision, materials))

    def _differences(self, revision: Revision, materials: Materials | None) -> Iterator[str]:
        name = self._name(revision.number)
        found = self._find(revision.number)
        if found is None:
            yield f"container {name} is gone"
            return
        if not found.running:
            yield f"container {name} {_ended(found)}"
        if self._live not in found.networks:
            yield f"container {name} is not on network {self._live}"
        yield from _deviations(found, revision, materials)
        for number, other in self._containers():
            if number != revision.number and self._live in other.networks:
                yield f"container {other.name} serves too"

    def start(self, revision: Revision, materials: Materials) -> None:
        """Create and start the container, or wake the one that is there and equal."""
        self._refuse_unreachable(revision)
        found = self._find(revision.number)
        if found is not None and any(_deviations(found, revision, materials)):
            self._engine.containers.remove(found.id)
            found = None
        if found is None:
            self._create(revision, materials)
        elif not found.running:
            self._engine.containers.set_restart(found.id, "no")
        self._engine.containers.start(self._name(revision.number))

    def _create(self, revision: Revision, materials: Materials) -> None:
        image = self._image(revision)
        self._engine.images.tag(image, self._keep_tag(revision.number))
        self._engine.networks.ensure(BASE_NETWORK, isolated=True)
        spec = self._container(revision, materials, image)
        try:
            self._engine.containers.create(spec)
        except ConflictError as error:
            hint = f"see `docker inspect {spec.name}`; remove or rename it"
            message = f"the name {spec.name} is taken by a container that this deploy did not make"
            raise ConflictError(message, hint=hint) from error

    def probe(self, revision: Revision) -> Probe:
        """Look at the state, at the image's own health check, and at the path to be answered."""
        found = self._find(revision.number)
        if found is None:
            return Probe(passed=False, alive=False, detail="its container is gone")
        passed, detail = self._passes(found, revision) if found.running else (False, f"its container {_ended(found)}")
        return Probe(
            passed=passed,
            alive=found.running,
            started_at=found.started_at,
            restart_count=found.restart_count,
            detail=detail,
        )

    def _passes(self, found: ContainerState, revision: Revision) -> tuple[bool, str]:
        if found.health in {"starting", "unhealthy"}:
            last = f": {found.health_log[-1]}" if found.health_log else ""
            return False, f"the image's health check says {found.health}{last}"
        path = revision.health.http
        if not path:
            return True, "running"
        end = found.ports.get(f"{revision.spec.port}/tcp")
        if end is None:
            return False, f"port {revision.spec.port} is not published"
        return look(end, path, timeout=revision.health.timeout)

    def switch(self, revision: Revision | None, *, fence: int) -> None:
        """Give the service's name to the container, then take it from every other one."""
        del fence  # the engine compares nothing; who lost the lease was stopped before this call
        number = 0
        if revision is not None:
            number = revision.number
            self._connect(number)
        for other, state in self._containers():
            if other != number and self._live in state.networks:
                self._engine.networks.disconnect(self._live, state.id)

    def _connect(self, number: int) -> None:
        found = self._find(number)
        if found is None:
            raise NotFoundError(f"container {self._name(number)} is gone")
        self._engine.containers.set_restart(found.id, "unless-stopped")
        if self._live in found.networks:
            return
        self._engine.networks.ensure(self._live, labels={"opsctl.project": self._slot.project})
        self._engine.networks.connect(self._live, found.id, aliases=[self._slot.service])

    def retire(self, *, serving: int, keep: frozenset[int]) -> None:
        """Stop every other container, and remove those that are not to be kept."""
        for number, state in self._containers():
            if number == serving:
                continue
            if self._live in state.networks:
                self._engine.networks.disconnect(self._live, state.id)
            self._engine.containers.stop(state.id, grace=STOP_GRACE)
            if number not in keep:
                self._engine.containers.remove(state.id)
        for tag in self._engine.images.tags_of(self._keep_repository):
            env, _, number_text = tag.rpartition("-")
            if env == self._slot.env and int(number_text) not in keep | {serving}:
                self._release_image(int(number_text))

    def discard(self, number: int) -> None:
        """Remove the container and the tag that kept its image."""
        found = self._find(number)
        if found is not None and self._live in found.networks:
            raise ConflictError(f"container {found.name} serves: it is not removed")
        if found is not None:
            self._engine.containers.remove(found.id)
        self._release_image(number)

    def _release_image(self, number: int) -> None:
        with contextlib.suppress(ConflictError):  # another container uses the image: it stays, and so may the tag
            self._engine.images.remove(self._keep_tag(number))

    def evidence(self, number: int) -> Evidence:
        """Return how the process ended, its last log lines and what its health check printed."""
        found = self._find(number)
        if found is None:
            return Evidence()
        log: tuple[str, ...] = ()
        with contextlib.suppress(OpsctlError):  # not every log driver can be read back
            log = tuple(self._engine.containers.logs(found.id, tail=LOG_LINES))
        return Evidence(exit_code=found.exit_code, oom_killed=found.oom_killed, log=log, health=found.health_log)

    def secrets_of(self, revision: Revision) -> dict[str, str]:
        """Read them from the environment of the container."""
        found = self._find(revision.number)
        return {name: found.env[name] for name in revision.spec.secrets if found and name in found.env}

    def close(self) -> None:
        """Close the connection to the engine."""
        self._engine.close()

    def _containers(self) -> list[tuple[int, ContainerState]]:
        found = self._engine.containers.find(self._labels())
        numbered = [(state.labels.get(_RELEASE, ""), state) for state in found]
        return sorted(
            ((int(number), state) for number, state in numbered if number.isdecimal()), key=lambda pair: pair[0]
        )

    def _find(self, number: int) -> ContainerState | None:
        found = self._engine.containers.find({**self._labels(), _RELEASE: str(number)})
        return found[0] if found else None

    def _held(self, number: int, state: ContainerState) -> Held:
        return Held(
            number=number,
            deploy=state.labels.get(_DEPLOY, ""),
            spec_hash=state.labels.get(_SPEC, ""),
            alive=state.running,
            serving=self._live in state.networks,
            name=state.name,
            url=next((f"http://{host}:{port}" for host, port in state.ports.values()), ""),
            detail="running" if state.running else _ended(state),
            state=state.labels.get(_STATE, ""),
        )

    def _image(self, revision: Revision) -> str:
        """Return the id of the image, which is pulled by its digest if the engine has lost it."""
        wanted = revision.spec.image
        if self._engine.images.exists(wanted):
            return wanted
        digest = revision.image.digest if revision.image else ""
        if not digest:
            raise NotFoundError(
                f"the image of release {revision.number} is not in the engine any more and was never pushed",
                hint="deploy again to build it",
            )
        pulled = self._engine.images.pull(digest, self._sink, span=self._span)
        if pulled.id != wanted:
            raise ConflictError(f"{digest} is {pulled.id} on this engine, but {wanted} was deployed")
        return wanted

    def _container(self, revision: Revision, materials: Materials, image: str) -> ContainerSpec:
        spec = revision.spec
        return ContainerSpec(
            image=image,
            name=self._name(revision.number),
            command=spec.command,
            env=spec.env,
            secrets=materials.secrets,
            labels={
                **self._labels(),
                _RELEASE: str(revision.number),
                _SPEC: spec.hash,
                _DEPLOY: revision.deploy,
                _STATE: self._state,
            },
            network=BASE_NETWORK,
            ports=[PortBinding(spec.port)] if spec.port else [],
            cpus=spec.cpus,
            memory=spec.memory,
        )

    def _refuse_unreachable(self, revision: Revision) -> None:
        host = urlsplit(self._engine.url).hostname or "localhost"
        if revision.health.http and host not in {"localhost", "127.0.0.1", "::1"}:
            raise UsageError(
                f"health.http is asked through a loopback port, but the {self.place} is on another machine",
                hint="leave health.http out; the image's own HEALTHCHECK counts everywhere",
            )

    def _labels(self) -> dict[str, str]:
        slot = self._slot
        return {"opsctl.project": slot.project, "opsctl.service": slot.service, "opsctl.env": slot.env}

    def _name(self, number: int) -> str:
        # Names of projects, services and environments may hold "-" but no "_".
        return f"{self._slot.project}_{self._slot.service}_{self._slot.env}_{number}"

    @property
    def _keep_repository(self) -> str:
        return f"opsctl.keep/{self._slot.project}/{self._slot.service}"

    def _keep_tag(self, number: int) -> str:
        return f"{self._keep_repository}:{self._slot.env}-{number}"


def _deviations(found: ContainerState, revision: Revision, materials: Materials | None) -> Iterator[str]:
    """Yield in what a container is not the one that was, or would be, made."""
    spec = revision.spec
    if (found.labels.get(_DEPLOY), found.labels.get(_SPEC)) != (revision.deploy, spec.hash):
        yield f"container {found.name} was made by another deploy"
        return
    if found.image_id != spec.image:
        yield f"container {found.name} runs another image"
    if (found.cpus, found.memory) != (spec.cpus, spec.memory):
        yield f"the limits of container {found.name} were changed"
    for name, value in spec.env.items():
        if found.env.get(name) != value:
            yield f"env.{name} of container {found.name} has another value"
    for name, value in (materials.secrets if materials else {}).items():
        if found.env.get(name) != value:
            yield f"the secret {name} has got another value"


def _ended(found: ContainerState) -> str:
    if found.status == "created":
        return f"was never started{f': {found.error}' if found.error else ''}"
    if found.status == "restarting":
        return "keeps crashing"
    why = ", out of memory" if found.oom_killed else ""
    return f"exited with code {found.exit_code}{why}"


def open_target(options: DockerOptions, context: TargetContext) -> Target:
    """Connect to the engine.

    Raises:
        TransientError: it does not answer.
        DeniedError: its socket may not be opened.
    """
    engine = connect(options.engine)
    return DockerTarget(
        engine, context.slot, state=context.state, network=options.network, sink=context.sink, span=context.span
    )


PLUGIN = TargetPlugin(options=DockerOptions, needs="image", open=open_target)
