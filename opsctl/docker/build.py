"""Build an image, unless the engine already has one of the same content.

`opsctl.content=<hash>` is a label of every image built here. The hash covers the context, the Dockerfile, the
arguments, the labels, the target and the ids of the base images that are in the engine. An image that carries it is
what the build would give, so it only gets the tags. What a `RUN` fetches from elsewhere is not covered, as it is
not by any builder's own cache; `force` builds anew.

Tags are given last: a build that fails, or is cancelled, leaves none.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from opsctl.docker import buildx, classic, dockerfile, reference
from opsctl.docker.context import Context, open_context
from opsctl.docker.dockerfile import Dockerfile
from opsctl.docker.engine import Engine
from opsctl.docker.job import Build, BuildFailedError
from opsctl.docker.spans import span
from opsctl.errors import LocalIOError, MissingToolError, UsageError
from opsctl.events import Message, Sink, discard

__all__ = ["CONTENT_LABEL", "BuildRequest", "BuildResult", "Expectation", "build", "expect"]

CONTENT_LABEL = "opsctl.content"
_SCHEME = "opsctl image 1"

Builder = Literal["auto", "classic", "buildx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build.

    Args:
        context: directory sent to the builder.
        dockerfile: absolute, or relative to the context; it may lie outside of it.
        tags: references to give to the image; ":latest" is added to those without a tag.
        target: stage to build, "" for the last.
        args: build arguments; they end up in the image's history, so no secrets.
        labels: of the image.
        builder: "auto" takes buildx where it is installed.
        pull: fetch the base images anew, although the engine has them.
        force: build although an image of the same content exists, and use no layers of earlier builds.
        name: what is built, for people; the first tag by default.
        parent: piece of work that this one belongs to.
    """

    context: Path
    dockerfile: Path = Path("Dockerfile")
    tags: Sequence[str] = ()
    target: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    builder: Builder = "auto"
    pull: bool = False
    force: bool = False
    name: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came of a build.

    Args:
        image_id: "sha256:...".
        tags: references that now point to it.
        content_hash: what it was made of.
        skipped: the engine had it already.
        builder: who built it, "" when nobody had to.
    """

    image_id: str
    tags: tuple[str, ...]
    content_hash: str
    skipped: bool
    builder: Literal["", "classic", "buildx"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a build would give.

    Args:
        content_hash: what it would be made of, as far as the base images are in the engine.
        image_id: of the image that is there already, "" when it has to be built.
    """

    content_hash: str
    image_id: str


def build(request: BuildRequest, engine: Engine, sink: Sink = discard) -> BuildResult:
    """Build an image, or find that it is there, and tag it.

    Raises:
        BuildFailedError: an instruction of the Dockerfile failed.
        ConfigError: the Dockerfile, the ignore file or the context cannot be used.
        NotFoundError: no such context, Dockerfile or base image.
        MissingToolError: the Dockerfile needs BuildKit and there is no buildx.
        UsageError: a tag is not a reference.
        InterruptedRunError: the engine was cancelled.
    """
    tags = tuple(_taggable(tag) for tag in request.tags)
    _refuse_reserved(request.labels)
    name = request.name or (tags[0] if tags else str(request.context))
    work = f"build:{name}"
    with span(sink, work, f"build {name}", parent=request.parent) as outcome:
        try:
            result = _build(request, engine, sink, tags=tags, work=work)
        except BuildFailedError as error:
            outcome.file, outcome.line = error.file, error.line
            raise
        outcome.status = "unchanged" if result.skipped else "ok"
        outcome.detail = f"image {_short(result.image_id)}"
    return result


def expect(request: BuildRequest, engine: Engine) -> Expectation:
    """Say what a build would give, without building, pulling or tagging anything.

    Raises:
        ConfigError: the Dockerfile, the ignore file or the context cannot be used.
        NotFoundError: no such context or Dockerfile.
    """
    context = open_context(request.context, request.dockerfile)
    text = _read(context.dockerfile)
    wanted = dockerfile.parse(text.decode("utf-8", "replace")).bases(request.args, target=request.target)
    bases = {image: engine.images.inspect(image).id if engine.images.exists(image) else "" for image in wanted}
    content = content_hash(request, context, text, bases=bases)
    return Expectation(content, "" if request.force else _unchanged(engine, content) or "")


