"""From a service of opsctl.yaml to what this package is asked to do; read alike by commands, deploys and pipelines."""

from __future__ import annotations

import os
from pathlib import Path

from opsctl.config.project import LoadedProject
from opsctl.docker.build import BuildRequest
from opsctl.docker.push import PushRequest
from opsctl.docker.test import TestRequest
from opsctl.errors import UsageError

__all__ = ["references", "to_build", "to_push", "to_test"]


def references(loaded: LoadedProject, name: str, *, env: str = "") -> tuple[str, ...]:
    """Return the references of a service's image, the first one is what people know it by.

    Without `image:` it is `PROJECT/SERVICE`; without tags the tag is "latest".
    """
    image = loaded.service(name, env).image
    if image is None:
        return (f"{loaded.project.project}/{name}:latest",)
    repository = image.name.evaluate(loaded.context)
    tags = [tag.evaluate(loaded.context) for tag in image.tags] or ["latest"]
    return tuple(f"{repository}:{tag}" for tag in tags)


def to_build(loaded: LoadedProject, name: str, *, env: str = "", parent: str = "") -> BuildRequest:
    """Return how a service's image is built and tagged.

    Raises:
        NotFoundError: no such service or environment.
        UsageError: the service has no `build:`.
    """
    build = loaded.service(name, env).build
    if build is None:
        raise UsageError(f"service {name} has no build:", hint=f"add build: to it in {loaded.name}")
    return BuildRequest(
        context=_from_here(loaded.root / build.context),
        dockerfile=Path(build.dockerfile),
        tags=references(loaded, name, env=env),
        target=build.target,
        args={key: value.evaluate(loaded.context) for key, value in build.args.items()},
        labels={key: value.evaluate(loaded.context) for key, value in build.labels.items()},
        name=name,
        parent=parent,
    )


def to_test(loaded: LoadedProject, name: str, *, image: str = "", env: str = "", parent: str = "") -> TestRequest:
    """Return the checks of a service's image.

    The containers get the service's plain settings; secrets are for what is deployed.

    Args:
        loaded: the project.
        name: of the service.
        image: reference or id, by default the first reference of the service.
        env: name of the environment, "" for none.
        parent: piece of work that the test belongs to.

    Raises:
        NotFoundError: no such service or environment.
    """
    service = loaded.service(name, env)
    return TestRequest(
        image=image or references(loaded, name, env=env)[0],
        checks=service.test,
        port=service.port,
        env={key: value.evaluate(loaded.context) for key, value in service.env.items()},
        name=name,
        parent=parent,
    )


def to_push(loaded: LoadedProject, name: str, *, env: str = "", parent: str = "") -> PushRequest:
    """Return the references of a service's image that are pushed.

    Raises:
        NotFoundError: no such service or environment.
        UsageError: the service has no `image:`, so no registry is named.
    """
    if loaded.service(name, env).image is None:
        raise UsageError(f"service {name} has no image:", hint=f"add image: {{name: REGISTRY/NAME}} in {loaded.name}")
    return PushRequest(references=references(loaded, name, env=env), name=name, parent=parent)


def _from_here(path: Path) -> Path:
    """Write a path as short as it can be: it is shown in messages."""
    relative = os.path.relpath(path)
    return Path(relative) if not relative.startswith(os.pardir) else path
