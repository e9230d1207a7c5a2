"""Filters: what each pattern means, and that a directory is left unwalked only if nothing in it is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import UsageError
from opsctl.transfer.filters import Filters, Rule


def filters(*rules: str) -> Filters:
    return Filters(Rule(rule[0] == "+", rule[1:]) for rule in rules)


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("*.log", ["a.log", "d/a.log", ".log", "x.log/y"], ["a.log.gz", "alog"]),
        ("build/", ["build/x", "a/build/x/y"], ["build", "a/build", "rebuild/x"]),
        ("build", ["build", "a/build", "build/x"], ["rebuild", "build2/x"]),
        ("/build", ["build", "build/x"], ["a/build", "a/build/x"]),
        ("a/b*", ["a/b", "a/bc", "a/b/c"], ["x/a/b", "a/x/b"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z", "a/b/z/y"], ["z", "b/a/z", "a/zz"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("**/a", ["a", "b/a", "b/c/a/d"], ["ba", "b/ca"]),
        ("**", ["a", "a/b", ".a"], []),
        ("*", ["a", "a/b", ".hidden", "x\ny"], []),
        ("?.c", ["a.c", "d/a.c"], ["ab.c", ".c"]),
        ("[a-c]x", ["ax", "d/cx"], ["dx", "a/x"]),
        ("[!a-c]x", ["dx"], ["ax", "/x"]),
        ("[]]", ["]"], ["[", "a"]),
        ("[a\\^]", ["a", "^", "\\"], ["b"]),
        (r"\*", ["*", "d/*"], ["a"]),
        (r"a\[1]", ["a[1]"], ["a1"]),
        ("a+b(c)", ["a+b(c)"], ["aab(c)"]),
        ("café", ["café"], ["cafe\u0301"]),
    ],
)
def test_what_a_pattern_means(pattern: str, matched: list[str], others: list[str]) -> None:
    excluded = filters(f"-{pattern}")
    assert [key for key in matched if excluded.wants(key)] == []
    assert [key for key in others if not excluded.wants(key)] == []


def test_the_first_rule_that_matches_decides() -> None:
    chosen = filters("+keep.tmp", "-*.tmp", "-cache/")
    assert [key for key in ("keep.tmp", "a.tmp", "a", "cache/a", "cache/keep.tmp") if chosen.wants(key)] == [
        "keep.tmp",
        "a",
        "cache/keep.tmp",
    ]


def test_what_no_rule_matches_goes_the_other_way_than_the_last_rule() -> None:
    assert filters().wants("x")
    assert not filters("+*.whl").wants("x")
    assert filters("-*.tmp").wants("x")
    assert not filters("-x/", "+*.py").wants("y")


def test_excluded_directories_are_not_entered() -> None:
    assert not filters("-node_modules/").enters("a/node_modules/")
    assert not filters("-/dist").enters("dist/")
    assert filters("-/dist").enters("a/dist/")
    assert not filters("-dist").enters("dist/a/b/")
    assert not filters("-*").enters("a/")
    assert not filters("+/src/**/*.py").enters("docs/")
    assert filters("+/src/**/*.py").enters("src/")
    assert filters("+/src/**/*.py").enters("src/a/b/")
    assert filters("+*.py").enters("docs/")
    assert filters("+/a/keep", "-/a").enters("a/")
    assert not filters("+/a/keep", "-/a").enters("a/b/")


@pytest.mark.parametrize("pattern", ["", "/", "a//b", "[a", "x[", "[z-a]"])
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        filters(f"-{pattern}")


NAMES = st.text(alphabet="ab.", min_size=1, max_size=2)
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.builds(
    lambda front, names, back: front + "/".join(names) + back,
    st.sampled_from(["", "/"]),
    st.lists(st.one_of(st.just("**"), st.text(alphabet="ab.*?", min_size=1, max_size=3)), min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)
RULES = st.lists(st.builds(Rule, st.booleans(), PATTERNS), max_size=4)


@given(RULES, KEYS)
def test_nothing_that_is_wanted_lies_in_a_directory_that_is_not_entered(rules: list[Rule], key: str) -> None:
    chosen = Filters(rules)
    if chosen.wants(key):
        places = [at for at, letter in enumerate(key) if letter == "/"]
        assert all(chosen.enters(key[: at + 1]) for at in places)


def model(pattern: str, key: str) -> bool:
    """What the docstring of the module says, as slow as can be."""
    directories = pattern.endswith("/")
    tied = "/" in pattern.rstrip("/")
    names = pattern.strip("/").split("/")
    while len(names) > 1 and names[-1] == "**":
        names, directories, tied = names[:-1], True, True
    if names == ["**"]:
        names = ["*"]
    parts = key.split("/")
    ends = range(1, len(parts) + (not directories))
    starts = [0] if tied else range(len(parts))
    return any(covers(names, parts[start:end]) for start in starts for end in ends if start < end)


def covers(names: list[str], parts: list[str]) -> bool:
    if not names:
        return not parts
    if names[0] == "**":
        return covers(names[1:], parts) or (bool(parts) and covers(names, parts[1:]))
    return bool(parts) and like(names[0], parts[0]) and covers(names[1:], parts[1:])


def like(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return like(pattern[1:], name) or (bool(name) and like(pattern, name[1:]))
    return bool(name) and pattern[0] in {"?", name[0]} and like(pattern[1:], name[1:])


@given(RULES, KEYS)
def test_it_does_what_the_model_says(rules: list[Rule], key: str) -> None:
    expected = next((rule.include for rule in rules if model(rule.pattern, key)), None)
    if expected is None:
        expected = not rules[-1].include if rules else True
    assert Filters(rules).wants(key) == expected
