"""Push images to their registries, and make sure that they are there.

A push counts only when the registry, asked afterwards, has the digest that was pushed under the tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsctl.docker import reference
from opsctl.docker.engine import Engine
from opsctl.docker.spans import span
from opsctl.errors import ConflictError, UsageError
from opsctl.events import Message, Sink, discard

__all__ = ["PushRequest", "PushResult", "Pushed", "push"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """What to push.

    Args:
        references: with a tag ("latest" by default); each must be in the engine.
        name: what is pushed, for people; the first reference by default.
        parent: piece of work that this one belongs to.
    """

    references: Sequence[str]
    name: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One reference that is in its registry.

    Args:
        reference: name and tag.
        digest: "sha256:..." of the manifest.
        pinned: "name@sha256:...", which nobody can move.
        image_id: "sha256:..." of the image in the engine.
    """

    reference: str
    digest: str
    pinned: str
    image_id: str


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came of a push.

    Args:
        pushed: in the order of the request.
    """

    pushed: tuple[Pushed, ...]


def push(request: PushRequest, engine: Engine, sink: Sink = discard) -> PushResult:
    """Push every reference, the first failure ends it.

    Raises:
        NotFoundError: a reference is not in the engine.
        DeniedError: the registry wants other credentials.
        TransientError: the registry cannot be reached, or gives up.
        ConflictError: another push has moved the tag meanwhile.
        UsageError: nothing to push, or not a reference to a tag.
        InterruptedRunError: the engine was cancelled.
    """
    wanted = [_pushable(text) for text in request.references]
    if not wanted:
        raise UsageError("there is nothing to push", hint="name at least one image")
    # Before the first byte goes out: all of them are there.
    images = [engine.images.inspect(one) for one in wanted]
    name = request.name or wanted[0]
    work = f"push:{name}"
    pushed = []
    with span(sink, work, f"push {name}", parent=request.parent) as outcome:
        for one, image in zip(wanted, images, strict=True):
            pushed.append(_push(one, image.id, engine, sink, work=work))
        outcome.detail = ", ".join(item.reference for item in pushed)
    return PushResult(tuple(pushed))


def _push(wanted: str, image_id: str, engine: Engine, sink: Sink, *, work: str) -> Pushed:
    digest = engine.images.push(wanted, sink, span=work)
    found = engine.images.registry_digest(wanted)
    if found != digest:
        raise ConflictError(
            f"push {wanted}: the registry now has {found}, but {digest} was pushed",
            hint="another push has moved the tag; give every build a tag of its own",
        )
    sink(Message(work, f"{wanted} is {digest}"))
    return Pushed(wanted, digest, f"{reference.parse(wanted).name}@{digest}", image_id)


def _pushable(text: str) -> str:
    wanted = reference.parse(text)
    if wanted.digest:
        raise UsageError(f"{text!r} has a digest", hint="push it by its tag; the registry makes the digest")
    return wanted.tagged
