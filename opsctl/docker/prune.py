"""Remove images that opsctl built and nobody needs any more, and containers that killed tests have left.

Kept are images that a container uses, running or not, those that a release can be rolled back to (deploys give
them a tag below `opsctl.keep/`), and the newest of every repository. Images that others built are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from opsctl.docker import reaper, reference
from opsctl.docker.build import CONTENT_LABEL
from opsctl.docker.engine import Engine
from opsctl.docker.model import ImageInfo
from opsctl.docker.spans import span
from opsctl.errors import ConflictError, UsageError
from opsctl.events import Message, Sink, discard

__all__ = ["KEEP_REPOSITORY", "Leftover", "PruneRequest", "PruneResult", "prune"]

KEEP_REPOSITORY = "opsctl.keep/"
"""Repositories whose tags protect an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What may go.

    Args:
        keep: newest images of every repository that stay.
        dry_run: only say what would go.
    """

    keep: int = 10
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that is not needed.

    Args:
        kind: what it is.
        id: of the image or container.
        names: its references, or its name.
        size: bytes of an image, shared layers included; 0 for a container.
    """

    kind: Literal["image", "container"]
    id: str
    names: tuple[str, ...]
    size: int = 0


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What came of it.

    Args:
        removed: what is gone, or would be.
        dry_run: nothing was touched.
    """

    removed: tuple[Leftover, ...]
    dry_run: bool


def prune(request: PruneRequest, engine: Engine, sink: Sink = discard) -> PruneResult:
    """Find what is not needed and remove it.

    Raises:
        UsageError: less than nothing is to be kept.
    """
    if request.keep < 0:
        raise UsageError("--keep cannot be negative")
    with span(sink, "prune", "prune images") as outcome:
        found = [*_containers(engine), *_images(engine, request.keep)]
        gone = found if request.dry_run else [one for one in found if _remove(one, engine, sink)]
        outcome.detail = f"{len(gone)} {'to remove' if request.dry_run else 'removed'}"
    return PruneResult(tuple(gone), request.dry_run)


def _containers(engine: Engine) -> Iterator[Leftover]:
    for container in reaper.abandoned(engine):
        yield Leftover("container", container.id, (container.name,))


def _images(engine: Engine, keep: int) -> Iterator[Leftover]:
    built = [image for image in engine.images.find({CONTENT_LABEL: ""}) if _built_here(image, engine)]
    kept = _newest(built, keep)
    for image in built:
        if image.id not in kept and not _kept_for_rollback(image) and not engine.containers.of_image(image.id):
            yield Leftover("image", image.id, image.tags, image.size)


def _built_here(image: ImageInfo, engine: Engine) -> bool:
    """Tell an image that opsctl built from one that somebody else built on top of it, which has its labels."""
    return f"{CONTENT_LABEL}={image.labels[CONTENT_LABEL]}" in engine.images.last_step(image.id)


def _newest(images: list[ImageInfo], keep: int) -> set[str]:
    """Return the ids of the newest images of every repository; `images` begins with the newest."""
    counted: dict[str, int] = {}
    kept = set()
    for image in images:
        for repository in {reference.parse(tag).name for tag in image.tags}:
            counted[repository] = counted.get(repository, 0) + 1
            if counted[repository] <= keep:
                kept.add(image.id)
    return kept


def _kept_for_rollback(image: ImageInfo) -> bool:
    return any(tag.startswith(KEEP_REPOSITORY) for tag in image.tags)


def _remove(found: Leftover, engine: Engine, sink: Sink) -> bool:
    """Remove it, and return False when it has come into use meanwhile."""
    if found.kind == "container":
        engine.containers.remove(found.id)
        return True
    try:
        # By name, because an id with several names is refused, and never by force.
        for name in found.names or (found.id,):
            engine.images.remove(name)
    except ConflictError as error:
        sink(Message("prune", f"kept {', '.join(found.names) or found.id}: {error.message}", level="warning"))
        return False
    return True
