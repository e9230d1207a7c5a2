"""Where the image of a release comes from: built from the working tree, or a reference that exists; tested and pushed.

Builds, tests and pushes with the engine of the target, so that one engine needs no registry at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opsctl.config.project import LoadedProject
from opsctl.deploy.model import ImageRecord, counted
from opsctl.docker import build as building
from opsctl.docker import push as pushing
from opsctl.docker import reference, service
from opsctl.docker import test as testing
from opsctl.docker.engine import Engine
from opsctl.errors import ConfigError, NotFoundError, Problem
from opsctl.events import Sink, discard

__all__ = ["ImageSource", "ImageSupply"]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """What is known of an image before anything is done.

    Args:
        kind: built here, or taken as it is.
        subject: that, in a few words.
        image: its id is "" when it has to be built or pulled first.
    """

    kind: Literal["build", "image"]
    subject: str
    image: ImageRecord


class ImageSupply:
    """The image of one service.

    Args:
        loaded: the project.
        name: of the service.
        env: name of the environment.
        engine: which has, builds, tests and pushes it.
        reference: image to take as it is, "" for the one of the service.
        sink: told what is done.
    """

    def __init__(
        self, loaded: LoadedProject, name: str, env: str, *, engine: Engine, ref: str = "", sink: Sink = discard
    ) -> None:
        self._loaded = loaded
        self._name = name
        self._env = env
        self._engine = engine
        self._ref = ref
        self._sink = sink

    @property
    def builds(self) -> bool:
        """Whether it is built here."""
        return not self._ref and self._loaded.service(self._name, self._env).build is not None

    @property
    def refs(self) -> tuple[str, ...]:
        """The references of the image, the first one is what people know it by."""
        if self._ref:
            return (str(reference.parse(self._ref)),)
        config = self._loaded.service(self._name, self._env)
        if config.build is None and config.image is None:
            message = f"service {self._name} has neither build: nor image:, which a target with an engine needs"
            raise ConfigError([Problem(self._loaded.name, 0, 0, message, "add one of them, or give --image")])
        return service.references(self._loaded, self._name, env=self._env)

    @property
    def checks(self) -> int:
        """How many checks it has to pass: none when it is taken as it is."""
        return len(self._loaded.service(self._name, self._env).test) if self.builds else 0

    @property
    def pushed(self) -> tuple[str, str]:
        """The first reference that is pushed, "" for none, and why."""
        first = self.refs[0]
        if not self.builds:
            return "", "it is taken as it is"
        if _names_a_registry(first):
            return first, "its name begins with a registry"
        return "", "its name has no registry"

    def look(self) -> ImageSource:
        """Say what is known now; changes nothing."""
        first = self.refs[0]
        if not self.builds:
            return ImageSource("image", f"image {first}", self._found(first))
        expected = building.expect(self._to_build(""), self._engine)
        subject = f"image {first} of content {expected.content_hash[:12]}"
        return ImageSource("build", subject, ImageRecord(first, expected.image_id))

    def build(self, *, span: str) -> ImageRecord:
        """Build it, or find it when nothing that goes into it has changed."""
        built = building.build(self._to_build(span), self._engine, self._sink)
        return ImageRecord(self.refs[0], built.image_id)

    def pull(self, *, span: str) -> ImageRecord:
        """Fetch it from its registry."""
        wanted = self.refs[0]
        image = self._engine.images.pull(wanted, self._sink, span=span)
        return ImageRecord(wanted, image.id, _digest_of(image.digests, wanted))

    def test(self, image: ImageRecord, *, span: str) -> str:
        """Run its checks."""
        request = service.to_test(self._loaded, self._name, image=image.id, env=self._env, parent=span)
        result = testing.run(request, self._engine, self._sink)
        result.require()
        return f"{counted(len(result.checks), 'check')} passed"

    def push(self, image: ImageRecord, *, span: str) -> ImageRecord:
        """Push it under all its references."""
        request = service.to_push(self._loaded, self._name, env=self._env, parent=span)
        first = pushing.push(request, self._engine, self._sink).pushed[0]
        return ImageRecord(image.ref, image.id, first.pinned)

    def _to_build(self, span: str) -> building.BuildRequest:
        return service.to_build(self._loaded, self._name, env=self._env, parent=span)

    def _found(self, wanted: str) -> ImageRecord:
        """Return the image that the engine has, without an id when it has to be pulled.

        A tag of a registry may have moved since it was pulled here, so the registry is asked. A name without a
        registry, and a digest, mean what is here.
        """
        try:
            image = self._engine.images.inspect(wanted)
        except NotFoundError:
            return ImageRecord(wanted)
        parsed = reference.parse(wanted)
        if _names_a_registry(wanted) and not parsed.digest:
            now = f"{parsed.name}@{self._engine.images.registry_digest(wanted)}"
            if now not in image.digests:
                return ImageRecord(wanted)
        return ImageRecord(wanted, image.id, _digest_of(image.digests, wanted))


def _names_a_registry(ref: str) -> bool:
    parsed = reference.parse(ref)
    return parsed.name.startswith(f"{parsed.registry}/")


def _digest_of(digests: tuple[str, ...], ref: str) -> str:
    name = reference.parse(ref).name
    return next((digest for digest in digests if digest.startswith(f"{name}@")), "")
