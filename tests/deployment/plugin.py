"""Fixtures: an engine with a small image, and a project name of the test's own on it."""

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from deployment import containers

__all__ = ["docker_client", "docker_project", "small_image"]

SMALL_IMAGE = "opsctl-test/httpd:local"


@pytest.fixture(scope="session")
def docker_client(docker_engine: str) -> Iterator[Any]:
    """The SDK's client of the engine, to look at what opsctl did."""
    import docker

    client = docker.DockerClient(base_url=docker_engine)
    yield client
    client.close()


@pytest.fixture(scope="session")
def small_image(docker_client: Any) -> str:
    """Id of an image that serves HTTP on port 8000."""
    if containers.busybox() is None:
        pytest.skip("there is no busybox to make an image of (apt-get install busybox-static)")
    # Each worker has a tag of its own: on a new engine two that build at once make two images, and the one that
    # loses its tag to the other would be gone with the first release that is discarded.
    own = f"{SMALL_IMAGE}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    found = containers.image(docker_client, own)
    docker_client.images.get(found).tag(SMALL_IMAGE)
    return found


@pytest.fixture
def docker_project(docker_client: Any) -> Iterator[str]:
    """A project name that nobody else uses; all of it is removed from the engine afterwards."""
    project = f"t{secrets.token_hex(4)}"
    with containers.clean(docker_client, project):
        yield project
