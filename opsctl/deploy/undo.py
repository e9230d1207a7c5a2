"""The way back from an attempt that failed, and the recovery of one whose process was killed.

Every step asks the target first, so that being killed in here is no special case either: the next command enters again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from opsctl.deploy.journal import Journal, JournalBook
from opsctl.deploy.machine import Run, drive, pass_gate
from opsctl.deploy.model import Attempt, Failure, Outcome, Release
from opsctl.deploy.site import Site, revision_of
from opsctl.deploy.target import Evidence, KnowsSecrets
from opsctl.errors import InterruptedRunError, OpsctlError, StateUnknownError, TransientError
from opsctl.state import Lease

__all__ = ["recover", "settle"]


def recover(site: Site, lease: Lease, book: JournalBook) -> Release | None:
    """Finish or undo what a killed process left.

    Returns:
        the record of that attempt, None when nothing was left.

    Raises:
        StateUnknownError: the target cannot be asked.
        InterruptedRunError: it was interrupted, and undone or finished.
    """
    journal = book.now
    attempt = journal.attempt
    if journal.state == "closed" or attempt is None:
        return None
    site.say(f"release {journal.seq} of {site.slot} was left unfinished at {journal.stage}: recovering it", "warning")
    _learn_secrets(site, attempt)
    run = Run(site=site, lease=lease, book=book, attempt=attempt, arrows=journal.arrows, recovered=True)
    release = _recovered(run, journal)
    site.say(f"release {release.seq} was {'finished' if release.outcome == 'succeeded' else 'undone'}")
    return release


def _learn_secrets(site: Site, attempt: Attempt) -> None:
    """Hide the secrets of an attempt that another process began, with the values that they had and that they have."""
    known: Mapping[str, str] = {}
    if isinstance(site.target, KnowsSecrets):
        with contextlib.suppress(TransientError):  # whoever needs the target next says that it is gone
            known = site.target.secrets_of(revision_of(attempt))
    site.secrecy.hide(known)
    for name, reference in attempt.spec.secrets.items():
        try:
            site.secrecy.hide(site.resolve({name: reference}))
        except InterruptedRunError:
            raise
        except OpsctlError:
            if name not in known:
                site.secrecy.expose(name)


def _recovered(run: Run, journal: Journal) -> Release:
    if not _finishes(run, journal):
        return _undo(run, journal.cause or _killed(journal))
    try:
        drive(run, position=journal.position)
    except (KeyboardInterrupt, InterruptedRunError) as error:
        settle(run, error)
        message = f"interrupted while release {run.attempt.seq} of {run.site.slot} was recovered"
        raise InterruptedRunError(message) from error
    except OpsctlError as error:
        settle(run, error)
    return run.site.records.release(run.attempt.seq)


def settle(run: Run, error: BaseException) -> Release | None:
    """Deal with an arrow that failed: undo the attempt, or finish it when its last gate had been passed.

    Returns:
        the record of the attempt, None when it had not begun.

    Raises:
        StateUnknownError: neither was possible, because something cannot be reached; the journal says how far it got.
        ConflictError: the lock was lost; nothing was done.
    """
    run.lease.check()
    run.book.reload()
    journal = run.book.now
    if journal.attempt is None or journal.attempt.id != run.attempt.id:
        return None
    if journal.decided:
        return _complete(run, error)
    return _undo(run, _explain(run, error))


def _finishes(run: Run, journal: Journal) -> bool:
    if journal.state == "reverting" or not journal.switching:
        return False
    return journal.decided or _serves(run)


def _serves(run: Run) -> bool:
    try:
        held = run.site.target.inspect().get(run.attempt.revision)
    except TransientError as error:
        raise _unknown(run, error) from error
    return held is not None and held.serving and held.alive


def _complete(run: Run, error: BaseException) -> Release:
    if isinstance(error, (KeyboardInterrupt, InterruptedRunError)) and run.book.now.state != "closed":
        drive(run, position=run.book.now.position)
    elif run.book.now.state != "closed":
        raise _unknown(run, error) from error
    return run.site.records.release(run.attempt.seq)


def _undo(run: Run, cause: Failure) -> Release:
    """Make what served before serve again, remove what is new, and record the failure."""
    journal = run.book.now
    run.book.revert(run.attempt, cause)
    if journal.touched:
        cause = msgspec.structs.replace(cause, way_back=_walk_back(run, journal))
    outcome: Outcome = "rolled_back" if journal.switching else "failed"
    release = Release.of(run.attempt, outcome, failure=cause, recovered=run.recovered)
    run.site.records.add(release, fence=run.lease.fence)
    run.book.close()
    return release


def _walk_back(run: Run, journal: Journal) -> str:
    """Return why the way back failed, "" when it did not."""
    try:
        if journal.switching:
            _restore(run)
        _clear(run)
    except TransientError as error:
        raise _unknown(run, error) from error
    except OpsctlError as error:
        run.lease.check()
        return run.site.secrecy.mask(error.message)
    return ""


def _restore(run: Run) -> None:
    """Make what served before serve again."""
    target, records = run.site.target, run.site.records
    if not run.attempt.parent:
        target.switch(None, fence=run.lease.fence)
        return
    before = revision_of(records.release(run.attempt.parent))
    held = target.inspect().get(before.number)
    if held is None or not held.alive:
        target.start(before, run.site.materials(before))
        pass_gate(run.site, run.lease, before)
    target.switch(before, fence=run.lease.fence)


def _clear(run: Run) -> None:
    """Remove a new revision; put an old one that had been woken back to sleep."""
    attempt, current = run.attempt, run.site.records.current()
    if not attempt.is_rollback:
        run.site.target.discard(attempt.revision)
    elif current is not None and current.revision != attempt.revision:
        run.site.target.retire(serving=current.revision, keep=current.kept | {attempt.revision})


def _explain(run: Run, error: BaseException) -> Failure:
    evidence = _evidence(run) if run.book.now.touched else Evidence()
    kind, hint = _kind(error)
    mask = run.site.secrecy.mask
    return Failure(
        stage=run.book.now.stage,
        kind=kind,
        message=mask(str(error) or "interrupted"),
        hint=mask(hint),
        exit_code=evidence.exit_code,
        oom_killed=evidence.oom_killed,
        log=tuple(map(mask, evidence.log)),
        health=tuple(map(mask, evidence.health)),
    )


def _kind(error: BaseException) -> tuple[str, str]:
    match error:
        case OpsctlError():
            return error.kind, error.hint
        case KeyboardInterrupt():
            return "interrupted", ""
        case _:
            return "bug", ""


def _evidence(run: Run) -> Evidence:
    # What explains a failure must not hide it.
    found = Evidence()
    with contextlib.suppress(OpsctlError):
        found = run.site.target.evidence(run.attempt.revision)
    exposed = ", ".join(run.site.secrecy.exposed)
    if not exposed or not (found.log or found.health):
        return found
    run.site.say(f"what it printed is not shown: {exposed} cannot be masked", "warning")
    return replace(found, log=(), health=())


def _killed(journal: Journal) -> Failure:
    return Failure(stage=journal.stage, kind="killed", message=f"the process was killed at {journal.stage}")


def _unknown(run: Run, error: BaseException) -> StateUnknownError:
    slot, journal = run.site.slot, run.book.now
    return StateUnknownError(
        f"release {journal.seq} of {slot} is unfinished at {journal.stage}, and its state is unknown: {error}",
        hint=f"once it can be reached, `opsctl deploy {slot.service} --env {slot.env}` finishes or undoes it",
    )
