"""The values of a deploy: what would run, what was tried, what came of it.

A *release* is one attempt to change what serves; it has a number (`seq`) and one immutable record, written when the
attempt is over. A *revision* is what an attempt put on the target; it is called by the number of the attempt that
made it, and a rollback is an attempt that serves an older revision again. Times are UTC and for people only:
no decision depends on a clock that two machines must share.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

import msgspec

from opsctl.config.models import Health
from opsctl.events import Status
from opsctl.words import counted

__all__ = [
    "ArtifactRecord",
    "Attempt",
    "Failure",
    "Git",
    "HealthPolicy",
    "ImageRecord",
    "Outcome",
    "Release",
    "Slot",
    "Spec",
    "Stage",
    "StageRun",
    "counted",
]

Stage = Literal["build", "pull", "test", "push", "start", "health", "switch", "bake", "retire", "record"]
"""The arrows of a deploy, in the order a plain one takes them."""

Outcome = Literal["succeeded", "failed", "rolled_back"]
"""`failed`: it did not get as far as the switch. `rolled_back`: it had, and has been switched back."""


class Slot(msgspec.Struct, frozen=True):
    """What is deployed where.

    Args:
        project: name of the project.
        env: name of the environment.
        service: name of the service.
    """

    project: str
    env: str
    service: str

    def __str__(self) -> str:
        return f"{self.service}@{self.env}"

    @property
    def key(self) -> str:
        """Where its records are in the state store."""
        return f"deploys/{self.env}/{self.service}"


class ImageRecord(msgspec.Struct, frozen=True):
    """One image.

    Args:
        ref: name and tag that people know it by.
        id: the engine's id ("sha256:..."), which names the content; "" while it is not there yet.
        digest: "name@sha256:..." under which a registry has it, "" when it was never pushed or pulled.
    """

    ref: str
    id: str = ""
    digest: str = ""


class ArtifactRecord(msgspec.Struct, frozen=True):
    """The files of a release.

    Args:
        digest: SHA-256 over names and contents.
        files: how many.
        bytes: in all.
    """

    digest: str
    files: int
    bytes: int


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What would run, without any secret; two equal specs need no deploy between them.

    Args:
        image: id of the image, "" for files.
        artifact: digest of the files, "" for an image.
        command: argv that replaces the image's command.
        port: what the process listens on.
        env: plain settings.
        secrets: name -> reference ("env:DATABASE_URL"); never the value.
        cpus: limit, 0 for none.
        memory: limit in bytes, 0 for none.
    """

    image: str = ""
    artifact: str = ""
    command: tuple[str, ...] = ()
    port: int = 0
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    cpus: float = 0.0
    memory: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON.

        Fields at their default are left out, so that a field that a later version adds changes no old hash.
        """
        default = Spec()
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        told = {name: value for name, value in said.items() if value != getattr(default, name)}
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


class HealthPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a new revision counts as healthy; all times in seconds.

    Args:
        http: path that must answer 200-399, "" when being up is enough.
        interval: between two probes.
        passes: consecutive passes needed.
        stable_for: how long it must then stay up, passing, as the same process.
        deadline: from its start; past it the revision has failed.
        timeout: of one probe.
    """

    http: str = ""
    interval: float = 1.0
    passes: int = 3
    stable_for: float = 5.0
    deadline: float = 90.0
    timeout: float = 5.0

    @classmethod
    def of(cls, health: Health) -> HealthPolicy:
        """Return the policy that the project file asks for."""
        return cls(
            http=health.http,
            interval=float(health.interval),
            passes=health.passes,
            stable_for=float(health.stable_for),
            deadline=float(health.deadline),
            timeout=float(health.timeout),
        )


class Git(msgspec.Struct, frozen=True):
    """Where the working tree stood.

    Args:
        sha: full commit id, "" outside a repository.
        branch: "" when detached.
        dirty: there were uncommitted changes.
    """

    sha: str = ""
    branch: str = ""
    dirty: bool = False


class StageRun(msgspec.Struct, frozen=True):
    """One arrow that was taken.

    Args:
        stage: which.
        started: when.
        seconds: how long it took.
        status: how it ended.
        detail: one line: what came of it.
    """

    stage: Stage
    started: datetime
    seconds: float
    status: Status = "ok"
    detail: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed; holds no secret.

    Args:
        stage: where.
        kind: word of the error class ("failed", "transient", "interrupted").
        message: one line.
        hint: one line, or "".
        exit_code: of the process, None when it did not end or there is none.
        oom_killed: the kernel killed it for want of memory.
        log: its last lines.
        health: outputs of the image's own health check, oldest first.
        way_back: why what served before could not be made to serve again; "" when it serves.
    """

    stage: Stage
    kind: str
    message: str
    hint: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    log: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    way_back: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an attempt while it is under way; the journal holds it.

    Args:
        seq: number of the attempt, from 1, growing.
        id: random; tells attempts of different state stores apart.
        revision: what it serves, or is to: its own number, or an older one for a rollback.
        maker: id of the attempt that made the revision.
        created: when it began.
        who: "user@host", or the actor of the CI run.
        version: what people call it.
        git: where the working tree stood.
        image: of an image, None for files.
        artifact: of files, None for an image.
        spec: what would run.
        health: the gate it has to pass.
        parent: attempt that served before, 0 for none.
        replaces: revision that a rollback from this one goes to, 0 for none.
        retain: how many revisions are to be kept.
        stages: arrows taken, in order.
    """

    seq: int
    id: str
    revision: int
    maker: str
    created: datetime
    who: str
    version: str = ""
    git: Git = Git()
    image: ImageRecord | None = None
    artifact: ArtifactRecord | None = None
    spec: Spec
    health: HealthPolicy = HealthPolicy()
    parent: int = 0
    replaces: int = 0
    retain: int = 10
    stages: tuple[StageRun, ...] = ()

    @property
    def is_rollback(self) -> bool:
        """Whether it serves a revision that an earlier attempt made."""
        return self.revision != self.seq


class Release(Attempt, frozen=True, kw_only=True):
    """The record of an attempt that is over.

    Args:
        spec_hash: `spec.hash`, kept so that a reader needs no code.
        outcome: how it ended.
        failure: why, None when it succeeded.
        recovered: a later command finished or undid it, because this one was killed.
    """

    spec_hash: str
    outcome: Outcome
    failure: Failure | None = None
    recovered: bool = False

    @classmethod
    def of(
        cls, attempt: Attempt, outcome: Outcome, *, failure: Failure | None = None, recovered: bool = False
    ) -> Release:
        """Return the record of `attempt`."""
        fields = {name: getattr(attempt, name) for name in Attempt.__struct_fields__}
        spec_hash = attempt.spec.hash
        return cls(**fields, spec_hash=spec_hash, outcome=outcome, failure=failure, recovered=recovered)
