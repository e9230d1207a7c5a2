"""Results of deploys as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opsctl.cli.output.table import Column, Table
from opsctl.cli.output.units import timestamp
from opsctl.deploy.model import Release, counted
from opsctl.deploy.plan import Change, DeployPlan
from opsctl.deploy.service import DeployResult, HistoryEntry, UnlockResult
from opsctl.deploy.status import HeldView, SlotStatus

__all__ = ["history", "plan", "result", "statuses", "unlocked"]

_STATUS_COLORS = {"active": "green", "failed": "red", "rolled_back": "yellow"}
_SHORT = 12


def result(found: DeployResult) -> str:
    """Return what came of a deploy or rollback."""
    slot, release = found.plan.slot, found.release
    at = f" at {found.url}" if found.url else ""
    if not found.changed:
        return f"{slot}: unchanged, {_called(release)} serves{at}"
    before = f", instead of release {release.parent}" if release.parent else ""
    return f"{slot}: {_called(release)} serves{at}{before}"


def plan(found: DeployPlan) -> str:
    """Return a plan: the verdict, what differs, what would be done, and what speaks against it."""
    lines = [f"{found.slot} on {found.place}: {found.verdict}, {found.reason}"]
    if found.changes:
        lines += ["", "Differences:", *(f"  {_change(change)}" for change in found.changes)]
    if found.actions:
        room = max(len(action.verb) for action in found.actions)
        lines += ["", "Would do:"]
        lines += [f"  {action.verb:<{room}}  {action.subject}: {action.reason}" for action in found.actions]
    lines += [f"warning: {warning}" for warning in found.warnings]
    if found.blocked:
        lines.append("a deploy would be refused without --force")
    return "\n".join(lines)


def statuses(found: Sequence[SlotStatus]) -> str:
    """Return one paragraph for each slot."""
    return "\n\n".join("\n".join(_status(one)) for one in found) or "the project has no services or no environments"


def history(found: Sequence[HistoryEntry]) -> Table:
    """Return the releases as a table."""
    columns = (
        Column("release", align="right"),
        Column("status", color=lambda value: _STATUS_COLORS.get(value, "")),
        Column("when"),
        Column("version", shrink=True),
        Column("who", shrink=True),
        Column("what", shrink=True),
    )
    rows = [
        (
            entry.release.seq,
            entry.status,
            timestamp(entry.release.created.timestamp()),
            entry.release.version,
            entry.release.who,
            _what(entry.release),
        )
        for entry in found
    ]
    return Table(columns, rows, empty="no releases")


def unlocked(found: UnlockResult) -> str:
    """Return what came of an unlock."""
    lines = [f"released the lock of {found.holder}" if found.holder else f"nobody holds the lock of {found.slot}"]
    if found.unfinished:
        lines.append(f"release {found.unfinished} is unfinished: the next deploy or rollback finishes or undoes it")
    return "\n".join(lines)


def _status(one: SlotStatus) -> Iterator[str]:
    if one.release is None:
        yield f"{one.slot}: never deployed"
    else:
        place = f" on {one.place}" if one.place else ""
        yield f"{one.slot}: {_called(one.release)}{place}"
        yield f"  deployed {timestamp(one.release.created.timestamp())} by {one.release.who}"
    if one.down:
        yield "  NOT SERVING: `opsctl deploy` starts it again"
    if one.url:
        yield f"  {one.url}"
    for held in one.held:
        yield f"  release {held.number} {_state(held)}: {held.name} ({held.detail})"
    yield from (f"  drift: {difference}" for difference in one.drift)
    if one.unfinished is not None:
        doing = "being undone" if one.unfinished.reverting else "unfinished"
        yield f"  release {one.unfinished.seq} is {doing} at {one.unfinished.stage}"
    if one.lock is not None:
        gone = ", but its process is gone: the next deploy takes the lock" if one.lock.gone else ""
        yield f"  locked by {one.lock.holder}{gone}"
    if one.problem:
        yield f"  cannot be asked: {one.problem}"


def _state(held: HeldView) -> str:
    if held.serving:
        return "serves" if held.alive else "should serve"
    return "kept" if held.known else "unknown to this state store"


def _called(release: Release) -> str:
    notes = [release.version] if release.version else []
    notes += [f"release {release.revision} again"] if release.is_rollback else []
    return f"release {release.seq} ({', '.join(notes)})" if notes else f"release {release.seq}"


def _what(release: Release) -> str:
    if release.failure is not None:
        return f"{release.failure.stage}: {release.failure.message}"
    recovered = "finished by a later deploy, " if release.recovered else ""
    if release.is_rollback:
        return f"{recovered}rollback to {release.revision}"
    if release.image is not None:
        return f"{recovered}{release.image.ref}"
    return f"{recovered}{counted(release.artifact.files if release.artifact else 0, 'file')}"


def _change(change: Change) -> str:
    return f"{change.field}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    digest = value.removeprefix("sha256:")
    is_digest = len(digest) == 64 and all(char in "0123456789abcdef" for char in digest)  # noqa: PLR2004 - SHA-256
    return digest[:_SHORT] if is_digest else value
