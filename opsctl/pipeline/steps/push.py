"""`push`: images to their registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import field

from opsctl.config.expressions import STRING, Type, map_of
from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Text
from opsctl.pipeline.kinds import Command, Site, StepKind, WorkContext, WorkKind, WorkResult
from opsctl.pipeline.services import known, service_faults, value_of
from opsctl.pipeline.worker import work_command

__all__ = ["KIND", "PushOptions"]


class PushOptions(Model, frozen=True, kw_only=True):
    """Which images to push. Credentials are those of `docker login`.

    Args:
        service: push it under all its references; or:
        images: references, "latest" without a tag.
        env: environment of the service.
        engine: address of the engine; the one that the docker command would use by default.
    """

    service: Text | None = None
    images: list[Text] = field(default_factory=list)
    env: Text | None = None
    engine: Text | None = None

    def check(self) -> Iterator[Fault]:
        """Either a service or images."""
        if (self.service is None) == (not self.images):
            yield Fault((), "a push has either service or images", "for example: push: {service: web}")
        if self.service is None and self.env is not None:
            yield Fault(("env",), "'env' means nothing here: it is about a service", "remove it")


class PushKind:
    """Pushes, and asks the registry whether it has what was pushed."""

    name: ClassVar[str] = "push"
    options: ClassVar[Any] = PushOptions
    outputs: ClassVar[Type] = map_of({"digest": STRING, "pinned": STRING})
    step_keys: ClassVar[frozenset[str]] = frozenset()

    def needs_project(self, options: PushOptions) -> bool:
        """Tell whether a service is pushed."""
        return options.service is not None

    def check(self, options: PushOptions, project: LoadedProject | None) -> Iterator[Fault]:
        """The service is there and names its image."""
        if project is None:
            return
        faults = list(service_faults(project, options.service, options.env))
        yield from faults
        name = known(options.service)
        if not faults and name is not None and project.service(name).image is None:
            hint = f"add image: {{name: REGISTRY/NAME}} to it in {project.name}"
            yield Fault(("service",), f"service {name} has no image:", hint)

    def describe(self, options: PushOptions) -> str:
        """Return what is pushed."""
        if options.service is not None:
            return f"push images of service {options.service}"
        return f"push {', '.join(map(str, options.images))}"

    def command(self, options: PushOptions, site: Site) -> Command:
        """Return the worker."""
        return work_command(self.name, options, site)

    def run(self, options: PushOptions, context: WorkContext) -> WorkResult:
        """Push."""
        from opsctl.docker.engine import connect  # noqa: PLC0415 - in the worker only
        from opsctl.docker.push import PushRequest, push  # noqa: PLC0415 - in the worker only
        from opsctl.docker.service import to_push  # noqa: PLC0415 - in the worker only

        request = PushRequest(references=tuple(map(str, options.images)))
        if options.service is not None:
            request = to_push(context.project, value_of(options.service), env=value_of(options.env))
        with connect(value_of(options.engine)) as engine:
            first, *more = push(request, engine, context.sink).pushed
        detail = first.pinned + (f" and {len(more)} more" if more else "")
        return WorkResult({"digest": first.digest, "pinned": first.pinned}, detail)


KIND = PushKind()
_contract: StepKind = KIND
_works: WorkKind = KIND
