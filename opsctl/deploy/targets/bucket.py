"""`type: bucket`: releases as immutable directories in a store, and a pointer that is switched atomically.

Below `<url>/<service>/`:

- `releases/<number>/...`, the files of a revision, never changed once they are there;
- `manifests/<number>.json`, what they are; written last, so a revision without one does not exist;
- `current.json`, the pointer: it alone says what serves. It is switched by compare-and-swap and fenced, so a deploy
  that lost its lock cannot undo what its successor did. Needs a store with conditional writes;
- `live`, on `file://` only: a symbolic link to the directory that serves, for web servers and people. It is replaced by
  rename right after the pointer; whoever wants to be exact reads the pointer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.deploy import lasting, manifest
from opsctl.deploy.manifest import Manifest
from opsctl.deploy.model import Slot
from opsctl.deploy.target import (
    Evidence,
    Held,
    Materials,
    Probe,
    Revision,
    Target,
    TargetContext,
    TargetPlugin,
    TargetState,
)
from opsctl.errors import ConflictError, LocalIOError, NotFoundError, OpsctlError, StepFailedError
from opsctl.state import Document
from opsctl.storage import Store, open_store, parse_url
from opsctl.storage.rules import check_url

__all__ = ["PLUGIN", "BucketOptions", "BucketTarget"]

_MADE_BY_FIRST_WRITE = frozenset({"file", "mem"})


class BucketOptions(Model, frozen=True, kw_only=True):
    """Options of the target.

    Args:
        url: store that holds the releases; each service has a directory of its own in it.
    """

    url: str

    def check(self) -> Iterator[Fault]:
        """The URL must be one of a store, and releases must outlive the program."""
        try:
            check_url(self.url)
        except OpsctlError as error:
            yield Fault(("url",), error.message, error.hint)
        if why := lasting.objection(self.url, "releases"):
            yield Fault(("url",), why, lasting.CURE)


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """What serves.

    Args:
        slot: whose releases these are.
        revision: number of what serves, 0 for nothing.
        deploy: id of the attempt that made it.
        path: where its files are, relative to the directory of the service.
        state: state store of the deploy that wrote this.
        fence: of the lock of that deploy; compared within one state store only.
    """

    slot: Slot
    revision: int = 0
    deploy: str = ""
    path: str = ""
    state: str = ""
    fence: int = 0


class BucketTarget:
    """The revisions of one slot in a store.

    Args:
        store: rooted at the directory of the service.
        slot: what is deployed there.
        state: state store of the deploy.
        link: the symbolic link to keep, None for none.
    """

    def __init__(self, store: Store, slot: Slot, *, state: str = "", link: Path | None = None) -> None:
        self._store = store
        self._slot = slot
        self._state = state
        self._link = link
        self._known: dict[int, tuple[str, Manifest]] = {}
        self._verified: set[int] = set()
        self._problems: dict[int, tuple[str, ...]] = {}

    @property
    def place(self) -> str:
        """The directory of the service."""
        return self._store.url

    def inspect(self) -> TargetState:
        """Read the pointer and the manifests."""
        pointer = self._read_pointer()
        return TargetState(tuple(self._held(item, pointer) for item in self._manifests()))

    def differences(self, revision: Revision, materials: Materials | None) -> Sequence[str]:
        """Compare pointer, link and manifest, and names and sizes of the files."""
        del materials
        pointer = self._read_pointer()
        if (pointer.revision, pointer.deploy) != (revision.number, revision.deploy):
            now = f"release {pointer.revision}" if pointer.revision else "nothing"
            return (f"{now} serves, not release {revision.number}",)
        found = self._manifest(revision.number)
        if found is None or not _makes(found, revision):
            return (f"release {revision.number} has lost its manifest",)
        if self._link is not None and not _leads(self._link, revision.number):
            return (f"the link {self._link} does not lead to release {revision.number}",)
        return tuple(manifest.discrepancies(self._store, found))

    def start(self, revision: Revision, materials: Materials) -> None:
        """Upload the files and write the manifest, unless they are there."""
        found = self._manifest(revision.number)
        if found is not None and _makes(found, revision):
            return
        artifact = materials.artifact
        if artifact is None or revision.artifact is None:
            raise NotFoundError(f"the files of release {revision.number} are not in {self.place} any more")
        if artifact.record != revision.artifact:
            raise StepFailedError("the files changed while they were deployed", hint="deploy again")
        manifest.remove(self._store, revision.number)
        made = Manifest(
            slot=self._slot,
            revision=revision.number,
            deploy=revision.deploy,
            spec_hash=revision.spec.hash,
            state=self._state,
            digest=revision.artifact.digest,
            files=artifact.files,
        )
        manifest.upload(self._store, artifact, made)

    def probe(self, revision: Revision) -> Probe:
        """Read every file back the first time; later only list them."""
        found = self._manifest(revision.number)
        if found is None or not _makes(found, revision):
            return Probe(passed=False, alive=False, detail="it has no manifest")
        first = revision.number not in self._verified
        problems = (manifest.differing if first else manifest.discrepancies)(self._store, found)
        self._problems[revision.number] = tuple(problems)
        if problems:
            detail = f"{len(problems)} of {len(found.files)} files are wrong: {problems[0]}"
            return Probe(passed=False, alive=False, detail=detail)
        self._verified.add(revision.number)
        return Probe(passed=True, alive=True, settled=True, detail=f"{found.summary} verified")

    def switch(self, revision: Revision | None, *, fence: int) -> None:
        """Move the pointer, then the link."""
        pointer = Pointer(slot=self._slot, state=self._state, fence=fence)
        if revision is not None:
            path = manifest.directory(revision.number)
            pointer = msgspec.structs.replace(pointer, revision=revision.number, deploy=revision.deploy, path=path)
        self._move(pointer)
        if self._link is not None:
            _point(self._link, pointer.path.rstrip("/"))

    def _move(self, pointer: Pointer) -> None:
        saved = self._pointer.read()
        if saved is None:
            self._pointer.create(pointer)
            return
        if saved.value.state == pointer.state and saved.value.fence > pointer.fence:
            raise ConflictError(f"a later deploy has switched {self.place}", hint="this one lost its lock to it")
        self._pointer.replace(saved, pointer)

    def retire(self, *, serving: int, keep: frozenset[int]) -> None:
        """Remove what is not to be kept; files need no sleep."""
        for held in self.inspect().revisions:
            if held.number != serving and held.number not in keep:
                self.discard(held.number)

    def discard(self, number: int) -> None:
        """Remove the files and the manifest."""
        if self._read_pointer().revision == number:
            raise ConflictError(f"release {number} serves from {self.place}: it is not removed")
        self._known.pop(number, None)
        self._verified.discard(number)
        manifest.remove(self._store, number)

    def evidence(self, number: int) -> Evidence:
        """Return what the last probe found wrong."""
        return Evidence(log=self._problems.get(number, ()))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @property
    def _pointer(self) -> Document[Pointer]:
        return Document(self._store, "current.json", Pointer, kind="release pointer")

    def _read_pointer(self) -> Pointer:
        saved = self._pointer.read()
        return saved.value if saved else Pointer(slot=self._slot)

    def _manifests(self) -> list[Manifest]:
        """Return all manifests by number; each is read once, because it never changes."""
        found: list[Manifest] = []
        try:
            for item in self._store.scan("manifests/"):
                number = item.key.removeprefix("manifests/").removesuffix(".json")
                if number.isdecimal() and (one := self._manifest(int(number), etag=item.etag)):
                    found.append(one)
        except NotFoundError:
            if parse_url(self._store.url).scheme not in _MADE_BY_FIRST_WRITE:
                raise
        return sorted(found, key=lambda one: one.revision)

    def _manifest(self, number: int, *, etag: str = "") -> Manifest | None:
        known = self._known.get(number)
        if known is not None and etag and known[0] == etag:
            return known[1]
        found = manifest.read(self._store, number)
        if found is not None and etag:
            self._known[number] = etag, found
        return found

    def _held(self, found: Manifest, pointer: Pointer) -> Held:
        serving = (pointer.revision, pointer.deploy) == (found.revision, found.deploy)
        path = manifest.directory(found.revision)
        return Held(
            number=found.revision,
            deploy=found.deploy,
            spec_hash=found.spec_hash,
            alive=True,
            serving=serving,
            name=f"{self.place.rstrip('/')}/{path}",
            url=str(self._link) if serving and self._link else "",
            detail=found.summary,
            state=found.state,
        )


def _makes(found: Manifest, revision: Revision) -> bool:
    return revision.artifact is not None and (found.deploy, found.digest) == (
        revision.deploy,
        revision.artifact.digest,
    )


def _leads(link: Path, number: int) -> bool:
    try:
        return str(link.readlink()) == manifest.directory(number).rstrip("/")
    except OSError:
        return False


def _point(link: Path, path: str) -> None:
    """Replace the link by rename, so that it always leads to a release; "" removes it."""
    try:
        if not path:
            link.unlink(missing_ok=True)
            return
        draft = link.with_name(f".opsctl-tmp-{secrets.token_hex(8)}")
        draft.symlink_to(path)
        draft.replace(link)
    except OSError as error:
        raise LocalIOError(f"cannot replace the link {str(link)!r}: {error.strerror}") from error


def open_target(options: BucketOptions, context: TargetContext) -> Target:
    """Open the target.

    Raises:
        UsageError: the store has no conditional writes, or the URL makes no sense.
    """
    url = parse_url(options.url, base=context.base).child(context.slot.service)
    store = open_store(url, options=context.stores)
    link = Path(url.path) / "live" if url.scheme == "file" else None
    return BucketTarget(store, context.slot, state=context.state, link=link)


PLUGIN = TargetPlugin(options=BucketOptions, needs="files", open=open_target)
