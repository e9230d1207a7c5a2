"""The models of `opsctl.yaml`: what a project is, as typed values.

A field is one key of the file; what is not here is an error of the file. Keys that a later version will know
are listed in `later`, so that the message can say so. Models hold what the file says, with defaults; they do
not look at the world. The JSON Schema of the file is generated from these classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from opsctl.config.nodes import Fault, Node
from opsctl.config.scalars import Duration, FileMode, Script, SecretRef, Size, Text

__all__ = [
    "Artifact",
    "Build",
    "Environment",
    "FileCheck",
    "Health",
    "HttpCheck",
    "Image",
    "MetadataCheck",
    "Project",
    "Resources",
    "Service",
    "ServiceOverride",
    "TestCheck",
]

Name = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", description="lower-case letters, digits and '-', at most 40"),
]
"""Names become parts of container names, labels and object keys, so they are the narrowest of all three."""

EnvName = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", description="a letter or '_', then letters, digits and _ . -")
]
"""Names of variables: what shells, engines and build arguments all take."""

AbsolutePath = Annotated[str, Meta(pattern=r"^/[^\x00-\x1f\x7f]*$", description="a path that begins with '/'")]

UrlPath = Annotated[
    str, Meta(pattern=r"^/[^\s#]*$", description="a path and query that begins with '/', without spaces")
]

FormatVersion = Annotated[Literal[1], Meta(description="this version of opsctl reads format 1")]

Port = Annotated[int, Meta(ge=1, le=65535)]

DEPLOY_VERBS = frozenset({"plan", "status", "history", "rollback", "logs", "exec", "unlock", "remove"})
"""`opsctl deploy VERB`: a service cannot be called like one."""


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every model of a file.

    A model may define `check`, which yields what the types alone cannot say. Subclasses repeat `frozen` and `kw_only`
    only because type checkers do not see that msgspec inherits them.
    """

    later: ClassVar[frozenset[str]] = frozenset()
    """Keys that a later version will know: refused, with a message that says so."""

    rules: ClassVar[dict[str, Any]] = {}
    """What the JSON Schema says beside the fields; `check` says it for the binder."""

    def check(self) -> Iterator[Fault]:
        """Yield what is wrong although every field has the right type."""
        yield from ()


class Build(Model, frozen=True, kw_only=True):
    """How the image of a service is built.

    Args:
        context: directory sent to the engine, relative to opsctl.yaml.
        dockerfile: path relative to the context.
        target: stage to build, "" for the last.
        args: build arguments.
        labels: labels of the image.
    """

    later = frozenset({"secrets", "platforms", "cache_from", "cache_to", "skip_if_unchanged"})

    context: str = "."
    dockerfile: str = "Dockerfile"
    target: str = ""
    args: dict[EnvName, Text] = {}
    labels: dict[str, Text] = {}


class FileCheck(Model, frozen=True, kw_only=True):
    """A file that must be in the image.

    Args:
        path: absolute path in the image.
        exists: False: it must not be there.
        mode: permission bits, as an octal string ('0644').
        contains: text that must be in it.
    """

    path: AbsolutePath
    exists: bool = True
    mode: FileMode | None = None
    contains: str = ""


class HttpCheck(Model, frozen=True, kw_only=True):
    """A path that the started container must answer.

    Args:
        path: path and query.
        status: expected status code.
        contains: text that must be in the body.
        within: deadline, from the start of the container.
        port: port in the container; the service's `port` by default.
    """

    path: UrlPath
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    contains: str = ""
    within: Duration = Duration(20)
    port: Port | None = None


class MetadataCheck(Model, frozen=True, kw_only=True):
    """What the image configuration must say; only the keys given are compared.

    Args:
        user: who the process runs as.
        workdir: where it starts.
        entrypoint: argv before the command.
        cmd: default command.
        exposed: ports, all of them.
        env: variables that must have these values; there may be others.
        labels: labels that must have these values; there may be others.
    """

    user: str | None = None
    workdir: str | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    exposed: list[Port] | None = None
    env: dict[EnvName, str] = {}
    labels: dict[str, str] = {}


