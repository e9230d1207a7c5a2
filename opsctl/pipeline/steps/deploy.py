"""`deploy`: a service to an environment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

from opsctl.config import secrets
from opsctl.config.expressions import BOOLEAN, NUMBER, STRING, Type, map_of
from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Duration, Text
from opsctl.errors import OpsctlError
from opsctl.pipeline.kinds import Command, OutputValue, Site, StepKind, WorkContext, WorkKind, WorkResult
from opsctl.pipeline.services import service_faults, value_of
from opsctl.pipeline.worker import work_command

__all__ = ["KIND", "DeployOptions"]


class DeployOptions(Model, frozen=True, kw_only=True):
    """What to deploy.

    Args:
        service: name.
        env: name of the environment.
        image: reference to take as it is, instead of building the service's own.
        version: what people call it; by default the tag or commit of the working tree.
        lock_wait: how long to wait for another deploy to end.
        force: deploy although nothing would change, and take over what another state store deployed.
    """

    later: ClassVar[frozenset[str]] = frozenset({"to", "strategy", "rollout", "wait", "rollback"})

    service: Text
    env: Text
    image: Text | None = None
    version: Text | None = None
    lock_wait: Duration = Duration(0)
    force: bool = False


class DeployKind:
    """Deploys behind the health gate; when it fails, what ran before serves again."""

    name: ClassVar[str] = "deploy"
    options: ClassVar[Any] = DeployOptions
    outputs: ClassVar[Type] = map_of({"release": NUMBER, "version": STRING, "url": STRING, "changed": BOOLEAN})
    step_keys: ClassVar[frozenset[str]] = frozenset()

    def needs_project(self, options: DeployOptions) -> bool:
        """A deploy is about a service."""
        del options
        return True

    def check(self, options: DeployOptions, project: LoadedProject | None) -> Iterator[Fault]:
        """Service and environment are there."""
        if project is not None:
            yield from service_faults(project, options.service, options.env)

    def describe(self, options: DeployOptions) -> str:
        """Return what goes where."""
        image = f" with image {options.image}" if options.image is not None else ""
        return f"deploy service {options.service} to {options.env}{image}"

    def command(self, options: DeployOptions, site: Site) -> Command:
        """Return the worker."""
        return work_command(self.name, options, site)

    def run(self, options: DeployOptions, context: WorkContext) -> WorkResult:
        """Deploy."""
        from opsctl.deploy.service import DeployRequest, deploy  # noqa: PLC0415 - in the worker only

        service, env = str(options.service), str(options.env)
        _hide_secrets(context, service, env)
        request = DeployRequest(
            service=service,
            env=env,
            image=value_of(options.image),
            version=value_of(options.version),
            lock_wait=float(options.lock_wait),
            force=options.force,
        )
        result = deploy(context.project, request, sink=context.sink)
        release = result.release
        outputs: dict[str, OutputValue] = {
            "release": release.seq,
            "version": release.version,
            "url": result.url,
            "changed": result.changed,
        }
        detail = f"release {release.seq} of {service} serves {env}{f' at {result.url}' if result.url else ''}"
        return WorkResult(outputs, detail, changed=result.changed)


def _hide_secrets(context: WorkContext, service: str, env: str) -> None:
    """Make the run hide the secrets of the service: a container that fails may print them.

    Those of `cmd:` are not asked for twice; deploys hide them on their own.
    """
    for ref in context.project.service(service, env).secrets.values():
        if ref.scheme != "cmd":
            with contextlib.suppress(OpsctlError):  # the deploy says what is missing
                context.hide(secrets.resolve(ref, env=context.env, cwd=context.root))


KIND = DeployKind()
_contract: StepKind = KIND
_works: WorkKind = KIND
