"""A small image made of the static busybox of this machine, and what a test leaves on the engine, to be removed."""

import contextlib
import io
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["APP", "busybox", "clean", "image"]

APP = ["sh", "-c", "trap 'exit 0' TERM; httpd -p 8000 -h /www; while :; do sleep 0.05; done"]
"""Serves /www on port 8000 and ends at SIGTERM at once, which busybox httpd as process 1 would not."""

DOCKERFILE = b"""FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin && mkdir /www && echo up > /www/index.html"]
"""


def busybox() -> Path | None:
    """The static busybox, None where this machine has none."""
    found = shutil.which("busybox")
    return Path(found) if found else None


def image(client: Any, tag: str) -> str:
    """Build the image, or find it in the engine's cache, and return its id."""
    program = busybox()
    assert program is not None
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        _add(archive, "Dockerfile", DOCKERFILE, 0o644)
        _add(archive, "busybox", program.read_bytes(), 0o755)
    context.seek(0)
    built, _ = client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    return str(built.id)


@contextmanager
def clean(client: Any, project: str) -> Iterator[None]:
    """Remove everything of a project from the engine afterwards."""
    from docker.errors import ImageNotFound

    try:
        yield
    finally:
        for container in client.containers.list(all=True, filters={"label": f"opsctl.project={project}"}):
            container.remove(force=True, v=True)
        for network in client.networks.list():
            if network.name.startswith(f"opsctl_{project}_"):
                network.remove()
        for found in client.images.list():
            names = [*found.tags, *found.attrs["RepoDigests"]]
            for name in names:
                if project in re.split(r"[/:@]", name):
                    with contextlib.suppress(ImageNotFound):
                        client.images.remove(name, force=True)


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))
