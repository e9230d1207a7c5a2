"""What a deploy would do and why. Pure: values in, a plan out; `deploy --dry-run` stops after it.

The same plan decides what the machine does: its `stages` are the arrows that are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from opsctl.deploy.history import Current
from opsctl.deploy.journal import Journal
from opsctl.deploy.model import Release, Slot, Spec, Stage, counted
from opsctl.deploy.target import Held, TargetState

__all__ = ["Action", "Change", "DeployPlan", "Desired", "Situation", "arrows", "make"]

Verdict = Literal["unchanged", "change", "undecided"]
"""`undecided`: only the image can tell whether anything changes, and it is not there yet."""


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants to run.

    Args:
        spec: what would run; without `image` while that is not built or pulled yet.
        source: where it comes from.
        subject: that, in a few words ("image web:3f2a1c", "12 files, 3.4 MB").
        known: whether `spec` is complete.
        tests: how many checks of the image there are.
        push: reference to push, "" for none.
        push_reason: why it is pushed or not.
        revision: older revision to serve again, 0 for a new one.
        caveat: what of the wish means nothing there, "" when all of it counts.
    """

    spec: Spec
    source: Literal["build", "image", "files", "release"]
    subject: str
    known: bool = True
    tests: int = 0
    push: str = ""
    push_reason: str = ""
    revision: int = 0
    caveat: str = ""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now.

    Args:
        slot: what is deployed where.
        place: of the target, for people.
        seq: number the attempt would get.
        release: record of the attempt that serves, None when nothing was ever deployed.
        current: pointer to it.
        state: what is on the target.
        differences: in what the target is not what the record says; () when it is.
        strangers: revisions on the target that this state store knows nothing of.
        unfinished: journal of an attempt that was killed, None when there is none.
        busy: who deploys now, "" for nobody.
    """

    slot: Slot
    place: str
    seq: int
    release: Release | None = None
    current: Current | None = None
    state: TargetState = TargetState()
    differences: tuple[str, ...] = ()
    strangers: tuple[Held, ...] = ()
    unfinished: Journal | None = None
    busy: str = ""


class Action(msgspec.Struct, frozen=True):
    """One thing that would be done.

    Args:
        verb: "build", "stop", ...
        subject: to what.
        reason: why.
    """

    verb: str
    subject: str
    reason: str


class Change(msgspec.Struct, frozen=True):
    """One difference between what runs and what would run; None where there is nothing."""

    field: str
    before: str | None
    after: str | None


class DeployPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done.

    Args:
        slot: what is deployed where.
        place: of the target.
        verdict: whether anything would change.
        reason: why, in one line.
        changes: between what runs and what would run.
        actions: in order.
        stages: the arrows that would be taken.
        warnings: what a person should know first.
        blocked: why it would be refused without --force; "" when it would not.
    """

    slot: Slot
    place: str
    verdict: Verdict
    reason: str
    changes: tuple[Change, ...] = ()
    actions: tuple[Action, ...] = ()
    stages: tuple[Stage, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: str = ""


def make(desired: Desired, situation: Situation, *, keep: frozenset[int], force: bool = False) -> DeployPlan:
    """Plan a deploy.

    Args:
        desired: what the user wants to run.
        situation: what is there now.
        keep: revisions to be kept once it is done.
        force: deploy although nothing would change, and take over what strangers left.
    """
    verdict, reason = _verdict(desired, situation, force=force)
    stages = () if verdict == "unchanged" else arrows(desired)
    return DeployPlan(
        slot=situation.slot,
        place=situation.place,
        verdict=verdict,
        reason=reason,
        changes=tuple(_changes(situation.release, desired)),
        actions=tuple(_actions(desired, situation, stages, keep)),
        stages=stages,
        warnings=tuple(_warnings(desired, situation)),
        blocked="" if force else _blocked(situation),
    )


def arrows(desired: Desired) -> tuple[Stage, ...]:
    """Return the stages that lead to what is desired."""
    made: list[Stage] = []
    if desired.source == "build":
        made.append("build")
    elif not desired.known:
        made.append("pull")
    if desired.tests:
        made.append("test")
    if desired.push:
        made.append("push")
    return (*made, "start", "health", "switch", "bake", "retire", "record")


def _verdict(desired: Desired, situation: Situation, *, force: bool) -> tuple[Verdict, str]:
    release = situation.release
    if release is None:
        return "change", "nothing was deployed here yet"
    if force:
        return "change", "forced"
    if desired.revision:
        return "change", f"release {desired.revision} is to serve again"
    if not desired.known:
        maker = "build" if desired.source == "build" else "pull"
        return "undecided", f"only the {maker} can tell whether the image changes"
    if desired.spec.hash != release.spec_hash:
        return "change", f"it differs from release {release.seq}"
    return _confirmed(situation, f"release {release.seq} is what would run")


def _confirmed(situation: Situation, reason: str) -> tuple[Verdict, str]:
    if situation.differences:
        return "change", f"the target is not what the record says: {situation.differences[0]}"
    return "unchanged", reason


def _blocked(situation: Situation) -> str:
    if not situation.strangers:
        return ""
    names = ", ".join(held.name for held in situation.strangers)
    makers = ", ".join(sorted({held.state for held in situation.strangers if held.state}))
    known_there = f" (deployed with {makers})" if makers else ""
    return f"{situation.place} holds releases that this state store knows nothing of: {names}{known_there}"


def _warnings(desired: Desired, situation: Situation) -> Iterator[str]:
    if desired.caveat:
        yield desired.caveat
    if situation.busy:
        yield f"a deploy is under way, after which the plan may be another one: {situation.busy}"
    if situation.strangers:
        yield _blocked(situation)
    yield from (f"drift: {difference}" for difference in situation.differences)


def _changes(release: Release | None, desired: Desired) -> Iterator[Change]:
    before = _flat(release.spec) if release else {}
    after = _flat(desired.spec)
    if not desired.known:
        after["image"] = f"({desired.subject})"
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            yield Change(field, before.get(field), after.get(field))


def _flat(spec: Spec) -> dict[str, str]:
    """One line per thing that can differ; a secret shows only where it comes from."""
    flat = {f"env.{name}": value for name, value in spec.env.items()}
    flat |= {f"secrets.{name}": reference for name, reference in spec.secrets.items()}
    plain: Mapping[str, str] = {
        "image": spec.image,
        "artifact": spec.artifact,
        "command": " ".join(spec.command),
        "port": str(spec.port or ""),
        "cpus": f"{spec.cpus:g}" if spec.cpus else "",
        "memory": str(spec.memory or ""),
    }
    return flat | {name: value for name, value in plain.items() if value}


def _actions(desired: Desired, situation: Situation, stages: Sequence[Stage], keep: frozenset[int]) -> Iterator[Action]:
    if situation.unfinished is not None:
        yield _recovery(situation.unfinished)
    number = desired.revision or situation.seq
    subject = f"release {number}"
    reasons: dict[Stage, tuple[str, str]] = {
        "build": (desired.subject, "the image is made from the working tree"),
        "pull": (desired.subject, "the engine does not have it, or its tag has moved"),
        "test": (f"{counted(desired.tests, 'check')} of the image", "before anything is shipped"),
        "push": (desired.push, desired.push_reason),
        "start": (subject, desired.subject),
        "health": (subject, "it must pass its gate before it gets clients"),
        "switch": (subject, _switch_reason(situation)),
        "bake": (subject, "it must still pass once it serves"),
        "record": (f"release {situation.seq}", "history and rollback"),
    }
    for stage in stages:
        if stage == "retire":
            yield from _retirement(number, situation, keep)
        else:
            yield Action(stage, *reasons[stage])


def _recovery(journal: Journal) -> Action:
    way = "finished if it serves, undone if not" if journal.switching else "undone"
    return Action("recover", f"release {journal.seq}", f"it was left unfinished at {journal.stage}: {way}")


def _switch_reason(situation: Situation) -> str:
    serving = [held.name for held in situation.state.serving]
    return f"clients go there instead of {', '.join(serving)}" if serving else "nothing serves now"


def _retirement(number: int, situation: Situation, keep: frozenset[int]) -> Iterator[Action]:
    for held in situation.state.revisions:
        if held.number == number:
            continue
        if held.number not in keep:
            yield Action("remove", held.name, "it is not among the releases to keep")
        elif held.serving:
            yield Action("retire", held.name, "kept for a rollback")
