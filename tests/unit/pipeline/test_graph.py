"""The graph: an order respects every need, a cycle is found and named, and size does not matter."""

from __future__ import annotations

import itertools
from graphlib import CycleError, TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from opsctl.pipeline.graph import Graph, find_cycles

NAMES = [f"s{index}" for index in range(8)]
ANY_NEEDS = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3) for name in NAMES})


@st.composite
def acyclic_needs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Steps that need earlier ones only, in a shuffled file."""
    needs = {
        name: draw(st.lists(st.sampled_from(NAMES[:index]), max_size=3)) if index else []
        for index, name in enumerate(NAMES)
    }
    return {name: needs[name] for name in draw(st.permutations(NAMES))}


@given(acyclic_needs())
def test_an_order_holds_every_step_once_behind_all_it_needs(needs: dict[str, list[str]]) -> None:
    order = Graph.of(needs).order()
    assert sorted(order) == sorted(needs)
    place = {step: index for index, step in enumerate(order)}
    assert all(place[name] < place[step] for step, names in needs.items() for name in names)


@given(acyclic_needs())
def test_a_level_needs_only_earlier_levels(needs: dict[str, list[str]]) -> None:
    levels = Graph.of(needs).levels()
    level_of = {step: depth for depth, level in enumerate(levels) for step in level}
    assert sorted(level_of) == sorted(needs)
    for step, names in needs.items():
        assert level_of[step] == max((level_of[name] + 1 for name in names), default=0)


@given(ANY_NEEDS)
def test_cycles_are_real_disjoint_and_none_is_left_when_they_are_broken(needs: dict[str, list[str]]) -> None:
    places = list(needs)
    cycles = find_cycles(needs)
    members = [step for cycle in cycles for step in cycle[1:]]
    assert len(members) == len(set(members))
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert all(after in needs[before] for before, after in itertools.pairwise(cycle))
        assert places.index(cycle[0]) == min(places.index(step) for step in cycle)
    left = {
        step: [name for name in names if name not in members] for step, names in needs.items() if step not in members
    }
    list(TopologicalSorter(left).static_order())


@given(ANY_NEEDS)
def test_a_cycle_is_found_exactly_when_there_is_one(needs: dict[str, list[str]]) -> None:
    try:
        list(TopologicalSorter(needs).static_order())
    except CycleError:
        assert find_cycles(needs)
    else:
        assert not find_cycles(needs)


@given(acyclic_needs(), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_requires_follows_needs_through_others(needs: dict[str, list[str]], step: str, other: str) -> None:
    def reached(name: str) -> set[str]:
        return set(needs[name]).union(*(reached(below) for below in needs[name]))

    assert Graph.of(needs).requires(step, other) == (other in reached(step))


def test_a_cycle_is_printed_from_its_first_step_of_the_file() -> None:
    assert find_cycles({"lint": [], "a": ["b"], "b": ["c", "lint"], "c": ["a"]}) == [["a", "b", "c", "a"]]
    assert find_cycles({"a": ["a"]}) == [["a", "a"]]


def test_unknown_needs_are_somebody_elses_fault() -> None:
    assert find_cycles({"a": ["nowhere"]}) == []


def test_free_choices_keep_the_order_of_the_file() -> None:
    assert Graph.of({"b": [], "a": [], "c": ["b"], "d": []}).order() == ["b", "a", "d", "c"]


def test_tens_of_thousands_of_steps_need_no_recursion() -> None:
    names = [str(index) for index in range(30_000)]
    chain = {name: names[index - 1 : index] if index else [] for index, name in enumerate(names)}
    assert Graph.of(chain).order() == names
    assert Graph.of(chain).requires(names[-1], names[0])
    assert find_cycles(chain) == []
    ring = chain | {names[0]: [names[-1]]}
    assert len(find_cycles(ring)[0]) == len(names) + 1
