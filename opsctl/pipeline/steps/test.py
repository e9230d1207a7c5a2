"""`test`: an image, in containers: commands, files, settings, HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from opsctl.config.expressions import NUMBER, STRING, Type, map_of
from opsctl.config.models import Model, TestCheck
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Text
from opsctl.pipeline.kinds import Command, OutputValue, Site, StepKind, WorkContext, WorkKind, WorkResult
from opsctl.pipeline.services import known, service_faults, value_of
from opsctl.pipeline.worker import work_command
from opsctl.words import counted

__all__ = ["KIND", "TestOptions"]


class TestOptions(Model, frozen=True, kw_only=True):
    """Which image to test, and how.

    Args:
        service: make the checks that opsctl.yaml lists for it.
        image: reference or id of the image; by default the service's own.
        env: environment of the service.
        checks: further checks, of the same form as `test:` of a service.
        port: in the container, for HTTP checks that name none.
        junit: file to write the results to as JUnit XML, relative to the project.
        engine: address of the engine; the one that the docker command would use by default.
    """

    __test__: ClassVar[bool] = False  # pytest would take the class for a test

    service: Text | None = None
    image: Text | None = None
    env: Text | None = None
    checks: list[TestCheck] = field(default_factory=list)
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    junit: Text | None = None
    engine: Text | None = None

    def check(self) -> Iterator[Fault]:
        """There is an image, and something to check."""
        if self.service is None and self.image is None:
            yield Fault((), "a test needs a service or an image", "for example: test: {service: web}")
        elif self.service is None and not self.checks:
            yield Fault((), "there is nothing to check", "add checks: or service:")
        if self.service is None and self.env is not None:
            yield Fault(("env",), "'env' means nothing here: it is about a service", "remove it")


class TestKind:
    """Makes all checks, also after one that does not hold."""

    __test__: ClassVar[bool] = False

    name: ClassVar[str] = "test"
    options: ClassVar[Any] = TestOptions
    outputs: ClassVar[Type] = map_of({"image": STRING, "checks": NUMBER})
    step_keys: ClassVar[frozenset[str]] = frozenset()

    def needs_project(self, options: TestOptions) -> bool:
        """Tell whether a service is tested."""
        return options.service is not None

    def check(self, options: TestOptions, project: LoadedProject | None) -> Iterator[Fault]:
        """The service is there and has checks."""
        if project is None:
            return
        faults = list(service_faults(project, options.service, options.env))
        yield from faults
        name = known(options.service)
        if not faults and name is not None and not project.service(name).test and not options.checks:
            yield Fault(("service",), f"service {name} has no test:", f"add test: to it in {project.name}, or checks:")

    def describe(self, options: TestOptions) -> str:
        """Return what is tested."""
        image = f"image {options.image}" if options.image is not None else "image"
        of_service = f" of service {options.service}" if options.service is not None else ""
        added = len(options.checks) if options.service is not None else 0
        more = f" with {counted(added, 'more check')}" if added else ""
        return f"test {image}{of_service}{more}"

    def command(self, options: TestOptions, site: Site) -> Command:
        """Return the worker."""
        return work_command(self.name, options, site)

    def run(self, options: TestOptions, context: WorkContext) -> WorkResult:
        """Make the checks.

        Raises:
            StepFailedError: one does not hold.
        """
        from opsctl import junit  # noqa: PLC0415 - in the worker only
        from opsctl.docker.engine import connect  # noqa: PLC0415 - in the worker only
        from opsctl.docker.service import to_test  # noqa: PLC0415 - in the worker only
        from opsctl.docker.test import TestRequest, run, suite  # noqa: PLC0415 - in the worker only

        image = value_of(options.image)
        request = TestRequest(image=image, checks=())
        if options.service is not None:
            request = to_test(context.project, value_of(options.service), image=image, env=value_of(options.env))
        request = replace(request, checks=[*request.checks, *options.checks], port=options.port or request.port)
        with connect(value_of(options.engine)) as engine:
            result = run(request, engine, context.sink)
        if options.junit is not None:
            junit.write(Path(value_of(options.junit)), [suite(result)])
        result.require()
        outputs: dict[str, OutputValue] = {"image": result.image_id, "checks": len(result.checks)}
        return WorkResult(outputs, f"{counted(len(result.checks), 'check')} of {result.image}")


KIND = TestKind()
_contract: StepKind = KIND
_works: WorkKind = KIND
