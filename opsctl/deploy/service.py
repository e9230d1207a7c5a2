"""What commands and pipelines ask of this package: deploy, plan, roll back, history, unlock.

    loaded = load_project(target_models=opsctl.deploy.targets.options_of, store_rules=opsctl.storage.rules.STORE_RULES)
    result = deploy(loaded, DeployRequest(service="web", env="prod"), sink=sink)

The values are in `opsctl.deploy.model` and `plan`; how it is done is in `operation` and `machine`.
"""

from __future__ import annotations

import msgspec

from opsctl.config.project import LoadedProject
from opsctl.deploy.history import Status, status_of
from opsctl.deploy.model import Release, Slot
from opsctl.deploy.opening import Place, actor, open_place, open_records, wanted_by
from opsctl.deploy.operation import DeployResult, Terms, Want, carry_out, propose
from opsctl.deploy.plan import DeployPlan
from opsctl.deploy.rollback import back_to
from opsctl.events import Sink, discard

__all__ = [
    "DeployRequest",
    "DeployResult",
    "HistoryEntry",
    "RollbackRequest",
    "UnlockResult",
    "deploy",
    "history",
    "plan",
    "plan_rollback",
    "rollback",
    "unlock",
]


class DeployRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to deploy.

    Args:
        service: name.
        env: name of the environment.
        image: reference to take as it is, "" to build, or to take the service's own.
        version: what people call it; by default the tag or commit of the working tree.
        force: deploy although nothing would change, and take over a target that another state store deployed to.
        lock_wait: seconds to wait for another deploy to end.
    """

    service: str
    env: str
    image: str = ""
    version: str = ""
    force: bool = False
    lock_wait: float = 0.0


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to go back to.

    Args:
        service: name.
        env: name of the environment.
        to: number of a release, 0 for the one that the serving one replaced.
        lock_wait: seconds to wait for another deploy to end.
    """

    service: str
    env: str
    to: int = 0
    lock_wait: float = 0.0


class HistoryEntry(msgspec.Struct, frozen=True):
    """One attempt.

    Args:
        status: what it is now.
        release: its record.
    """

    status: Status
    release: Release


class UnlockResult(msgspec.Struct, frozen=True):
    """What came of an unlock.

    Args:
        slot: whose lock it is.
        holder: who held it, "" when nobody did.
        unfinished: number of an attempt that is unfinished and that the next deploy recovers, 0 for none.
    """

    slot: Slot
    holder: str
    unfinished: int


def deploy(loaded: LoadedProject, request: DeployRequest, *, sink: Sink = discard, parent: str = "") -> DeployResult:
    """Deploy a service, unless what is wanted runs already.

    Args:
        loaded: the project, with its targets bound.
        request: what.
        sink: told what is going on.
        parent: piece of work that the deploy belongs to.

    Raises:
        OpsctlError: see `opsctl.deploy.operation.carry_out`.
    """
    with open_place(loaded, request.service, request.env, image=request.image, sink=sink, parent=parent) as place:
        want = wanted_by(place, version=request.version)
        return carry_out(place.site, want, _terms(place, force=request.force, lock_wait=request.lock_wait))


def plan(loaded: LoadedProject, request: DeployRequest, *, sink: Sink = discard) -> DeployPlan:
    """Say what `deploy` would do, without a trace: no lock, no build, no record.

    Raises:
        OpsctlError: what it is about is not there, or cannot be reached.
    """
    with open_place(loaded, request.service, request.env, image=request.image, sink=sink) as place:
        want = wanted_by(place, version=request.version)
        return propose(place.site, want, _terms(place, force=request.force))


def rollback(
    loaded: LoadedProject, request: RollbackRequest, *, sink: Sink = discard, parent: str = ""
) -> DeployResult:
    """Make a recorded release serve again.

    Raises:
        OpsctlError: see `opsctl.deploy.operation.carry_out`.
        NotFoundError: there is nothing to go back to.
    """
    with open_place(loaded, request.service, request.env, sink=sink, parent=parent) as place:
        return carry_out(place.site, _back(place, request), _terms(place, lock_wait=request.lock_wait))


def plan_rollback(loaded: LoadedProject, request: RollbackRequest, *, sink: Sink = discard) -> DeployPlan:
    """Say what `rollback` would do, without a trace.

    Raises:
        OpsctlError: what it is about is not there, or cannot be reached.
        NotFoundError: there is nothing to go back to.
    """
    with open_place(loaded, request.service, request.env, sink=sink) as place:
        return propose(place.site, _back(place, request), _terms(place))


def history(loaded: LoadedProject, service: str, env: str, *, limit: int) -> list[HistoryEntry]:
    """Return the last attempts, the latest first; asks the state store only.

    Raises:
        NotFoundError: there is no such service or environment.
    """
    with open_records(loaded, _slot(loaded, service, env)) as records:
        current = records.current()
        return [HistoryEntry(status_of(release, current), release) for release in records.recent(limit)]


def unlock(loaded: LoadedProject, service: str, env: str) -> UnlockResult:
    """Release the lock of a service by force; whoever holds it stops before its next step.

    Raises:
        NotFoundError: there is no such service or environment.
    """
    slot = _slot(loaded, service, env)
    with open_records(loaded, slot) as records:
        held = records.unlock(who=actor(loaded), why="opsctl deploy unlock")
        journal = records.journal()
        return UnlockResult(slot, held.describe() if held else "", 0 if journal.state == "closed" else journal.seq)


def _slot(loaded: LoadedProject, service: str, env: str) -> Slot:
    loaded.service(service, env)
    loaded.environment(env)
    return Slot(loaded.project.project, env, service)


def _back(place: Place, request: RollbackRequest) -> Want:
    return back_to(place.site, request.to)


def _terms(place: Place, *, force: bool = False, lock_wait: float = 0.0) -> Terms:
    return Terms(who=actor(place.loaded), retain=place.service.retain, force=force, lock_wait=lock_wait)
