"""The contract of a deploy target: a few idempotent operations on the revisions of one service.

A target holds revisions, at most one of which serves. Each operation may be called again after it was done, half
done or never done; that is what recovery after a kill stands on. Targets raise only `opsctl.errors`: TransientError
when they cannot be reached, ConflictError when something that is not ours is in the way, StepFailedError when a
revision cannot run. They keep no memory of their own: what they know, they read from the engine or the bucket.

A plug-in is a `TargetPlugin`, named in `opsctl.plugins.DEPLOY_TARGETS`. Importing its module must not import an SDK,
because its options are bound while the project file is read. `opsctl.testing.deploy` checks all of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from opsctl.deploy.artifact import Artifact
from opsctl.deploy.model import ArtifactRecord, HealthPolicy, ImageRecord, Slot, Spec
from opsctl.events import Sink, discard
from opsctl.storage import StoreOptions

if TYPE_CHECKING:
    from opsctl.docker.engine import Engine

__all__ = [
    "Evidence",
    "HasEngine",
    "Held",
    "KnowsSecrets",
    "Materials",
    "Probe",
    "Revision",
    "Target",
    "TargetContext",
    "TargetPlugin",
    "TargetState",
]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt puts on the target.

    Args:
        number: of the attempt that made it.
        deploy: id of that attempt.
        spec: what runs.
        image: of an image, None for files.
        artifact: of files, None for an image.
        health: how it is probed.
    """

    number: int
    deploy: str
    spec: Spec
    image: ImageRecord | None = None
    artifact: ArtifactRecord | None = None
    health: HealthPolicy = HealthPolicy()


@dataclass(frozen=True, slots=True)
class Materials:
    """What a revision is made from and no record holds.

    Args:
        secrets: name in the container -> value.
        artifact: files on the local disk, None for an image and for a rollback.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    artifact: Artifact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One revision that is on the target.

    Args:
        number: of the attempt that made it.
        deploy: id of that attempt.
        spec_hash: of what it says it runs.
        alive: it runs, or could be read (files); False: stopped, crashed, half written.
        serving: it is the one that clients reach.
        name: what it is called there (container, directory).
        url: where people can look at it, "" for nowhere.
        detail: one line about its state ("exited (1)").
        state: URL of the state store of the deploy that made it, "" where the target does not keep it.
    """

    number: int
    deploy: str
    spec_hash: str
    alive: bool
    serving: bool
    name: str
    url: str = ""
    detail: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is on the target now.

    Args:
        revisions: by number.
    """

    revisions: tuple[Held, ...] = ()

    def get(self, number: int) -> Held | None:
        """Return the revision of that number, if it is there."""
        return next((held for held in self.revisions if held.number == number), None)

    @property
    def serving(self) -> tuple[Held, ...]:
        """What serves: none or one, and two only between the halves of a switch."""
        return tuple(held for held in self.revisions if held.serving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One look at a started revision.

    Args:
        passed: it answered as it should.
        alive: its process runs, or its files are there.
        started_at: when its process started, compared as text only; "" for files.
        restart_count: how often its process was started again.
        settled: one pass is enough, because nothing can change any more (files).
        detail: one line: what was seen.
    """

    passed: bool
    alive: bool
    started_at: str = ""
    restart_count: int = 0
    settled: bool = False
    detail: str = ""

    @property
    def process(self) -> tuple[str, int]:
        """What stays the same as long as the process is the same one."""
        return self.started_at, self.restart_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What explains a failure.

    Args:
        exit_code: of the process, None while it runs or when there is none.
        oom_killed: the kernel killed it for want of memory.
        log: last lines.
        health: outputs of the image's own health check, oldest first.
    """

    exit_code: int | None = None
    oom_killed: bool = False
    log: tuple[str, ...] = ()
    health: tuple[str, ...] = ()


class Target(Protocol):
    """Where the revisions of one slot live."""

    @property
    def place(self) -> str:
        """Where that is, for people; never holds a credential."""

    def inspect(self) -> TargetState:
        """Return what is there now. Changes nothing."""

    def differences(self, revision: Revision, materials: Materials | None) -> Sequence[str]:
        """Say in what that which should be this revision, and serve, is not so; () when it is. Changes nothing.

        Args:
            revision: as recorded, or as wanted.
            materials: with the values of the secrets, or None to leave them out of the comparison.
        """

    def start(self, revision: Revision, materials: Materials) -> None:
        """Put a revision on the target and start it, without sending it clients.

        One that is there and equal is only woken; one that is there and half made, or not equal, is made again.

        Raises:
            StepFailedError: it cannot run.
            NotFoundError: what it is made from (image, files) is gone.
            ConflictError: its place is taken by something that is not ours.
        """

    def probe(self, revision: Revision) -> Probe:
        """Look at a started revision once. That it fails, or is not there, is a result, not an error."""

    def switch(self, revision: Revision | None, *, fence: int) -> None:
        """Send all clients to a started revision and to no other one; None: nothing serves any more.

        Args:
            revision: to serve.
            fence: of the lease; a target that can compare refuses one that is lower than the last one of the same
                state store.

        Raises:
            ConflictError: a later holder of the lease has been here.
        """

    def retire(self, *, serving: int, keep: frozenset[int]) -> None:
        """Put every revision but the serving one to sleep, and remove what is neither it nor to be kept."""

    def discard(self, number: int) -> None:
        """Remove a revision that does not serve; an absent one, and a half-made one, is fine.

        Raises:
            ConflictError: it serves.
        """

    def evidence(self, number: int) -> Evidence:
        """Return what explains a failure of a revision; empty when there is nothing. Changes nothing."""

    def close(self) -> None:
        """Give back connections."""


@runtime_checkable
class HasEngine(Protocol):
    """A target with an engine of its own, which builds, tests and pushes its images."""

    @property
    def engine(self) -> Engine:
        """The engine."""


@runtime_checkable
class KnowsSecrets(Protocol):
    """A target that can tell with which values of its secrets a revision was made."""

    def secrets_of(self, revision: Revision) -> Mapping[str, str]:
        """Return name -> value for what is there, to be masked; nothing for a revision that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetContext:
    """What a target is opened with.

    Args:
        slot: what is deployed there.
        base: directory of the project file.
        state: URL of the state store, which tells deploys of different ones apart.
        stores: options of stores by URL prefix.
        sink: told what it does.
        span: piece of work that is told about.
    """

    slot: Slot
    base: Path
    state: str = ""
    stores: StoreOptions = field(default_factory=dict)
    sink: Sink = discard
    span: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlugin:
    """One kind of target.

    Args:
        options: model of what stands beside `type:` in the project file.
        needs: what a revision is made from.
        open: makes the target; connects lazily or raises TransientError.
    """

    options: type[msgspec.Struct]
    needs: Literal["image", "files"]
    open: Callable[[Any, TargetContext], Target]
