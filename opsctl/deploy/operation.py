"""One deploy or rollback from lock to unlock, on a site that is open: survey, plan, drive, and the way back.

Knows nothing of project files and of images; `opsctl.deploy.service` brings those.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from opsctl.deploy.history import Current, Good, promote
from opsctl.deploy.journal import JournalBook
from opsctl.deploy.machine import Run, drive
from opsctl.deploy.model import Attempt, Git, HealthPolicy, ImageRecord, Release
from opsctl.deploy.plan import DeployPlan, Desired, Situation, make
from opsctl.deploy.site import Site, revision_of
from opsctl.deploy.target import Held, Materials, TargetState
from opsctl.deploy.undo import recover, settle
from opsctl.deploy.verdict import failed
from opsctl.errors import ConflictError, NotFoundError
from opsctl.identity import is_gone
from opsctl.state import Lease

__all__ = ["DeployResult", "Terms", "Want", "Wanted", "carry_out", "propose", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an attempt is to make serve.

    Args:
        desired: for the plan.
        image: where it is known already.
        materials: what a new revision is made from.
        health: the gate.
        version: what people call it.
        git: where the working tree stood.
        made_by: record of the attempt that made the revision, for a rollback.
    """

    desired: Desired
    image: ImageRecord | None = None
    materials: Materials = field(default_factory=Materials)
    health: HealthPolicy = field(default_factory=HealthPolicy)
    version: str = ""
    git: Git = field(default_factory=Git)
    made_by: Release | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How it is to be done.

    Args:
        who: does it, for the records.
        retain: revisions to keep.
        force: deploy although nothing would change, and take over what strangers left.
        lock_wait: seconds to wait for the lock at most.
        lock_ttl: seconds after which others may take the lock from a holder that shows no sign of life.
    """

    who: str
    retain: int = 10
    force: bool = False
    lock_wait: float = 0.0
    lock_ttl: float = 30.0


class DeployResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a deploy that did not fail.

    Args:
        plan: what was to be done.
        changed: False when what is wanted runs already.
        release: record of what serves now.
        recovered: record of an attempt that had been killed and was finished or undone first.
        url: where people can look at it, "" for nowhere.
    """

    plan: DeployPlan
    changed: bool
    release: Release
    recovered: Release | None = None
    url: str = ""


Want = Callable[[Current | None], Wanted]
"""Says what is wanted, once it is known what serves."""


def carry_out(site: Site, want: Want, terms: Terms) -> DeployResult:
    """Deploy or roll back.

    Raises:
        LockTimeoutError: somebody else deploys.
        ConflictError: the target holds what strangers left; or the lock was lost.
        DeployRolledBackError: it failed, and the target is as it was.
        RollbackFailedError: it failed, and so did the way back.
        StateUnknownError: the target cannot be asked any more.
        InterruptedRunError: it was interrupted; the message says what serves.
        OpsctlError: it failed before the target was touched.
    """
    with site.work() as work, _locked(site, terms) as lease:
        book = site.records.open_journal(lease)
        recovered = recover(site, lease, book)
        wanted = want(site.records.current())
        site.secrecy.hide(wanted.materials.secrets)
        if wanted.desired.caveat:
            site.say(wanted.desired.caveat, "warning")
        situation = survey(site, wanted)
        plan = _plan(wanted, situation, terms)
        if plan.blocked:
            raise ConflictError(plan.blocked, hint="give each its own place, or take over with --force")
        run = _run(site, lease, book, wanted, situation, plan=plan, terms=terms)
        changed = plan.verdict != "unchanged" and _attempt(run)
        release = _serving(site)
        work.status = "ok" if changed else "unchanged"
        work.detail = f"release {release.seq} {'serves' if changed else 'serves already'}"
    return DeployResult(plan=plan, changed=changed, release=release, recovered=recovered, url=_url(site, release))


def _locked(site: Site, terms: Terms) -> Lease:
    purpose = f"deploy of {site.slot}"
    return site.records.lock(purpose=purpose, wait=terms.lock_wait, ttl=terms.lock_ttl, sink=site.tell)


def propose(site: Site, want: Want, terms: Terms) -> DeployPlan:
    """Say what `carry_out` would do, without a lock and without a trace."""
    wanted = want(site.records.current())
    situation = survey(site, wanted)
    holder = site.records.lock_holder()
    if holder is not None and not is_gone(holder.identity):
        # What is unfinished is most likely under way.
        situation = msgspec.structs.replace(situation, unfinished=None, busy=holder.describe())
    return _plan(wanted, situation, terms)


