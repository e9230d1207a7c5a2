"""The state machine of every deploy: a table of stages, and the loop that takes one arrow after the other.

Each arrow is written to the journal before its side effect. Every stage may be entered again by another process
after a kill, so each is idempotent: it asks the target and the records what is there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from opsctl.deploy.gate import Gate
from opsctl.deploy.history import Current, Good, promote
from opsctl.deploy.journal import JournalBook
from opsctl.deploy.model import Attempt, ImageRecord, Release, Stage, StageRun
from opsctl.deploy.site import Site, Supply, Work, revision_of
from opsctl.deploy.target import Materials, Revision
from opsctl.errors import InterruptedRunError, OpsctlError, StepFailedError, TransientError
from opsctl.state import Lease

__all__ = ["STAGES", "Run", "drive", "pass_gate"]


@dataclass(slots=True, kw_only=True)
class Run:
    """One attempt under way.

    Args:
        site: what it works with.
        lease: which allows it.
        book: its journal.
        attempt: what is known of it so far; grows.
        arrows: its stages.
        materials: what a new revision is made from.
        unchanged: asked once the image is there: whether that is what serves already.
        recovered: another process began it.
        process: what passed the gate, to be recognised later.
    """

    site: Site
    lease: Lease
    book: JournalBook
    attempt: Attempt
    arrows: tuple[Stage, ...]
    materials: Materials = field(default_factory=Materials)
    unchanged: Callable[[Attempt], bool] = lambda _: False
    recovered: bool = False
    process: tuple[str, int] | None = None

    @property
    def revision(self) -> Revision:
        """What it puts on the target."""
        return revision_of(self.attempt)

    @property
    def pointer(self) -> Current:
        """Where `current.json` points once it has succeeded."""
        good = Good(self.attempt.revision, self.attempt.maker, self.attempt.replaces)
        before = self.site.records.current()
        return promote(before, seq=self.attempt.seq, good=good, retain=self.attempt.retain)

    def learn(self, image: ImageRecord) -> None:
        """Take in which image it is."""
        spec = msgspec.structs.replace(self.attempt.spec, image=image.id)
        self.attempt = msgspec.structs.replace(self.attempt, image=image, spec=spec)


def drive(run: Run, *, position: int = 0) -> bool:
    """Take the arrows from `position` on.

    Returns:
        False when the image has shown that nothing would change; then the journal is closed and nothing was touched.

    Raises:
        OpsctlError: an arrow failed; the journal says which one.
    """
    for index in range(position, len(run.arrows)):
        stage = run.arrows[index]
        run.book.advance(run.attempt, index)
        _take(run, stage)
        if stage in {"build", "pull"} and run.unchanged(run.attempt):
            run.book.close(unused=True)
            return False
    return True


def _take(run: Run, stage: Stage) -> None:
    started = datetime.now(UTC)
    work = Work("")
    try:
        with run.site.work(stage) as work:
            work.detail = STAGES[stage](run, work)
    finally:
        taken = StageRun(stage, started, round(work.seconds, 3), work.status, run.site.secrecy.mask(work.detail))
        run.attempt = msgspec.structs.replace(run.attempt, stages=(*run.attempt.stages, taken))


def _build(run: Run, work: Work) -> str:
    image = _supply(run).build(span=work.span)
    run.learn(image)
    return f"{image.ref} is {image.id}"


def _pull(run: Run, work: Work) -> str:
    image = _supply(run).pull(span=work.span)
    run.learn(image)
    return image.digest


def _test(run: Run, work: Work) -> str:
    return _supply(run).test(_image(run), span=work.span)


def _push(run: Run, work: Work) -> str:
    image = _supply(run).push(_image(run), span=work.span)
    run.learn(image)
    return image.digest


def _supply(run: Run) -> Supply:
    if run.site.supply is None:
        raise StepFailedError(f"{run.site.slot} is made of files: there is no image to work on")
    return run.site.supply


def _image(run: Run) -> ImageRecord:
    if run.attempt.image is None:
        raise StepFailedError(f"{run.site.slot} has no image yet")
    return run.attempt.image


def _start(run: Run, _: Work) -> str:
    run.site.target.start(run.revision, run.materials)
    return f"release {run.attempt.revision} on {run.site.target.place}"


def _health(run: Run, _: Work) -> str:
    run.process, detail = pass_gate(run.site, run.lease, run.revision)
    return detail


def _switch(run: Run, _: Work) -> str:
    run.site.target.switch(run.revision, fence=run.lease.fence)
    return f"release {run.attempt.revision} serves"


def _bake(run: Run, _: Work) -> str:
    # The place of the log gate: what serves is looked at once more, before the way back is given up.
    probe = run.site.probe(run.revision)
    if not probe.alive or not probe.passed:
        raise StepFailedError(f"release {run.attempt.revision} failed as soon as it served: {probe.detail}")
    if run.process is not None and probe.process != run.process:
        raise StepFailedError(f"release {run.attempt.revision} crashed as soon as it served: {probe.detail}")
    return probe.detail


def _retire(run: Run, _: Work) -> str:
    keep = run.pointer.kept
    try:
        run.site.target.retire(serving=run.attempt.revision, keep=keep)
    except (TransientError, InterruptedRunError):
        raise
    except OpsctlError as error:
        # The release serves; what cannot be cleaned up now is tried again by the next deploy.
        run.site.say(f"cannot retire what ran before: {error.message}", "warning", hint=error.hint)
        return "not everything could be retired"
    return f"{len(keep)} kept"


def _record(run: Run, _: Work) -> str:
    pointer = run.pointer
    release = Release.of(run.attempt, "succeeded", recovered=run.recovered)
    run.site.records.add(release, fence=run.lease.fence)
    run.site.records.point(pointer, fence=run.lease.fence)
    run.book.close()
    return f"release {run.attempt.seq}"


STAGES: Mapping[Stage, Callable[[Run, Work], str]] = {
    "build": _build,
    "pull": _pull,
    "test": _test,
    "push": _push,
    "start": _start,
    "health": _health,
    "switch": _switch,
    "bake": _bake,
    "retire": _retire,
    "record": _record,
}
"""Stage -> what it does; the text it returns says what came of it."""


def pass_gate(site: Site, lease: Lease, revision: Revision) -> tuple[tuple[str, int], str]:
    """Probe a started revision until it has passed its health gate.

    Returns:
        which process it was, and one line on how it passed.

    Raises:
        StepFailedError: it has failed for good.
    """
    gate = Gate(revision.health, started=time.monotonic())
    while True:
        probe = site.probe(revision)
        verdict = gate.see(probe, now=time.monotonic())
        if verdict.state == "passed":
            return probe.process, verdict.detail
        if verdict.state == "failed":
            raise StepFailedError(f"release {revision.number} failed its health gate: {verdict.detail}")
        time.sleep(revision.health.interval)
        lease.check()
