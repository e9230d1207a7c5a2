"""Everything that the stages of a deploy work with: the slot, its target, its memory, its ways to speak."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsctl.deploy.model import Attempt, ImageRecord, Slot
from opsctl.deploy.records import Records
from opsctl.deploy.target import Materials, Revision, Target
from opsctl.errors import InterruptedRunError
from opsctl.events import Level, Message, Sink, discard
from opsctl.state import Lease

__all__ = ["Site", "Supply", "revision_of"]


class Supply(Protocol):
    """Where the image of a release comes from."""

    def build(self, *, span: str) -> ImageRecord:
        """Build it, or find it when nothing that goes into it has changed."""

    def test(self, image: ImageRecord, *, span: str) -> str:
        """Run its checks and say in one line how they went.

        Raises:
            StepFailedError: one of them failed.
        """

    def push(self, image: ImageRecord, *, span: str) -> ImageRecord:
        """Push it and return it with the digest that the registry has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the stages of a deploy work with.

    Args:
        slot: what is deployed where.
        target: where revisions live.
        records: what is remembered.
        supply: where images come from.
        resolve: from references of secrets to their values.
        sink: told what is going on.
        cancel: set by whoever wants the work to end early.
    """

    slot: Slot
    target: Target
    records: Records
    supply: Supply
    resolve: Callable[[Mapping[str, str]], Mapping[str, str]]
    sink: Sink = discard
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def span(self) -> str:
        """The piece of work that events belong to."""
        return f"deploy:{self.slot}"

    def say(self, text: str, level: Level = "info", *, hint: str = "") -> None:
        """Tell a person."""
        self.sink(Message(self.span, text, level, hint))

    def materials(self, revision: Revision) -> Materials:
        """Return what a recorded revision is made from.

        Raises:
            NotFoundError: a secret is not where its reference says.
        """
        return Materials(secrets=self.resolve(revision.spec.secrets))

    def pause(self, lease: Lease, seconds: float) -> None:
        """Wait.

        Raises:
            InterruptedRunError: the work is to end.
            ConflictError: the lease is lost.
        """
        if self.cancel.wait(seconds):
            raise InterruptedRunError(f"deploy of {self.slot} was cancelled")
        lease.check()


def revision_of(attempt: Attempt) -> Revision:
    """Return what an attempt puts on the target."""
    return Revision(
        number=attempt.revision,
        deploy=attempt.maker,
        spec=attempt.spec,
        image=attempt.image,
        artifact=attempt.artifact,
        health=attempt.health,
    )
