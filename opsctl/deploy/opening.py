"""From a project file to an open site, and to what a deploy of it wants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from opsctl.config import secrets
from opsctl.config.expressions import MissingValue
from opsctl.config.models import Service
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import SecretRef
from opsctl.deploy import lasting
from opsctl.deploy.artifact import collect
from opsctl.deploy.images import ImageSupply
from opsctl.deploy.model import Git, HealthPolicy, Slot, Spec, counted
from opsctl.deploy.operation import Want, Wanted
from opsctl.deploy.plan import Desired
from opsctl.deploy.records import Records
from opsctl.deploy.secrecy import Secrecy
from opsctl.deploy.site import Site
from opsctl.deploy.target import HasEngine, Materials, Target, TargetContext
from opsctl.deploy.targets import plugin_of
from opsctl.errors import ConfigError, Problem, UsageError
from opsctl.events import Sink, discard
from opsctl.storage import open_store, parse_url

__all__ = ["Place", "actor", "open_place", "open_records", "wanted_by"]

_OF_PROCESSES = ("command", "env", "secrets", "port", "resources", "health")


@dataclass(frozen=True, slots=True)
class Place:
    """An open site with the part of the project that it belongs to.

    Args:
        loaded: the project.
        service: as it is in the environment.
        site: open.
        supply: where its images come from, None for files.
    """

    loaded: LoadedProject
    service: Service
    site: Site
    supply: ImageSupply | None


@contextmanager
def open_records(loaded: LoadedProject, slot: Slot) -> Iterator[Records]:
    """Open what a slot remembers.

    Raises:
        ConfigError: the state store is gone when the program ends.
    """
    if why := lasting.objection(loaded.project.state, "releases and locks"):
        at = loaded.origins["state",]
        raise ConfigError([Problem(at.source, at.line, at.column, why, lasting.CURE)])
    url = parse_url(loaded.project.state, base=loaded.root)
    with closing(open_store(url, options=loaded.project.stores)) as store:
        yield Records(store, slot)


@contextmanager
def open_place(
    loaded: LoadedProject, service: str, env: str, *, image: str = "", sink: Sink = discard, parent: str = ""
) -> Iterator[Place]:
    """Open the site of a service in an environment.

    Args:
        loaded: the project, with its targets bound.
        service: name of the service.
        env: name of the environment.
        image: reference to take as it is, "" for the image of the service.
        sink: told what is done.
        parent: piece of work that it belongs to.

    Raises:
        NotFoundError: there is no such service or environment.
        UsageError: an image is given for a target that deploys files.
        TransientError: the target cannot be reached.
    """
    config, bound = loaded.service(service, env), loaded.target(env)
    plugin, slot = plugin_of(bound.kind), Slot(loaded.project.project, env, service)
    if image and plugin.needs != "image":
        raise UsageError(f"environment {env} deploys files (type: {bound.kind}): an image means nothing there")
    secrecy = Secrecy()
    told = secrecy.sink(sink)
    with ExitStack() as stack:
        records = stack.enter_context(open_records(loaded, slot))
        context = TargetContext(
            slot=slot,
            base=loaded.root,
            state=records.url,
            stores=loaded.project.stores,
            sink=told,
            span=f"deploy:{slot}",
        )
        target = stack.enter_context(closing(plugin.open(bound.options, context)))
        supply = _supply(loaded, slot, target, image=image, sink=told)
        site = Site(
            slot=slot,
            target=target,
            records=records,
            resolve=lambda references: _resolved(loaded, references),
            supply=supply,
            sink=sink,
            secrecy=secrecy,
            parent=parent,
        )
        try:
            yield Place(loaded, config, site, supply)
        except BaseException as error:
            secrecy.mask_error(error)
            raise


def wanted_by(place: Place, *, version: str = "") -> Want:
    """Return what the project file wants to run there; reads files and secrets, and changes nothing.

    Raises:
        ConfigError: the service is not made for the target, or an expression has no value.
        NotFoundError: a secret, a file or the Dockerfile is not there.
    """
    git = _git(place.loaded)
    called = version or _version(place.loaded, git)
    wanted = _files(place) if place.supply is None else _image(place, place.supply)
    complete = replace(wanted, version=called, git=git)
    return lambda _: complete


def actor(loaded: LoadedProject) -> str:
    """Return who deploys, for the records: the actor of a CI run, else user and host."""
    from opsctl.state import current_identity  # noqa: PLC0415 - reads /proc, only when something is recorded

    if loaded.env.get("GITHUB_ACTIONS") == "true" and loaded.env.get("GITHUB_ACTOR"):
        return f"{loaded.env['GITHUB_ACTOR']} (GitHub Actions)"
    identity = current_identity()
    return f"{identity.user}@{identity.host}"


def _supply(loaded: LoadedProject, slot: Slot, target: Target, *, image: str, sink: Sink) -> ImageSupply | None:
    if not isinstance(target, HasEngine):
        return None
    return ImageSupply(loaded, slot.service, slot.env, engine=target.engine, ref=image, sink=sink)


def _resolved(loaded: LoadedProject, references: Mapping[str, str]) -> dict[str, str]:
    return {
        name: secrets.resolve(SecretRef.parse(reference), env=loaded.env, cwd=loaded.root)
        for name, reference in references.items()
    }


def _files(place: Place) -> Wanted:
    slot, config = place.site.slot, place.service.artifact
    if config is None:
        message = f"service {slot.service} has no artifact:, which the target of environment {slot.env} needs"
        hint = "add artifact: {root: dist, include: [.]}"
        raise ConfigError([Problem(place.loaded.name, 0, 0, message, hint)])
    artifact = collect(config, place.loaded.root)
    record = artifact.record
    subject = f"{counted(record.files, 'file')}, {counted(record.bytes, 'byte')} of {config.root}"
    spec = Spec(artifact=record.digest)
    caveat = _unheeded(place)
    desired = Desired(spec=spec, source="files", subject=subject, caveat=caveat)
    return Wanted(desired=desired, materials=Materials(artifact=artifact))


def _unheeded(place: Place) -> str:
    """Say which keys of the service only count where it is a process; "" for none."""
    if _runs_elsewhere(place):
        return ""
    usual = Service(artifact=place.service.artifact)
    given = [name for name in _OF_PROCESSES if getattr(place.service, name) != getattr(usual, name)]
    if not given:
        return ""
    named = " and ".join([", ".join(given[:-1]), given[-1]] if len(given) > 1 else given)
    mean = "mean" if len(given) > 1 else "means"
    return f"files have no process: {named} of service {place.site.slot.service} {mean} nothing here"


def _runs_elsewhere(place: Place) -> bool:
    """Tell whether the service is a process in another environment, which is what such keys are for."""
    runs = place.service.build is not None or place.service.image is not None
    return runs and any(plugin_of(bound.kind).needs == "image" for bound in place.loaded.targets.values())


def _image(place: Place, supply: ImageSupply) -> Wanted:
    config, loaded = place.service, place.loaded
    source = supply.look()
    references = {name: str(ref) for name, ref in config.secrets.items()}
    values = _resolved(loaded, references)
    _refuse_exposed(place, values)
    push, why = supply.pushed
    desired = Desired(
        spec=Spec(
            image=source.image.id,
            command=tuple(config.command),
            port=config.port or 0,
            env={name: text.evaluate(loaded.context) for name, text in config.env.items()},
            secrets=references,
            cpus=config.resources.cpus or 0.0,
            memory=int(config.resources.memory or 0),
        ),
        source=source.kind,
        subject=source.subject,
        known=bool(source.image.id),
        tests=supply.checks,
        push=push,
        push_reason=why,
    )
    return Wanted(
        desired=desired,
        image=source.image if source.image.id else None,
        materials=Materials(secrets=values),
        health=HealthPolicy.of(config.health),
    )


def _refuse_exposed(place: Place, values: Mapping[str, str]) -> None:
    """Refuse what could not be kept out of logs, before anything happens."""
    place.site.secrecy.hide(values)
    exposed = place.site.secrecy.exposed
    if exposed:
        from opsctl.config.encodings import SHORTEST  # noqa: PLC0415 - see Masker.add

        why = f"has no line of {SHORTEST} characters, so it cannot be hidden in logs"
        hint = "use a longer one; a value that is not secret belongs into env:"
        raise ConfigError([Problem(place.loaded.name, 0, 0, f"secret {name} {why}", hint) for name in exposed])


def _git(loaded: LoadedProject) -> Git:
    """Say where the working tree stands; nothing outside a repository."""
    git = loaded.context["git"]
    try:
        return Git(sha=git["sha"], branch=git["branch"] or "", dirty=git["dirty"])
    except MissingValue:
        return Git()


def _version(loaded: LoadedProject, git: Git) -> str:
    """Call a release by its tag, else by its commit."""
    if not git.sha:
        return ""
    name = loaded.context["git"]["tag"] or git.sha[:12]
    return re.sub(r"\s", " ", f"{name}-dirty" if git.dirty else name)
