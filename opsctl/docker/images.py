"""Images of an engine: inspect, find, tag, pull, push, remove, and what their registry says of them."""

from __future__ import annotations

import contextlib
from typing import Any

from opsctl.docker import auth, progress
from opsctl.docker.model import ImageInfo, Labels, image_info
from opsctl.docker.progress import Layers
from opsctl.docker.reference import Reference, parse
from opsctl.docker.wire import Wire
from opsctl.errors import NotFoundError, TransientError
from opsctl.events import Sink, discard

__all__ = ["Images"]

_DIGEST_NOTE = "Digest: "


class Images:
    """Images of one engine, reached as `engine.images`. An image is named by a reference or by its id."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def inspect(self, image: str) -> ImageInfo:
        """Return what the engine knows of an image.

        Raises:
            NotFoundError: it is not in the engine.
        """
        try:
            return image_info(self._wire.call(f"image {image}", lambda api: api.inspect_image(image)))
        except NotFoundError as error:
            hint = f"build it, or pull it with `docker pull {image}`"
            raise NotFoundError(f"image {image} is not in the engine at {self._wire.url}", hint=hint) from error

    def exists(self, image: str) -> bool:
        """Whether the engine has the image."""
        with contextlib.suppress(NotFoundError):
            return bool(self.inspect(image))
        return False

    def find(self, labels: Labels) -> list[ImageInfo]:
        """Return the images that carry all these labels, newest first; an empty value matches any value."""
        wanted = [f"{name}={value}" if value else name for name, value in labels.items()]
        found = self._wire.call("images", lambda api: api.images(filters={"label": wanted}))
        images: list[ImageInfo] = []
        for item in found:
            with contextlib.suppress(NotFoundError):  # removed since the listing
                images.append(self.inspect(str(item["Id"])))
        return sorted(images, key=lambda image: image.created, reverse=True)

    def last_step(self, image: str) -> str:
        """Return the instruction that made the image's last layer or setting ("CMD ["web"]")."""
        steps = self._wire.call(f"image {image}", lambda api: api.history(image))
        return str(steps[0].get("CreatedBy") or "") if steps else ""

    def tags_of(self, repository: str) -> list[str]:
        """Return the tags of one repository that the engine has, sorted."""
        found = self._wire.call(f"images of {repository}", lambda api: api.images(name=repository))
        references = (str(name) for item in found for name in item.get("RepoTags") or ())
        start = f"{repository}:"
        return sorted(name.removeprefix(start) for name in references if name.startswith(start))

    def tag(self, image: str, reference: str) -> None:
        """Give an image one more reference; the tag moves if another image had it.

        Raises:
            NotFoundError: the image is not in the engine.
            UsageError: not a reference that can be given.
        """
        wanted = parse(reference)
        self._wire.call(f"image {image}", lambda api: api.tag(image, wanted.name, wanted.tag or "latest", force=True))

    def remove(self, image: str, *, force: bool = False) -> None:
        """Remove a reference, and with the last one the image; that it is not there is fine.

        Raises:
            ConflictError: a container uses it, or an id has several references and `force` is not given.
        """
        with contextlib.suppress(NotFoundError):
            self._wire.call(f"image {image}", lambda api: api.remove_image(image, force=force))

    def pull(self, reference: str, sink: Sink = discard, *, span: str = "") -> ImageInfo:
        """Fetch an image from its registry and return exactly that one.

        A local image of the same tag is never taken for it: the digest that the registry gave must be among the
        digests of the image that now has the reference.

        Args:
            reference: with a tag ("latest" by default) or a digest.
            sink: told the bytes fetched.
            span: piece of work it belongs to.

        Raises:
            NotFoundError: the registry has no such image.
            DeniedError: the registry wants other credentials.
            TransientError: network; or what arrived is not what the registry announced.
        """
        wanted = parse(reference)
        subject = f"pull {wanted}"
        layers, digest = Layers(sink, span), ""
        login = auth.find(wanted.registry).payload()
        options: Any = {"stream": True, "decode": True, "auth_config": login}
        with self._wire.stream(subject, lambda api: api.pull(*_pullable(wanted), **options)) as notes:
            for note in progress.checked(notes, subject):
                layers.note(note)
                status = str(note.get("status", ""))
                digest = status.removeprefix(_DIGEST_NOTE) if status.startswith(_DIGEST_NOTE) else digest
        return self._pulled(wanted, digest)

    def push(self, reference: str, sink: Sink = discard, *, span: str = "") -> str:
        """Send an image to its registry and return the digest of what was sent.

        Args:
            reference: with a tag ("latest" by default).
            sink: told the bytes sent.
            span: piece of work it belongs to.

        Raises:
            DeniedError: the registry wants other credentials.
            NotFoundError: it is not in the engine.
            TransientError: network; or the push ended without a digest.
        """
        wanted = parse(reference)
        subject = f"push {wanted}"
        login = auth.find(wanted.registry).payload()
        options: Any = {"stream": True, "decode": True, "auth_config": login}
        layers, digest = Layers(sink, span), ""
        with self._wire.stream(subject, lambda api: api.push(wanted.name, wanted.tag or "latest", **options)) as notes:
            for note in progress.checked(notes, subject):
                layers.note(note)
                digest = str((note.get("aux") or {}).get("Digest") or digest)
        if not digest:
            raise TransientError(f"{subject}: it ended without a digest")
        return digest

    def _pulled(self, wanted: Reference, digest: str) -> ImageInfo:
        expected = wanted.digest or digest
        if not expected or (digest and digest != expected):
            raise TransientError(f"pull {wanted}: the registry gave {digest or 'no digest'}")
        image = self.inspect(f"{wanted.name}@{expected}")
        if not wanted.digest and self.inspect(wanted.tagged).id != image.id:
            raise TransientError(f"pull {wanted}: the tag still points to another image", hint="pull it again")
        return image

    def registry_digest(self, reference: str) -> str:
        """Return the digest that the registry has under a reference now, without fetching the image.

        Raises:
            NotFoundError: the registry has no such image.
            DeniedError: the registry wants other credentials.
        """
        wanted = parse(reference)
        login = auth.find(wanted.registry).payload()
        found = self._wire.call(f"image {wanted}", lambda api: api.inspect_distribution(str(wanted), login))
        return str(found["Descriptor"]["digest"])


def _pullable(wanted: Reference) -> tuple[str, str]:
    """Name and tag as the SDK wants them: a digest goes where the tag does."""
    return wanted.name, wanted.digest or wanted.tag or "latest"