class TestCheck(Model, frozen=True, kw_only=True):
    """One check of a built image: exactly one of `run`, `file`, `http`, `metadata`.

    Args:
        run: shell command run in a container of the image (`/bin/sh -c`), or an argv list run without a shell.
        file: a file that must, or must not, be in the image.
        http: a path that the started container must answer.
        metadata: what the image configuration must say.
        name: how the check is called in reports; made from the check by default.
        timeout: for `run`.
    """

    __test__: ClassVar[bool] = False  # pytest would take the class for a test

    rules: ClassVar[dict[str, Any]] = {"oneOf": [{"required": [kind]} for kind in ("run", "file", "http", "metadata")]}

    run: Script | list[str] | None = None
    file: FileCheck | None = None
    http: HttpCheck | None = None
    metadata: MetadataCheck | None = None
    name: str = ""
    timeout: Duration = Duration(300)

    def check(self) -> Iterator[Fault]:
        """Exactly one kind of check."""
        given = [kind for kind in ("run", "file", "http", "metadata") if getattr(self, kind) is not None]
        if len(given) != 1:
            named = " and ".join(given) or "none"
            yield Fault((), f"a check has exactly one of run, file, http, metadata; found {named}")


class Image(Model, frozen=True, kw_only=True):
    """How the image of a service is called.

    Args:
        name: repository without a tag ("registry.example.com/acme/web").
        tags: tags to give and push; the first one is what a deploy records beside the digest.
    """

    name: Text
    tags: list[Text] = []


class Artifact(Model, frozen=True, kw_only=True):
    """The files of a release for targets without an engine.

    Args:
        root: directory that the patterns and the names in the release are relative to, relative to opsctl.yaml.
        include: files, directories (with all below) or globs with `*`, `?`, `**`.
        exclude: globs that are left out.
    """

    root: str = "."
    include: Annotated[list[str], Meta(min_length=1)]
    exclude: list[str] = []


class Resources(Model, frozen=True, kw_only=True):
    """Limits of one container.

    Args:
        cpus: number of CPUs (0.5 is half of one).
        memory: bytes, with a unit.
    """

    cpus: Annotated[float, Meta(gt=0)] | None = None
    memory: Size | None = None


class Health(Model, frozen=True, kw_only=True):
    """When a new release counts as healthy.

    Args:
        http: path that must answer 200-399; without it a running container is enough.
        interval: between two probes.
        passes: consecutive passes needed.
        stable_for: how long the container must then stay up, with the same start time and no restart.
        deadline: from the start of the container; past it the release has failed.
        timeout: of one probe.
    """

    http: Annotated[str, Meta(pattern=r"^(/[^\s#]*)?$", description="a path that begins with '/', without spaces")] = ""
    interval: Duration = Duration(1)
    passes: Annotated[int, Meta(ge=1, le=1000)] = 3
    stable_for: Duration = Duration(5)
    deadline: Duration = Duration(90)
    timeout: Duration = Duration(5)

    def check(self) -> Iterator[Fault]:
        """A release must be able to pass."""
        if self.stable_for >= self.deadline:
            yield Fault(("stable_for",), "stable_for leaves no time before the deadline", "make the deadline longer")


