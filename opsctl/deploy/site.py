"""Everything that the stages of a deploy work with: the slot, its target, its memory, its ways to speak."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from opsctl.deploy.model import Attempt, ImageRecord, Slot
from opsctl.deploy.records import Records
from opsctl.deploy.secrecy import Secrecy
from opsctl.deploy.target import Materials, Probe, Revision, Target
from opsctl.errors import InterruptedRunError, OpsctlError
from opsctl.events import Event, Level, Message, Sink, SpanFinished, SpanStarted, Status, discard

__all__ = ["Site", "Supply", "Work", "revision_of"]


class Supply(Protocol):
    """Where the image of a release comes from."""

    def build(self, *, span: str) -> ImageRecord:
        """Build it, or find it when nothing that goes into it has changed."""

    def pull(self, *, span: str) -> ImageRecord:
        """Fetch it from its registry."""

    def test(self, image: ImageRecord, *, span: str) -> str:
        """Run its checks and say in one line how they went.

        Raises:
            StepFailedError: one of them failed.
        """

    def push(self, image: ImageRecord, *, span: str) -> ImageRecord:
        """Push it and return it with the digest that the registry has."""


@dataclass(slots=True)
class Work:
    """A piece of work under way; the block that does it fills it in.

    Args:
        span: id of it.
        status: how it ended.
        detail: one line: what came of it, or why it failed.
        seconds: how long it took.
    """

    span: str
    status: Status = "ok"
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the stages of a deploy work with.

    Args:
        slot: what is deployed where.
        target: where revisions live.
        records: what is remembered.
        resolve: from references of secrets to their values.
        supply: where images come from, None for files.
        sink: told what is going on, through `tell`.
        secrecy: hides the secrets in what is told, raised and recorded.
        parent: piece of work that this one belongs to, "" for none.
    """

    slot: Slot
    target: Target
    records: Records
    resolve: Callable[[Mapping[str, str]], Mapping[str, str]]
    supply: Supply | None = None
    sink: Sink = discard
    secrecy: Secrecy = field(default_factory=Secrecy)
    parent: str = ""

    @property
    def span(self) -> str:
        """The piece of work that events belong to."""
        return f"deploy:{self.slot}"

    def say(self, text: str, level: Level = "info", *, hint: str = "") -> None:
        """Tell a person."""
        self.tell(Message(self.span, text, level, hint))

    def tell(self, event: Event) -> None:
        """Pass on an event, without secrets."""
        self.secrecy.sink(self.sink)(event)

    @contextmanager
    def work(self, stage: str = "") -> Iterator[Work]:
        """Tell that the whole, or one stage of it, starts, and when and how it ended."""
        span, parent = (f"{self.span}/{stage}", self.span) if stage else (self.span, self.parent)
        self.tell(SpanStarted(span, stage or f"deploy {self.slot}", parent))
        begun, work, hint = time.monotonic(), Work(span), ""
        try:
            yield work
        except (KeyboardInterrupt, InterruptedRunError) as error:
            self.secrecy.mask_error(error)
            work.status, work.detail = "cancelled", str(error) or "interrupted"
            raise
        except Exception as error:
            self.secrecy.mask_error(error)
            work.status, work.detail = "failed", str(error)
            hint = error.hint if isinstance(error, OpsctlError) else ""
            raise
        finally:
            work.seconds = time.monotonic() - begun
            self.tell(SpanFinished(span, work.status, work.seconds, work.detail, hint))

    def materials(self, revision: Revision) -> Materials:
        """Return what a recorded revision is made from.

        Raises:
            NotFoundError: a secret is not where its reference says.
        """
        secrets = self.resolve(revision.spec.secrets)
        self.secrecy.hide(secrets)
        return Materials(secrets=secrets)

    def probe(self, revision: Revision) -> Probe:
        """Look at a started revision once; what it says is left out when a secret in it could not be hidden."""
        probe = self.target.probe(revision)
        if not self.secrecy.exposed:
            return probe
        return replace(probe, detail=f"it {'passes' if probe.passed else 'fails'}; what it says is not shown")


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
