"""The plan: what would be done and why, from values alone."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.deploy.history import Current, Good, promote, rollback_target
from opsctl.deploy.journal import Journal
from opsctl.deploy.model import Attempt, Release, Slot, Spec
from opsctl.deploy.plan import DeployPlan, Desired, Situation, arrows, make
from opsctl.deploy.target import Held, TargetState

SLOT = Slot("shop", "prod", "web")
RUNNING = Spec(image="sha256:" + "a" * 64, port=8000, env={"LEVEL": "info"}, secrets={"TOKEN": "env:TOKEN"})


def release(seq: int, spec: Spec = RUNNING) -> Release:
    attempt = Attempt(
        seq=seq,
        id=f"d{seq}",
        revision=seq,
        maker=f"d{seq}",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        who="me",
        spec=spec,
    )
    return Release.of(attempt, "succeeded")


def held(number: int, *, serving: bool = False) -> Held:
    return Held(
        number=number, deploy=f"d{number}", spec_hash="", alive=True, serving=serving, name=f"shop_web_prod_{number}"
    )


def situation(**changes: object) -> Situation:
    usual = {
        "slot": SLOT,
        "place": "engine here",
        "seq": 4,
        "release": release(3),
        "current": Current(3, (Good(3, "d3"), Good(2, "d2"))),
        "state": TargetState((held(1), held(2), held(3, serving=True))),
    }
    return Situation(**{**usual, **changes})  # type: ignore[arg-type]


def built(spec: Spec = RUNNING, **changes: object) -> Desired:
    return Desired(spec=spec, source="build", subject="image web:1", **changes)  # type: ignore[arg-type]


def plan(desired: Desired, where: Situation, *, force: bool = False) -> DeployPlan:
    return make(desired, where, keep=frozenset({2, 3, 4}), force=force)


def verbs(found: DeployPlan) -> list[str]:
    return [action.verb for action in found.actions]


def test_what_runs_already_needs_nothing() -> None:
    found = plan(built(), situation())
    assert (found.verdict, found.stages, found.actions, found.changes) == ("unchanged", (), (), ())
    assert found.reason == "release 3 is what would run"


def test_each_difference_is_named_once() -> None:
    spec = msgspec.structs.replace(
        RUNNING, env={"LEVEL": "debug", "NEW": "1"}, secrets={}, command=("serve", "--fast"), cpus=0.5
    )
    found = plan(built(spec), situation())
    assert found.verdict == "change"
    assert [(change.field, change.before, change.after) for change in found.changes] == [
        ("command", None, "serve --fast"),
        ("cpus", None, "0.5"),
        ("env.LEVEL", "info", "debug"),
        ("env.NEW", None, "1"),
        ("secrets.TOKEN", "env:TOKEN", None),
    ]


def test_the_first_deploy_says_so() -> None:
    found = plan(built(), situation(release=None, current=None, state=TargetState(), seq=1))
    assert found.reason == "nothing was deployed here yet"
    assert "nothing serves now" in {action.reason for action in found.actions}


def test_old_releases_are_retired_or_removed_with_a_reason() -> None:
    found = plan(built(force_spec()), situation())
    ended = [(action.verb, action.subject) for action in found.actions if action.verb in {"retire", "remove"}]
    assert ended == [("remove", "shop_web_prod_1"), ("retire", "shop_web_prod_3")]


def force_spec() -> Spec:
    return msgspec.structs.replace(RUNNING, image="sha256:" + "b" * 64)


def test_only_the_build_can_tell() -> None:
    unbuilt = built(msgspec.structs.replace(RUNNING, image=""), known=False)
    found = plan(unbuilt, situation())
    assert found.verdict == "undecided"
    assert found.stages[0] == "build"
    assert [change.field for change in found.changes] == ["image"]


def test_drift_makes_a_deploy_necessary() -> None:
    found = plan(built(), situation(differences=("container shop_web_prod_3 is gone",)))
    assert found.verdict == "change"
    assert "container shop_web_prod_3 is gone" in found.reason
    assert found.warnings == ("drift: container shop_web_prod_3 is gone",)


def test_force_deploys_what_runs() -> None:
    assert plan(built(), situation(), force=True).verdict == "change"


def test_strangers_block_unless_forced() -> None:
    where = situation(strangers=(held(9, serving=True),))
    assert "knows nothing of: shop_web_prod_9" in plan(built(), where).blocked
    assert plan(built(), where, force=True).blocked == ""
    assert plan(built(), where, force=True).warnings


def test_an_unfinished_deploy_is_recovered_first() -> None:
    attempt = release(4)
    where = situation(unfinished=Journal(seq=4, state="open", attempt=attempt, arrows=("start", "switch"), position=0))
    found = plan(built(force_spec()), where)
    assert found.actions[0].verb == "recover"
    assert found.actions[0].reason == "it was left unfinished at start: undone"


def test_a_rollback_has_no_build_test_or_push() -> None:
    desired = Desired(spec=RUNNING, source="release", subject="release 2", revision=2)
    found = plan(desired, situation())
    assert verbs(found)[:5] == ["start", "health", "switch", "bake", "remove"]
    assert found.actions[0].subject == "release 2"


@pytest.mark.parametrize(
    ("desired", "first"),
    [
        (built(tests=2, push="registry.example.com/web:1"), ["build", "test", "push", "start"]),
        (built(), ["build", "start"]),
        (Desired(spec=RUNNING, source="image", subject="web:1"), ["start", "health"]),
        (Desired(spec=Spec(), source="image", subject="web:1", known=False), ["pull", "start"]),
        (Desired(spec=RUNNING, source="files", subject="3 files"), ["start", "health"]),
    ],
)
def test_stages_follow_from_what_is_wanted(desired: Desired, first: list[str]) -> None:
    assert list(arrows(desired))[: len(first)] == first
    assert arrows(desired)[-4:] == ("switch", "bake", "retire", "record")


def test_a_plan_is_one_json_document() -> None:
    found = plan(built(force_spec()), situation())
    assert msgspec.json.decode(msgspec.json.encode(found), type=DeployPlan) == found


def test_the_hash_is_over_what_runs_and_survives_new_fields() -> None:
    assert RUNNING.hash == msgspec.json.decode(msgspec.json.encode(RUNNING), type=Spec).hash
    assert Spec(env={"A": "1", "B": "2"}).hash == Spec(env={"B": "2", "A": "1"}).hash
    # Written down: should it change, every running service would be deployed again.
    assert Spec(image="sha256:0", port=80, env={"A": "1"}).hash == (
        "2c3b902b6de63549e253c6a6a87a6da8ca4c83d5fa514959e034f8765738aed5"
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=30), st.integers(2, 6))
def test_the_way_back_is_always_kept(steps: list[tuple[bool, int]], retain: int) -> None:
    """Deploys and rollbacks in any order: never too many, never without what was there to go back to."""
    current: Current | None = None
    replaces: dict[int, int] = {}
    for seq, (is_rollback, pick) in enumerate(steps, start=1):
        before = current.kept if current else frozenset()
        number = sorted(before)[pick % len(before)] if is_rollback and current else seq
        replaces.setdefault(number, current.revision if current else 0)
        good = Good(number, f"d{number}", replaces[number])
        current = promote(current, seq=seq, good=good, retain=retain)
        assert current.revision == number
        assert len(current.good) == len(current.kept) <= retain
        assert rollback_target(current) == (replaces[number] if replaces[number] in before else 0)