class Service(Model, frozen=True, kw_only=True):
    """One thing that is deployed.

    Args:
        build: how its image is built; None for services that are only files or only a ready image.
        test: checks of the built image.
        image: how its image is called.
        artifact: the files of a release, for targets without an engine.
        command: argv that replaces the image's command.
        port: what the process listens on, in its container.
        env: plain settings.
        secrets: name in the container -> reference; the value is never written down.
        resources: limits.
        health: when a new release counts as healthy.
        retain: releases to keep, the running one and its predecessors.
    """

    later = frozenset({"hosts", "rollout", "jobs", "volumes", "replicas", "exclusive", "verify"})

    rules: ClassVar[dict[str, Any]] = {"anyOf": [{"required": [key]} for key in ("build", "image", "artifact")]}

    build: Build | None = None
    test: list[TestCheck] = []
    image: Image | None = None
    artifact: Artifact | None = None
    command: list[str] = []
    port: Port | None = None
    env: dict[EnvName, Text] = {}
    secrets: dict[EnvName, SecretRef] = {}
    resources: Resources = Resources()
    health: Health = Health()
    retain: Annotated[int, Meta(ge=2, le=1000)] = 10

    def check(self) -> Iterator[Fault]:
        """Something must be deployable, and names must not collide."""
        if self.build is None and self.image is None and self.artifact is None:
            yield Fault((), "a service needs at least one of build, image, artifact")
        for name in self.env.keys() & self.secrets.keys():
            yield Fault(("secrets", name), f"{name} is in env and in secrets", "keep one of them")
        if self.health.http and self.port is None and (self.build or self.image):
            yield Fault(("health", "http"), "health.http needs the service's port", "add port: 8000")


class ServiceOverride(Model, frozen=True, kw_only=True):
    """What differs for a service in one environment; keys that are absent keep the service's value.

    Maps (`env`, `secrets`) are merged, everything else is replaced.

    Args:
        image: how its image is called here.
        command: argv that replaces the image's command here.
        env: plain settings to add or replace.
        secrets: references to add or replace.
        resources: limits here.
        health: when a new release counts as healthy here.
        retain: releases to keep here.
    """

    later = frozenset({"replicas", "hosts", "rollout"})

    image: Image | None = None
    command: list[str] | None = None
    env: dict[EnvName, Text] = {}
    secrets: dict[EnvName, SecretRef] = {}
    resources: Resources | None = None
    health: Health | None = None
    retain: Annotated[int, Meta(ge=2, le=1000)] | None = None


class Environment(Model, frozen=True, kw_only=True):
    """One place where services run.

    Args:
        target: `type` names the deploy target, the other keys are the target's own options (bound by the deploy layer).
        services: what differs here.
    """

    later = frozenset({"proxy", "gate", "approve"})

    target: Node
    services: dict[Name, ServiceOverride] = {}


class Project(Model, frozen=True, kw_only=True):
    """`opsctl.yaml`.

    Args:
        opsctl: version of the file format.
        project: name; part of labels, container names and keys.
        state: store for releases, locks and journals.
        stores: options of stores by URL prefix.
        environments: places where services run.
        services: what is deployed.
    """

    later = frozenset({"hooks", "notify", "registry", "proxy"})

    rules: ClassVar[dict[str, Any]] = {
        "allOf": [{"properties": {"services": {"propertyNames": {"not": {"enum": sorted(DEPLOY_VERBS)}}}}}]
    }

    opsctl: FormatVersion
    project: Name
    state: str = "file://.opsctl"
    stores: dict[str, dict[str, str | bool | int]] = {}
    environments: dict[Name, Environment] = {}
    services: dict[Name, Service] = {}

    def check(self) -> Iterator[Fault]:
        """References resolve, and no service is called like a verb of `opsctl deploy`."""
        for name in self.services.keys() & DEPLOY_VERBS:
            yield Fault(
                ("services", name),
                f"a service cannot be called {name!r}: `opsctl deploy {name}` is a command",
                "choose another name",
            )
        for env_name, environment in self.environments.items():
            for name in environment.services.keys() - self.services.keys():
                yield Fault(
                    ("environments", env_name, "services", name), f"there is no service {name!r}", known(self.services)
                )


def known(names: dict[str, Service]) -> str:
    """Return a hint that lists the names there are."""
    return f"services: {', '.join(sorted(names))}" if names else "the file has no services"
