"""A small world to deploy in: one service of files on a bucket in memory, and state beside it.

Faults and kills are put between the deploy and what it works with, never into the product.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from opsctl.config.models import Artifact as ArtifactConfig
from opsctl.deploy.artifact import collect
from opsctl.deploy.model import Release, Slot, Spec
from opsctl.deploy.operation import DeployResult, Terms, Want, Wanted, carry_out
from opsctl.deploy.plan import Desired
from opsctl.deploy.records import Records
from opsctl.deploy.rollback import back_to
from opsctl.deploy.site import Site
from opsctl.deploy.target import Evidence, Held, Materials, Probe, Revision, Target, TargetContext, TargetState
from opsctl.deploy.targets.bucket import PLUGIN, BucketOptions
from opsctl.errors import NotFoundError, OpsctlError
from opsctl.events import Event
from opsctl.storage import ObjectInfo, PutOptions, open_store

__all__ = ["DoomedStore", "FaultyTarget", "Fuse", "Killed", "World"]

SLOT = Slot("shop", "dev", "web")


class Killed(BaseException):
    """The process is gone: nothing it does has an effect any more."""


@dataclass
class Fuse:
    """Ends the process at a point.

    Args:
        at: number of the point, from 1; 0 never.
        kill: how it ends.
        after: there is a point after each change too. It is the same for the world as the one before the next change,
            so where a point is dear only those before are taken.
    """

    at: int = 0
    kill: Callable[[], None] = lambda: None
    after: bool = True
    burnt: int = 0
    points: list[str] = field(default_factory=list)

    @property
    def dead(self) -> bool:
        return 0 < self.at <= self.burnt

    def burn(self, point: str) -> None:
        self.burnt += 1
        self.points.append(point)
        if self.dead:
            self.kill()
            raise Killed(point)

    def around(self, point: str, effect: Callable[[], Any]) -> Any:
        self.burn(f"before {point}")
        result = effect()
        if self.after:
            self.burn(f"after {point}")
        return result


@dataclass
class DoomedStore:
    """A store whose user may die before or after each write."""

    inner: Any
    fuse: Fuse

    @property
    def url(self) -> str:
        return self.inner.url

    def stat(self, key: str) -> ObjectInfo:
        return self.inner.stat(key)

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        return self.inner.scan(prefix, start_after=start_after)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        return self.inner.get(key, start=start, length=length)

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        return self.fuse.around(f"put {key}", lambda: self.inner.put(key, body, size=size, options=options))

    def delete(self, key: str) -> None:
        self.fuse.around(f"delete {key}", lambda: self.inner.delete(key))

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        return self.fuse.around(f"put_if {key}", lambda: self.inner.put_if(key, data, match=match))

    def close(self) -> None:
        self.inner.close()


@dataclass
class FaultyTarget:
    """A target some of whose operations fail.

    Args:
        inner: the real one.
        faults: operation -> the errors it raises, one at each call, before it has any effect.
    """

    inner: Target
    faults: Mapping[str, list[OpsctlError]] = field(default_factory=dict)

    def _fail(self, name: str) -> None:
        pending = self.faults.get(name)
        if pending:
            raise pending.pop(0)

    @property
    def place(self) -> str:
        return self.inner.place

    def inspect(self) -> TargetState:
        self._fail("inspect")
        return self.inner.inspect()

    def differences(self, revision: Revision, materials: Materials | None) -> Any:
        return self.inner.differences(revision, materials)

    def start(self, revision: Revision, materials: Materials) -> None:
        self._fail("start")
        self.inner.start(revision, materials)

    def probe(self, revision: Revision) -> Probe:
        self._fail("probe")
        return self.inner.probe(revision)

    def switch(self, revision: Revision | None, *, fence: int) -> None:
        self._fail("switch")
        self.inner.switch(revision, fence=fence)

    def retire(self, *, serving: int, keep: frozenset[int]) -> None:
        self._fail("retire")
        self.inner.retire(serving=serving, keep=keep)

    def discard(self, number: int) -> None:
        self._fail("discard")
        self.inner.discard(number)

    def evidence(self, number: int) -> Evidence:
        return self.inner.evidence(number)

    def close(self) -> None:
        self.inner.close()


class World:
    """A service of one file on a bucket.

    Args:
        base: a directory of its own.
        retain: revisions to keep.
        root: URL that state and releases are below; in memory by default.
    """

    def __init__(self, base: Path, *, retain: int = 3, root: str = "") -> None:
        self.base = base
        self.slot = SLOT
        self.terms = Terms(who="tester@here", retain=retain)
        self.events: list[Event] = []
        root = root or f"mem://{secrets.token_hex(6)}"
        self.state = f"{root}/state"
        self.releases = f"{root}/releases"
        (base / "dist").mkdir(exist_ok=True)
        self.write("nothing")

    @property
    def records(self) -> Records:
        return Records(open_store(self.state), self.slot)

    @property
    def target(self) -> Target:
        return PLUGIN.open(BucketOptions(url=self.releases), TargetContext(slot=SLOT, base=self.base, state=self.state))

    def doomed_target(self, fuse: Fuse) -> Target:
        """The target, whose user may die between any two of its writes."""
        target = self.target
        target._store = DoomedStore(target._store, fuse)  # type: ignore[attr-defined]  # the bucket target
        return target

    def write(self, text: str) -> None:
        (self.base / "dist/index.html").write_text(text)

    def site(self, *, fuse: Fuse | None = None, faults: Mapping[str, list[OpsctlError]] | None = None) -> Site:
        burning = fuse or Fuse()
        return Site(
            slot=self.slot,
            target=FaultyTarget(self.doomed_target(burning), faults or {}),
            records=Records(DoomedStore(open_store(self.state), burning), self.slot),
            resolve=lambda references: {name: f"value of {name}" for name in references},
            sink=self.events.append,
        )

    def want(self, text: str) -> Want:
        self.write(text)
        artifact = collect(ArtifactConfig(include=["dist"]), self.base)
        spec = Spec(artifact=artifact.record.digest)
        desired = Desired(spec=spec, source="files", subject="1 file")
        return lambda _: Wanted(desired=desired, materials=Materials(artifact=artifact), version=text)

    def deploy(self, text: str, *, site: Site | None = None, force: bool = False) -> DeployResult:
        return carry_out(site or self.site(), self.want(text), replace(self.terms, force=force))

    def rollback(self, to: int = 0, *, site: Site | None = None) -> DeployResult:
        where = site or self.site()
        return carry_out(where, back_to(where, to), self.terms)

    def after_a_kill(self) -> None:
        """What time, or the death of a process, does to the lock of a killed deploy."""
        self.records.unlock(who="tester", why="its process is gone")

    @property
    def serving(self) -> str:
        """What clients see; "" for nothing. Fails when more than one release serves, or one that is not whole."""
        serving = self.target.inspect().serving
        assert len(serving) <= 1
        if not serving:
            return ""
        return self.content(serving[0])

    def content(self, held: Held) -> str:
        """What a revision would answer."""
        with open_store(self.releases).get(f"web/releases/{held.number}/dist/index.html") as body:
            return body.read().decode()

    @property
    def history(self) -> list[Release]:
        """All records, the oldest first."""
        return list(reversed(self.records.recent(1000)))

    def check(self) -> None:
        """What holds whenever no deploy is under way and none was left unfinished."""
        journal, current, state = self.records.journal(), self.records.current(), self.target.inspect()
        assert journal.state == "closed"
        assert self.records.lock_holder() is None
        kept = current.kept if current else frozenset()
        assert {held.number for held in state.revisions} == kept, "leftovers, or a rollback target is lost"
        assert [held.number for held in state.serving] == ([current.revision] if current else [])
        assert self.remains() == kept, "something is left of a revision"
        if current is not None:
            release = self.records.release(current.seq)
            assert release.outcome == "succeeded"
            assert self.serving == release.version
        numbers = [release.seq for release in self.history]
        assert numbers == sorted(set(numbers))

    def remains(self) -> set[int]:
        """Numbers of all revisions of which the least is left."""
        try:
            found = list(open_store(self.releases).scan("web/releases/"))
        except NotFoundError:
            return set()
        return {int(item.key.split("/")[2]) for item in found}


def wait_until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
