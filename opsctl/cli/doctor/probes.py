"""What there is to look at: the machine, the project, and what the project names."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from opsctl.cli.doctor import machine, services
from opsctl.cli.doctor.model import Check, Probe, Surroundings
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import SecretRef
from opsctl.config.secrets import exposure
from opsctl.errors import UsageError
from opsctl.storage import StoreURL, parse_url
from opsctl.words import counted

__all__ = ["find_probes"]


def find_probes(surroundings: Surroundings) -> Iterator[Probe]:
    """Yield one probe per thing to look at."""
    project = surroundings.project
    root = project.root if project is not None else surroundings.cwd
    yield Probe("python", machine.look_at_python)
    yield Probe("git", lambda: machine.look_at_git(root), needed=False)
    yield Probe("shell", machine.look_at_shell)
    yield Probe("disk", lambda: machine.look_at_disk(root))
    yield Probe("project", lambda: _look_at_project(surroundings))
    for url, needed in _engines(project).items():
        yield Probe("engine", lambda url=url: services.look_at_engine(url), url, needed)  # type: ignore[misc]  # mypy has no type for a lambda with a default
    for registry in _registries(project):
        yield Probe("registry", lambda name=registry: services.look_at_registry(name), registry)  # type: ignore[misc]  # as above
    for store, holds_state in _stores(project).items():
        yield Probe(
            "store",
            lambda store=store, state=holds_state: services.look_at_store(store, project, holds_state=state),  # type: ignore[misc]  # as above
            str(store),
        )


def _look_at_project(surroundings: Surroundings) -> Check:
    if surroundings.broken is not None:
        raise surroundings.broken
    project = surroundings.project
    if project is None:
        return Check("project", "warn", "no opsctl.yaml here or above", cure="opsctl init writes one")
    if project.warnings:
        first = project.warnings[0]
        return Check("project", "warn", str(first), cure=first.hint)
    for ref in _secrets(project):
        if found := exposure(ref, cwd=project.root):
            return Check("project", "warn", found, cure=f"chmod o= {shlex.quote(ref.name)}")
    model = project.project
    holds = f"{counted(len(model.services), 'service')}, {counted(len(model.environments), 'environment')}"
    return Check("project", "ok", f"{project.name}: project {model.project}, {holds}")


def _secrets(project: LoadedProject) -> list[SecretRef]:
    """Return the references of all services, and of what differs in an environment."""
    holders = [service.secrets for service in project.project.services.values()]
    for environment in project.project.environments.values():
        holders += [override.secrets for override in environment.services.values()]
    return [ref for secrets in holders for ref in secrets.values()]


def _engines(project: LoadedProject | None) -> dict[str, bool]:
    """Return the address of each engine, "" for the default one -> whether the project needs it."""
    if project is None:
        return {"": False}
    named = {
        str(getattr(target.options, "engine", "")): True
        for target in project.targets.values()
        if hasattr(target.options, "engine")
    }
    builds = any(service.build or service.image for service in project.project.services.values())
    return named or {"": builds}


def _registries(project: LoadedProject | None) -> list[str]:
    """Return the registries that the images of the project name."""
    if project is None:
        return []
    names = [service.image.name for service in project.project.services.values() if service.image is not None]
    plain = [str(name.evaluate(project.context)) for name in names if name.is_constant]
    return sorted({registry for name in plain if (registry := services.registry_of(name))})


def _stores(project: LoadedProject | None) -> dict[StoreURL, bool]:
    """Return each store that the project names -> whether state is kept in it."""
    if project is None:
        return {}
    named = [getattr(target.options, "url", "") for target in project.targets.values()]
    plain = {url: False for text in [*project.project.stores, *named] if (url := _bucket(text, project.root))}
    state = _bucket(project.project.state, project.root)
    return plain | ({state: True} if state else {})


def _bucket(text: object, root: Path) -> StoreURL | None:
    try:
        return parse_url(str(text), base=root)
    except UsageError:
        return None  # options for a whole scheme ("s3://") name no store of their own
