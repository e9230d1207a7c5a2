"""Images for tests: no registry can be asked for one, so they are made of the static busybox of this machine."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from servers.plugin import ServerMissing, Servers

__all__ = ["BASE", "Workbench"]

BASE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
"""
"""Dockerfile of an image with a shell."""


class Workbench:
    """Contexts to build from, and tags that are removed with the test.

    Args:
        client: the SDK's client, to look at what opsctl did and to clean up.
        url: where the engine is.
        directory: for contexts.
        base: reference of an image with a shell.
    """

    def __init__(self, client: Any, url: str, directory: Path, base: str) -> None:
        self.client = client
        self.url = url
        self.base = base
        self.name = f"opsctl-test/{secrets.token_hex(5)}"
        """A repository of the test's own."""
        self._directory = directory
        self._count = 0

    def context(self, dockerfile: str | None, files: dict[str, str] | None = None) -> Path:
        """A directory with a Dockerfile (`BASE` in it stands for the base image) and files."""
        self._count += 1
        root = self._directory / f"context{self._count}"
        root.mkdir()
        for name, text in (files or {}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if dockerfile is not None:
            (root / "Dockerfile").write_text(dockerfile.replace("BASE", self.base))
        return root

    def tag(self, tag: str = "1") -> str:
        """A reference of the test's own."""
        return f"{self.name}:{tag}"

    def clean(self) -> None:
        """Remove what carries the test's name."""
        import docker

        for container in self.client.containers.list(all=True, filters={"label": f"opsctl-test={self.name}"}):
            container.remove(force=True, v=True)
        for image in self.client.images.list():
            for name in [*image.tags, *image.attrs["RepoDigests"]]:
                if self.name in name:
                    with suppress(docker.errors.ImageNotFound):  # a digest goes with the last tag
                        self.client.images.remove(name, force=True)


@pytest.fixture(scope="session")
def busybox_image(docker_client: Any, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Reference of an image with a shell."""
    program = shutil.which("busybox")
    if program is None:
        servers.refuse("docker", "there is no busybox to make an image of: apt-get install busybox-static")
    context = tmp_path_factory.mktemp("busybox")
    shutil.copy(program, context / "busybox")
    (context / "Dockerfile").write_text(BASE)
    token = secrets.token_hex(5)
    tag = f"opsctl-test/base:{token}"
    # The label makes it an image of its own, so that all that is built on it can be removed.
    image, _ = docker_client.images.build(path=str(context), tag=tag, labels={"opsctl-test": token}, rm=True)
    yield tag
    _remove_children(docker_client, image.id)
    docker_client.images.remove(tag, force=True)


def _remove_children(client: Any, image: str) -> None:
    """Remove the layers that failed and cancelled builds have left, the last ones first."""
    import docker

    for child in client.api.images(all=True):
        if child["ParentId"] == image:
            _remove_children(client, child["Id"])
            # With its last child an untagged parent goes by itself.
            with suppress(docker.errors.ImageNotFound):
                client.api.remove_image(child["Id"], force=True)


@pytest.fixture(params=["classic", "buildx"])
def builder(request: pytest.FixtureRequest) -> Literal["classic", "buildx"]:
    """Each builder that there is."""
    from opsctl.docker import buildx

    if request.param == "buildx" and not buildx.available():
        raise ServerMissing("docker buildx is not installed: https://docs.docker.com/go/buildx/")
    return request.param


@pytest.fixture
def bench(docker_client: Any, docker_engine: str, busybox_image: str, tmp_path: Path) -> Iterator[Workbench]:
    """Contexts and tags on a real engine."""
    workbench = Workbench(docker_client, docker_engine, tmp_path, busybox_image)
    yield workbench
    workbench.clean()
