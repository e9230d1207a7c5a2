"""The planner against a naive model: carrying out its actions makes the target equal to the source."""

import itertools
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import OpsctlError
from opsctl.storage import ObjectInfo
from opsctl.transfer import Policy, diff

# Keys around the order of bytes: what sorts before and after "/", and on both sides of the surrogates of UTF-16.
keys = st.text(alphabet="a-./b\uffee\U0001f680", min_size=1, max_size=4)
objects = st.builds(
    ObjectInfo,
    key=st.just(""),
    size=st.integers(0, 2),
    mtime=st.sampled_from([0.5, 1.25, 1.5, 2.5]),
    checksums=st.sampled_from([{}, {"md5": "a"}, {"md5": "b"}, {"crc32": "a"}, {"md5": "a", "crc32": "b"}]),
    mtime_kept=st.just(True),
)
trees = st.dictionaries(keys, objects, max_size=12)
policies = st.builds(
    Policy,
    compare=st.sampled_from(["mtime", "checksum", "size"]),
    window=st.sampled_from([0.0, 0.5, 1.0]),
    delete=st.booleans(),
)


def listing(tree: dict[str, ObjectInfo]) -> Iterator[ObjectInfo]:
    for key in sorted(tree, key=str.encode):
        yield msgspec.structs.replace(tree[key], key=key)


def verdict(source: ObjectInfo, target: ObjectInfo, policy: Policy) -> str:
    """What `Policy` says, word for word: skip, copy, or check where nothing can be said."""
    if source.size != target.size:
        return "copy"
    common = set(source.checksums) & set(target.checksums)
    if policy.compare == "checksum" and not common:
        return "check"
    same = {
        "mtime": abs(source.mtime - target.mtime) <= policy.window,
        "checksum": all(source.checksums[name] == target.checksums[name] for name in common),
        "size": True,
    }[policy.compare]
    return "skip" if same else "copy"


@given(trees, trees, policies)
def test_it_does_what_a_loop_over_two_dictionaries_would(
    source: dict[str, ObjectInfo], target: dict[str, ObjectInfo], policy: Policy
) -> None:
    expected = {}
    for key in source.keys() | target.keys():
        if key not in source:
            expected[key] = "delete" if policy.delete else "skip"
        elif key not in target:
            expected[key] = "copy"
        else:
            expected[key] = verdict(source[key], target[key], policy)
    actions = list(diff(listing(source), listing(target), policy))
    assert [action.key for action in actions] == sorted(expected, key=str.encode)
    assert {action.key: action.kind for action in actions} == expected


@given(trees, trees, policies)
def test_carried_out_it_makes_the_target_equal_to_the_source(
    source: dict[str, ObjectInfo], target: dict[str, ObjectInfo], policy: Policy
) -> None:
    after = dict(target)
    for action in diff(listing(source), listing(target), policy):
        if action.kind in {"copy", "check"}:
            after[action.key] = source[action.key]
        elif action.kind == "delete":
            del after[action.key]
    assert source.keys() <= after.keys()
    assert all(after[key] == source[key] or verdict(source[key], after[key], policy) == "skip" for key in source)
    assert not policy.delete or after.keys() == source.keys()
    # And then there is nothing left to do, save to ask where a listing cannot tell.
    again = {action.reason for action in diff(listing(source), listing(after), policy)}
    assert again <= {"same", "extra", "undecided"}


@pytest.mark.parametrize(
    ("source", "target", "compare", "reason"),
    [
        (ObjectInfo("k", 1, 5.0), ObjectInfo("k", 2, 5.0), "size", "size"),
        (ObjectInfo("k", 1, 5.0, checksums={"md5": "a"}), ObjectInfo("k", 1, 5.0), "checksum", "undecided"),
        (
            ObjectInfo("k", 1, 5.0, checksums={"md5": "a", "crc32": "x"}),
            ObjectInfo("k", 1, 5.0, checksums={"md5": "b", "crc32": "x"}),
            "checksum",
            "checksum",
        ),
    ],
)
def test_every_action_says_why(source: ObjectInfo, target: ObjectInfo, compare: str, reason: str) -> None:
    [action] = diff([source], [target], Policy(compare=compare))
    assert (action.reason, action.source, action.target) == (reason, source, target)


def test_it_takes_no_more_than_it_needs() -> None:
    endless = (ObjectInfo(f"{number:09}", 0, 0.0) for number in itertools.count())
    actions = diff(endless, [ObjectInfo("000000001", 0, 0.0)], Policy())
    assert [action.reason for action in itertools.islice(actions, 3)] == ["new", "undecided", "new"]


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["a/b", "a-b"]])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_listing_out_of_order_is_refused_before_it_makes_objects_look_absent(keys: list[str], side: str) -> None:
    bad = [ObjectInfo(key, 0, 0.0) for key in keys]
    sides = {"source": [], "target": []} | {side: bad}
    with pytest.raises(OpsctlError, match=f"the {side} lists .* out of order"):
        list(diff(sides["source"], sides["target"], Policy(delete=True)))
