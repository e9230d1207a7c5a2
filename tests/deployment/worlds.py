"""Worlds that another process can enter too: releases in a directory, and containers on an engine."""

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployment.world import Fuse, World
from opsctl.deploy.model import HealthPolicy, ImageRecord, Slot, Spec
from opsctl.deploy.operation import Want, Wanted
from opsctl.deploy.plan import Desired
from opsctl.deploy.target import Held, Materials, Target, TargetContext
from opsctl.deploy.targets.docker import PLUGIN, DockerOptions, DockerTarget

__all__ = ["ContainerWorld", "FileWorld"]

SERVE = "echo $TEXT > /www/index.html; httpd -p 8000 -h /www; trap 'exit 0' TERM; while :; do sleep 0.02; done"

QUICK = HealthPolicy(http="/", interval=0.02, passes=1, stable_for=0.0, deadline=10.0)

CHANGING = {
    "containers": ["create", "start", "stop", "remove", "set_restart"],
    "networks": ["ensure", "connect", "disconnect"],
    "images": ["tag", "remove"],
}


class FileWorld(World):
    """State and releases in a directory."""

    def __init__(self, base: Path) -> None:
        super().__init__(base, root=f"file://{base}/kept")

    def check(self) -> None:
        super().check()
        link = self.base / "kept/releases/web/live"
        current = self.records.current()
        assert link.is_symlink() == (current is not None)
        if current is not None:
            assert (link / "dist/index.html").read_text() == self.serving


class ContainerWorld(World):
    """A service of one container on a real engine, state in a directory.

    Args:
        base: a directory of its own.
        engine: URL of the engine.
        project: name that nobody else uses there.
        image: id of an image with a shell and httpd.
        command: shell script that it runs.
        health: its gate.
    """

    def __init__(
        self,
        base: Path,
        *,
        engine: str,
        project: str,
        image: str,
        command: str = SERVE,
        health: HealthPolicy = QUICK,
    ) -> None:
        super().__init__(base, root=f"file://{base}/kept", retain=2)
        self.slot = Slot(project, "dev", "web")
        self.engine = engine
        self.image = image
        self.command = command
        self.health = health

    @property
    def target(self) -> Target:
        return PLUGIN.open(DockerOptions(engine=self.engine), TargetContext(slot=self.slot, base=self.base))

    def doomed_target(self, fuse: Fuse) -> Target:
        target = self.target
        assert isinstance(target, DockerTarget)
        for part, names in CHANGING.items():
            setattr(target.engine, part, _Doomed(getattr(target.engine, part), names, fuse))
        return target

    def want(self, text: str) -> Want:
        spec = Spec(
            image=self.image,
            port=8000,
            command=("sh", "-c", self.command),
            env={"TEXT": text},
            secrets={"TOKEN": "env:TOKEN"},
        )
        wanted = Wanted(
            desired=Desired(spec=spec, source="image", subject="the small image"),
            image=ImageRecord("opsctl-test/httpd:local", self.image),
            materials=Materials(secrets={"TOKEN": "value of TOKEN"}),
            health=self.health,
            version=text,
        )
        return lambda _: wanted

    def content(self, held: Held) -> str:
        connection = http.client.HTTPConnection(urlsplit(held.url).netloc, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode().strip()
        finally:
            connection.close()

    def remains(self) -> set[int]:
        target = self.target
        assert isinstance(target, DockerTarget)
        tags = target.engine.images.tags_of(f"opsctl.keep/{self.slot.project}/web")
        running = [held.number for held in target.inspect().revisions if held.alive]
        current = self.records.current()
        assert running == ([current.revision] if current else []), "only what serves runs"
        return {int(tag.rpartition("-")[2]) for tag in tags}


class _Doomed:
    """A part of the engine client, whose user may die before or after each change."""

    def __init__(self, inner: Any, names: list[str], fuse: Fuse) -> None:
        self._inner = inner
        self._names = names
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name not in self._names:
            return call
        return lambda *args, **options: self._fuse.around(f"{name} {args}", lambda: call(*args, **options))