def survey(site: Site, wanted: Wanted | None) -> Situation:
    """Look at what is there; changes nothing.

    Args:
        site: where.
        wanted: with the values of secrets, which are compared with what runs; None leaves them out.
    """
    records, journal = site.records, site.records.journal()
    current = records.current()
    release = records.release(current.seq) if current else None
    state = site.target.inspect()
    return Situation(
        slot=site.slot,
        place=site.target.place,
        seq=_next(site, journal.seq, current, state),
        release=release,
        current=current,
        state=state,
        differences=tuple(_differences(site, release, wanted)),
        strangers=tuple(held for held in state.revisions if not _ours(site, held, current)),
        unfinished=journal if journal.state != "closed" else None,
    )


def _plan(wanted: Wanted, situation: Situation, terms: Terms) -> DeployPlan:
    desired = wanted.desired
    maker = wanted.made_by.maker if wanted.made_by else ""
    good = Good(desired.revision or situation.seq, maker, _replaced(wanted, situation))
    pointer = promote(situation.current, seq=situation.seq, good=good, retain=terms.retain)
    return make(desired, situation, keep=pointer.kept, force=terms.force)


def _attempt(run: Run) -> bool:
    """Drive one attempt to its end; False when the build has shown that nothing changes."""
    try:
        run.book.begin(run.attempt, run.arrows)
        return drive(run)
    except (Exception, KeyboardInterrupt) as error:
        release = settle(run, error)
        outcome = failed(run.site, release, error) if release else error
        if outcome is error:
            raise
        raise outcome from error


def _run(
    site: Site,
    lease: Lease,
    book: JournalBook,
    wanted: Wanted,
    situation: Situation,
    *,
    plan: DeployPlan,
    terms: Terms,
) -> Run:
    return Run(
        site=site,
        lease=lease,
        book=book,
        attempt=_begin(wanted, situation, terms),
        arrows=plan.stages,
        materials=wanted.materials,
        unchanged=lambda attempt: _is_unchanged(wanted, attempt, situation, terms),
    )


def _begin(wanted: Wanted, situation: Situation, terms: Terms) -> Attempt:
    identity = secrets.token_hex(8)
    artifact = wanted.materials.artifact
    made_by = wanted.made_by
    return Attempt(
        seq=situation.seq,
        id=identity,
        revision=made_by.revision if made_by else situation.seq,
        maker=made_by.maker if made_by else identity,
        created=datetime.now(UTC),
        who=terms.who,
        version=wanted.version,
        git=wanted.git,
        image=wanted.image,
        artifact=made_by.artifact if made_by else artifact.record if artifact else None,
        spec=wanted.desired.spec,
        health=wanted.health,
        parent=situation.release.seq if situation.release else 0,
        replaces=_replaced(wanted, situation),
        retain=terms.retain,
    )


def _replaced(wanted: Wanted, situation: Situation) -> int:
    """Return the revision that a rollback from what is wanted goes to."""
    now = situation.release
    if wanted.made_by is not None:
        return wanted.made_by.replaces
    if now is None:
        return 0
    # What is only made anew (forced, or because the target had lost it) takes the place of its likeness.
    return now.replaces if now.spec_hash == wanted.desired.spec.hash else now.revision


def _is_unchanged(wanted: Wanted, attempt: Attempt, situation: Situation, terms: Terms) -> bool:
    built = msgspec.structs.replace(wanted.desired, spec=attempt.spec, known=True)
    return make(built, situation, keep=frozenset(), force=terms.force).verdict == "unchanged"


def _differences(site: Site, release: Release | None, wanted: Wanted | None) -> list[str]:
    if release is None:
        return []
    same_secrets = wanted is not None and wanted.desired.spec.secrets == release.spec.secrets
    return list(site.target.differences(revision_of(release), wanted.materials if wanted and same_secrets else None))


def _next(site: Site, seq: int, current: Current | None, state: TargetState) -> int:
    """Above every number that was ever given out, also when the journal was lost."""
    known = max(seq, current.seq if current else 0)
    return max(site.records.last_number(after=known), *(held.number for held in state.revisions), 0) + 1


def _ours(site: Site, held: Held, current: Current | None) -> bool:
    good = current.good if current else ()
    if any((held.number, held.deploy) == (one.number, one.deploy) for one in good):
        return True
    journal = site.records.journal()
    if journal.attempt is not None and held.deploy in {journal.attempt.id, journal.attempt.maker}:
        return True
    try:
        return held.deploy == site.records.release(held.number).id
    except NotFoundError:
        return False


def _serving(site: Site) -> Release:
    current = site.records.current()
    if current is None:
        raise NotFoundError(f"{site.slot} has no release that serves")
    return site.records.release(current.seq)


def _url(site: Site, release: Release) -> str:
    held = site.target.inspect().get(release.revision)
    return held.url if held else ""
