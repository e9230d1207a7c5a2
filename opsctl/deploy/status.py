"""What runs where, and whether that is what the records say. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from opsctl.config.project import LoadedProject
from opsctl.deploy.model import Release, Slot, Stage
from opsctl.deploy.opening import Place, open_place, open_records
from opsctl.deploy.operation import survey
from opsctl.deploy.target import Held
from opsctl.errors import OpsctlError
from opsctl.events import Sink, discard
from opsctl.identity import is_gone
from opsctl.state import LeaseRecord

__all__ = ["HeldView", "Lock", "SlotStatus", "Unfinished", "status"]


class HeldView(msgspec.Struct, frozen=True):
    """One revision that is on the target; see `opsctl.deploy.target.Held`."""

    number: int
    name: str
    alive: bool
    serving: bool
    known: bool
    url: str
    detail: str


class Unfinished(msgspec.Struct, frozen=True):
    """An attempt that is under way, or was killed.

    Args:
        seq: its number.
        stage: how far it got.
        reverting: it is being undone.
    """

    seq: int
    stage: Stage
    reverting: bool


class Lock(msgspec.Struct, frozen=True):
    """Who may change the slot now.

    Args:
        holder: who, since when and for what.
        since: seconds since the epoch on the holder's clock.
        gone: its process has certainly ended, so the next deploy takes the lock at once.
    """

    holder: str
    since: float
    gone: bool


class SlotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What runs in one slot.

    Args:
        slot: what is deployed where.
        place: of the target; "" when it was not asked.
        release: record of what should serve, None when nothing was ever deployed.
        url: where people can look at it.
        down: what should serve does not: it is gone, or does not run.
        held: what is on the target.
        drift: in what the target is not what the record says.
        unfinished: an attempt that is under way or was killed, None for none.
        lock: who holds the lock, None for nobody.
        problem: why the target could not be asked, "" when it could.
    """

    slot: Slot
    place: str = ""
    release: Release | None = None
    url: str = ""
    down: bool = False
    held: tuple[HeldView, ...] = ()
    drift: tuple[str, ...] = ()
    unfinished: Unfinished | None = None
    lock: Lock | None = None
    problem: str = ""


def status(loaded: LoadedProject, service: str = "", env: str = "", *, sink: Sink = discard) -> list[SlotStatus]:
    """Look at every slot that is asked for.

    A target is only asked where something was deployed, so that a machine without an engine can show the others.

    Args:
        loaded: the project, with its targets bound.
        service: name, "" for all.
        env: name of the environment, "" for all.
        sink: told what goes on.

    Raises:
        NotFoundError: there is no such service or environment.
    """
    return [_look(loaded, slot, sink) for slot in _slots(loaded, service, env)]


def _slots(loaded: LoadedProject, service: str, env: str) -> Iterator[Slot]:
    project = loaded.project
    for place in [env] if env else sorted(project.environments):
        loaded.environment(place)
        for name in [service] if service else sorted(project.services):
            loaded.service(name, place)
            yield Slot(project.project, place, name)


def _look(loaded: LoadedProject, slot: Slot, sink: Sink) -> SlotStatus:
    with open_records(loaded, slot) as records:
        journal, holder, current = records.journal(), records.lock_holder(), records.current()
        release = records.release(current.seq) if current else None
    found = SlotStatus(
        slot=slot,
        release=release,
        unfinished=Unfinished(journal.seq, journal.stage, journal.state == "reverting")
        if journal.state != "closed"
        else None,
        lock=_lock(holder) if holder else None,
    )
    if release is None and found.unfinished is None:
        return found
    try:
        with open_place(loaded, slot.service, slot.env, sink=sink) as place:
            return _with_target(found, place)
    except OpsctlError as error:
        return msgspec.structs.replace(found, problem=error.message)


def _with_target(found: SlotStatus, place: Place) -> SlotStatus:
    situation = survey(place.site, None)
    strangers = {(held.number, held.deploy) for held in situation.strangers}
    serving = situation.state.get(found.release.revision) if found.release else None
    return msgspec.structs.replace(
        found,
        place=situation.place,
        url=serving.url if serving else "",
        down=found.release is not None and not (serving and serving.serving and serving.alive),
        held=tuple(
            _view(held, known=(held.number, held.deploy) not in strangers) for held in situation.state.revisions
        ),
        drift=situation.differences,
    )


def _view(held: Held, *, known: bool) -> HeldView:
    return HeldView(held.number, held.name, held.alive, held.serving, known, held.url, held.detail)


def _lock(holder: LeaseRecord) -> Lock:
    return Lock(holder.describe(), holder.since, is_gone(holder.identity))