def _build(request: BuildRequest, engine: Engine, sink: Sink, *, tags: tuple[str, ...], work: str) -> BuildResult:
    context = open_context(request.context, request.dockerfile)
    text = _read(context.dockerfile)
    parsed = dockerfile.parse(text.decode("utf-8", "replace"))
    # Asking the docker command for buildx takes longer than finding that nothing has changed.
    builder = functools.cache(lambda: _choose(request.builder))
    bases = _bases(parsed, request, engine, sink, builder=builder, work=work)
    content = content_hash(request, context, text, bases=bases)
    existing = None if request.force else _unchanged(engine, content)
    if existing:
        image = existing
        sink(Message(work, f"unchanged: image {_short(image)} has this content"))
    else:
        mark = f"{CONTENT_LABEL}={content}"
        image = _RUN[builder()](_job(request, context, parsed, mark=mark, work=work), engine, sink)
    for tag in tags:
        engine.images.tag(image, tag)
    return BuildResult(image, tags, content, bool(existing), "" if existing else builder())


def _unchanged(engine: Engine, content: str) -> str | None:
    """Return the id of an image of that content, None where there is none.

    An image built on such a one inherits its labels, but its last step is another.
    """
    wanted = f"{CONTENT_LABEL}={content}"
    found = engine.images.find({CONTENT_LABEL: content})
    return next((image.id for image in found if wanted in engine.images.last_step(image.id)), None)


_RUN = {"classic": classic.run, "buildx": buildx.run}


def _job(request: BuildRequest, context: Context, parsed: Dockerfile, *, mark: str, work: str) -> Build:
    return Build(
        context=context,
        dockerfile=parsed,
        args=request.args,
        labels=request.labels,
        mark=mark,
        target=request.target,
        pull=request.pull,
        cached=not request.force,
        span=work,
    )


def content_hash(request: BuildRequest, context: Context, text: bytes, *, bases: Mapping[str, str]) -> str:
    """Return the hash over everything that makes the image, in hex.

    Args:
        request: arguments, labels and target.
        context: files.
        text: of the Dockerfile, which may not be among the files.
        bases: image the build starts from -> its id, "" when the engine does not have it.
    """
    parts = {
        "scheme": _SCHEME,
        "context": context.digest(),
        "dockerfile": hashlib.sha256(text).hexdigest(),
        "args": dict(request.args),
        "labels": dict(request.labels),
        "target": request.target,
        "bases": dict(bases),
    }
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _bases(
    parsed: Dockerfile,
    request: BuildRequest,
    engine: Engine,
    sink: Sink,
    *,
    builder: Callable[[], Literal["classic", "buildx"]],
    work: str,
) -> dict[str, str]:
    """Return the images that the build starts from -> their ids.

    The classic builder leaves what it pulls in the engine, so it is pulled here first: else the same content
    would have one hash before and another one after.
    """
    ids: dict[str, str] = {}
    for image in parsed.bases(request.args, target=request.target):
        known = engine.images.exists(image)
        if (request.pull or not known) and builder() == "classic":
            ids[image] = engine.images.pull(image, sink, span=work).id
        else:
            ids[image] = engine.images.inspect(image).id if known else ""
    return ids


def _choose(builder: Builder) -> Literal["classic", "buildx"]:
    if builder == "classic" or (builder == "auto" and not buildx.available()):
        return "classic"
    if builder == "buildx" and not buildx.available():
        raise MissingToolError("docker buildx is not installed", hint="https://docs.docker.com/go/buildx/")
    return "buildx"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalIOError(f"cannot read {path}: {error.strerror}") from error


def _taggable(tag: str) -> str:
    wanted = reference.parse(tag)
    if wanted.digest:
        raise UsageError(f"{tag!r} has a digest", hint="an image that is built can only be given a tag")
    return wanted.tagged


def _refuse_reserved(labels: Mapping[str, str]) -> None:
    if CONTENT_LABEL in labels:
        raise UsageError(f"the label {CONTENT_LABEL} is set by opsctl", hint="choose another label")


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]
