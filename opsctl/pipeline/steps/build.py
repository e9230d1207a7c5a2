"""`build`: an image, of a service or of any directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import field

from opsctl.config.expressions import BOOLEAN, STRING, Type, map_of
from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Text
from opsctl.pipeline.kinds import Command, OutputValue, Site, StepKind, WorkContext, WorkKind, WorkResult
from opsctl.pipeline.services import known, service_faults, value_of
from opsctl.pipeline.worker import work_command

if TYPE_CHECKING:
    from opsctl.docker.build import BuildRequest

__all__ = ["KIND", "BuildOptions"]


class BuildOptions(Model, frozen=True, kw_only=True):
    """Which image to build.

    Args:
        service: build it as opsctl.yaml says; or:
        context: directory whose files the Dockerfile can use.
        env: environment of the service.
        dockerfile: path relative to the context.
        target: stage to build, "" for the last.
        tags: names to give to the image, beside those of the service.
        args: build arguments, beside those of the service. They stay in the image's history: no secrets.
        labels: labels of the image, beside those of the service.
        pull: fetch the base images anew.
        force: build although nothing has changed.
        engine: address of the engine; the one that the docker command would use by default.
    """

    later: ClassVar[frozenset[str]] = frozenset({"platforms", "secrets", "push", "cache_from", "cache_to"})

    service: Text | None = None
    context: Text | None = None
    env: Text | None = None
    dockerfile: Text | None = None
    target: Text | None = None
    tags: list[Text] = field(default_factory=list)
    args: dict[str, Text] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    pull: bool = False
    force: bool = False
    engine: Text | None = None

    def check(self) -> Iterator[Fault]:
        """Either a service or a directory, and only what fits to it."""
        if (self.service is None) == (self.context is None):
            yield Fault((), "a build has either service or context", "for example: build: {service: web}")
        foreign = ("dockerfile", "target") if self.service is not None else ("env",)
        for key in foreign:
            if getattr(self, key) is not None:
                told = "opsctl.yaml says it for a service" if self.service is not None else "it is about a service"
                yield Fault((key,), f"{key!r} means nothing here: {told}", "remove it")


class BuildKind:
    """Builds an image, unless the engine has one of the same content."""

    name: ClassVar[str] = "build"
    options: ClassVar[Any] = BuildOptions
    outputs: ClassVar[Type] = map_of({"image": STRING, "reference": STRING, "built": BOOLEAN})
    step_keys: ClassVar[frozenset[str]] = frozenset()

    def needs_project(self, options: BuildOptions) -> bool:
        """Tell whether a service is built."""
        return options.service is not None

    def check(self, options: BuildOptions, project: LoadedProject | None) -> Iterator[Fault]:
        """The service is there and can be built."""
        if project is None:
            return
        faults = list(service_faults(project, options.service, options.env))
        yield from faults
        name = known(options.service)
        if not faults and name is not None and project.service(name).build is None:
            yield Fault(("service",), f"service {name} has no build:", f"add build: to it in {project.name}")

    def describe(self, options: BuildOptions) -> str:
        """Return what is built."""
        named = f"service {options.service}" if options.service is not None else str(options.context)
        tags = f" as {', '.join(map(str, options.tags))}" if options.tags else ""
        return f"build image of {named}{tags}"

    def command(self, options: BuildOptions, site: Site) -> Command:
        """Return the worker."""
        return work_command(self.name, options, site)

    def run(self, options: BuildOptions, context: WorkContext) -> WorkResult:
        """Build."""
        from opsctl.docker.build import build  # noqa: PLC0415 - in the worker only
        from opsctl.docker.engine import connect  # noqa: PLC0415 - in the worker only

        request = _request(options, context)
        with connect(value_of(options.engine)) as engine:
            result = build(request, engine, context.sink)
        reference = result.tags[0] if result.tags else ""
        outputs: dict[str, OutputValue] = {
            "image": result.image_id,
            "reference": reference,
            "built": not result.skipped,
        }
        detail = f"image {result.image_id.removeprefix('sha256:')[:12]}{f' is {reference}' if reference else ''}"
        return WorkResult(outputs, detail, changed=not result.skipped)


def _request(options: BuildOptions, context: WorkContext) -> BuildRequest:
    from opsctl.docker.build import BuildRequest  # noqa: PLC0415 - in the worker only
    from opsctl.docker.service import to_build  # noqa: PLC0415 - in the worker only

    if options.service is None:
        request = BuildRequest(
            context=Path(value_of(options.context)),  # the worker's directory is the project's
            dockerfile=Path(value_of(options.dockerfile) or "Dockerfile"),
            target=value_of(options.target),
        )
    else:
        request = to_build(context.project, value_of(options.service), env=value_of(options.env))
    return replace(
        request,
        tags=(*request.tags, *map(str, options.tags)),
        args={**request.args, **{name: str(text) for name, text in options.args.items()}},
        labels={**request.labels, **{name: str(text) for name, text in options.labels.items()}},
        pull=options.pull,
        force=options.force,
    )


KIND = BuildKind()
_contract: StepKind = KIND
_works: WorkKind = KIND
