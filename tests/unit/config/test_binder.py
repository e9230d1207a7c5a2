"""That files become models, and that everything wrong with one is reported at its place, in one run."""

import enum
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from opsctl.config import yaml
from opsctl.config.binder import Binder
from opsctl.config.expressions import STRING, map_of
from opsctl.config.models import Project
from opsctl.config.nodes import Fault, MappingNode, Node, Origin, ScalarNode, plain
from opsctl.config.scalars import Duration, FileMode, Percent, Script, SecretRef, Size, Text
from opsctl.errors import ConfigError


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, frozen=True):
    """A nested model with rules of its own."""

    low: int = 0
    high: int = 10

    def check(self) -> Iterator[Fault]:
        if self.low > self.high:
            yield Fault(("low",), "low is above high", "swap them")


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """One field of each kind."""

    later: ClassVar[frozenset[str]] = frozenset({"matrix"})

    text: str = ""
    name: Annotated[str, Meta(pattern="^[a-z]+$", description="lower-case letters")] = "a"
    some: Annotated[str, Meta(min_length=1, max_length=3)] = "a"
    script: Script = ""
    whole: Annotated[int, Meta(ge=1, le=9)] = 1
    more: Annotated[int, Meta(gt=1)] = 2
    number: Annotated[float, Meta(lt=1)] = 0.5
    flag: bool = False
    choice: Literal["fail", "pass", 3] = "pass"
    color: Color = Color.RED
    items: list[str] = []
    narrow: Annotated[dict[Literal["a", "b"], int], Meta(min_length=1, max_length=1)] = {}
    few: Annotated[tuple[int, ...], Meta(min_length=1, max_length=2)] = (1,)
    frozen: tuple[str, ...] = ()
    table: dict[Annotated[str, Meta(pattern="^[A-Z]+$", description="capitals")], int] = {}
    either: str | list[str] | None = None
    options: dict[str, str | bool | int] = {}
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = []
    maybe: Leaf | None = None
    duration: Duration = Duration(1)
    size: Size | None = None
    mode: FileMode | None = None
    share: Percent | None = None
    secret: SecretRef | None = None
    dynamic: Text = Text.of("")
    raw: Node | None = None
    anything: Any = None
    renamed: str = msgspec.field(name="if", default="")
    itself: "Everything | None" = None


class Required(msgspec.Struct, frozen=True, kw_only=True):
    first: str
    second: Duration
    third: str = ""


def bind(text: str, model: Any = Everything) -> Any:
    binder = Binder(yaml.load(text.encode(), name="f.yaml"))
    value = binder.bind(binder.root, model)
    binder.finish()
    return value


def said(text: str, model: Any = Everything) -> list[str]:
    """Return `line:col: message | hint` of everything wrong with a text."""
    with pytest.raises(ConfigError) as caught:
        bind(text, model)
    return [f"{p.line}:{p.column}: {p.message}" + (f" | {p.hint}" if p.hint else "") for p in caught.value.problems]


def test_every_kind_of_field_is_bound() -> None:
    found = bind(
        """
        text: 'on'
        name: abc
        script: echo $HOME
        whole: 9
        number: -1
        flag: true
        choice: 3
        color: blue
        items: [a, NO, 2024-01-01]
        frozen: [x]
        table: {A: 1}
        either: [a]
        options: {a: x, b: true, c: 3}
        leaf: {low: 1}
        leaves: [{high: 3}]
        duration: 5m
        size: 1KiB
        mode: '0600'
        share: 5%
        secret: env:X
        dynamic: ${{ a }}
        raw: {x: [1]}
        anything: {y: [1, null]}
        if: z
        itself: {itself: {text: deep}}
        """
    )
    assert found.text == "on"
    assert (found.whole, found.number, found.flag, found.choice, found.color) == (9, -1.0, True, 3, Color.BLUE)
    assert (found.items, found.frozen, found.either) == (["a", "NO", "2024-01-01"], ("x",), ["a"])
    assert found.options == {"a": "x", "b": True, "c": 3}
    assert (found.leaf, found.leaves, found.maybe) == (Leaf(low=1), [Leaf(high=3)], None)
    assert (found.duration, found.size, found.mode, found.share) == (300, 1024, 0o600, 5)
    assert found.secret == SecretRef("env", "X")
    assert isinstance(found.raw, MappingNode)
    assert plain(found.raw) == {"x": [1]}
    assert found.anything == {"y": [1, None]}
    assert found.renamed == "z"
    assert found.itself.itself.text == "deep"


def test_defaults_hold_for_what_the_file_does_not_say() -> None:
    assert bind("text: x") == Everything(text="x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("text: 3.10", "1:7: expected text, found the number 3.10 | quote it: '3.10'"),
        ("text: 0755", "1:7: expected text, found the number 0755 | quote it: '0755'"),
        ("text: true", "1:7: expected text, found true | quote it: 'true'"),
        ("text:", "1:6: expected text, found nothing | give it a value or remove the key"),
        ("text: [a]", "1:7: expected text, found a list"),
        ("text: 'x ${{ a }}'", "1:10: ${{ }} has no meaning in this field"),
        (
            "script: |\n  echo\n  echo ${{ a }}\n",
            "3:8: ${{ }} has no meaning in this field | pass the value by env: and use it as a shell variable",
        ),
        ("name: Web", "1:7: 'Web' is not allowed here: lower-case letters"),
        ('name: "web\\n"', "1:7: 'web\\\\n' is not allowed here: lower-case letters"),
        ("some: ''", "1:7: must not be empty"),
        ("some: abcd", "1:7: must have at most 3 characters"),
        ("whole: '3'", "1:8: expected a whole number, found text | remove the quotes"),
        ("whole: 3.0", "1:8: expected a whole number, found the number 3.0"),
        ("whole: true", "1:8: expected a whole number, found true"),
        (
            "whole: 0755",
            "1:8: 0755 is ambiguous: other YAML tools read it as octal | write 755, or 0o755 for an octal number",
        ),
        ("whole: 10", "1:8: must be from 1 to 9, found 10"),
        ("whole: 0", "1:8: must be from 1 to 9, found 0"),
        ("more: 1", "1:7: must be more than 1, found 1"),
        ("number: 1", "1:9: must be less than 1, found 1.0"),
        ("number: .nan", "1:9: expected a number, found the number .nan"),
        ("number: .inf", "1:9: expected a number, found the number .inf"),
        ("flag: yes", "1:7: expected true or false, found text | write true or false, without quotes"),
        ("flag: 'true'", "1:7: expected true or false, found text | write true or false, without quotes"),
        ("flag: 1", "1:7: expected true or false, found the number 1"),
        ("choice: fial", "1:9: 'fial' is not one of 3, fail, pass | did you mean 'fail'?"),
        ("choice: true", "1:9: expected one of 3, fail, pass, found true"),
        ("choice: '3'", "1:9: '3' is not one of 3, fail, pass | did you mean '3'?"),
        ("color: [red]", "1:8: expected one of red, blue, found a list"),
        ("items: a", "1:8: expected a list, found text | write a list: [a, b], or one '- item' a line"),
        ("items: [a, 1]", "1:12: expected text, found the number 1 | quote it: '1'"),
        ("few: []", "1:6: needs at least 1 item"),
        ("few: [1, 2, 3]", "1:6: has at most 2 items"),
        ("narrow: {}", "1:1: needs at least 1 entry"),
        ("narrow: {a: 1, b: 2}", "1:1: has at most 1 entries"),
        ("narrow: {c: 1}", "1:10: 'c' is not one of a, b"),
        ("table: [a]", "1:8: expected a map, found a list"),
        ("table: {a: 1}", "1:9: 'a' is not allowed here: capitals"),
        ("either: {a: 1}", "1:9: expected text or a list, found a map"),
        ("either: 3", "1:9: expected text or a list, found the number 3 | quote it: '3'"),
        ("either:", "1:8: expected text or a list, found nothing | give it a value or remove the key"),
        (
            "options: {a: 1.5}",
            "1:14: expected text or true or false or a whole number, found the number 1.5 | quote it: '1.5'",
        ),
        ("leaf: 3", "1:7: expected a map, found the number 3"),
        ("leaf: {low: 3, high: 2}", "1:8: low is above high | swap them"),
        ("leaves:\n- {}\n- {low: 11}", "3:4: low is above high | swap them"),
        ("leaf: {lwo: 3}", "1:8: unknown key 'lwo' | did you mean 'low'?"),
        ("leaf: {zzz: 3}", "1:8: unknown key 'zzz' | known keys: low, high"),
        ("matrix: {}", "1:1: 'matrix' is not yet known to this version of opsctl | remove it, or update opsctl"),
        ("renamed: x", "1:1: unknown key 'renamed'"),
        ("duration: 30", "1:11: '30' is not a duration | add a unit: 30s"),
        ("duration: '1h30'", "1:12: '1h30' is not a duration | write a number and one of the units"),
        ("duration: -1", "1:11: '-1' is not a duration | a duration is not negative"),
        ("duration: .nan", "1:11: '.nan' is not a duration"),
        ("size: 5", "1:7: '5' is not a size | add a unit: 5B, 5MiB, 5GB"),
        ("mode: 0644", "1:7: expected a file mode, found the number 0644 | quote it: '0644'"),
        ("share: 5", "1:8: '5' is not a percentage | write 5%"),
        ("secret: hunter2", "1:9: a secret is given by reference, never by value | write env:NAME"),
        ("secret: 1234", "1:9: expected a reference to a secret | it begins with env:, file: or cmd:"),
        ("secret: 'env:A B'", "1:14: not a reference to a secret: env: takes the name of an environment variable"),
        ("dynamic: ${{ a b }}", "1:16: 'b' cannot stand here | expected an operator or }}"),
        ("itself: {itself: {whole: 0}}", "1:26: must be from 1 to 9, found 0"),
        ("[a]", "1:1: expected a map, found a list"),
        ("just text", "1:1: expected a map, found text"),
    ],
)
def test_what_is_wrong_is_reported_at_its_place(text: str, problem: str) -> None:
    (found,) = said(text)
    assert found == problem or found.startswith(problem)


def test_a_text_in_the_wrong_place_is_never_repeated() -> None:
    for text in (
        "table: hunter2",
        "leaf: hunter2",
        "flag: hunter2",
        "whole: hunter2",
        "items: hunter2",
        "secret: [hunter2]",
    ):
        (found,) = said(text)
        assert "hunter2" not in found


def test_a_missing_key_is_reported_at_the_key_that_should_hold_it() -> None:
    table = dict[str, Required]
    assert said("a: {first: x, second: 1s}\nb:\n  third: x\n", table) == [
        "2:1: missing key 'first' | add first: with text",
        "2:1: missing key 'second' | add second: with a duration",
    ]
    assert said("third: x", Required) == [
        "1:1: missing key 'first' | add first: with text",
        "1:1: missing key 'second' | add second: with a duration",
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    found = said("text: 1\ntext: a\n2: b\nwhole: x\nleaf: {low: 9, high: 1}\nitems: [1, {a: b}]\nzzz: 1\nfew: !t [x]\n")
    assert [entry.split(": ")[0] for entry in found] == [
        "1:7",
        "2:1",
        "3:1",
        "3:1",
        "4:8",
        "5:8",
        "6:9",
        "6:12",
        "7:1",
        "8:6",
        "8:10",
    ]


def test_a_model_with_holes_is_still_asked_what_else_is_wrong() -> None:
    found = said(
        "opsctl: 1\nproject: 3\nservices:\n  plan: {build: {context: 1}}\n"
        "environments:\n  x: {target: {}, services: {gone: {}}}\n",
        Project,
    )
    assert [entry.split(": ")[0] for entry in found] == ["2:10", "4:3", "4:27", "6:30"]


def test_a_crash_in_a_model_with_holes_is_no_crash() -> None:
    class Fragile(msgspec.Struct, frozen=True):
        number: int = 1

        def check(self) -> Iterator[Fault]:
            yield Fault(("number",), "asked", str(1 // self.number))

    assert said("number: x", Fragile) == ["1:9: expected a whole number, found text"]
    with pytest.raises(ZeroDivisionError):
        bind("number: 0", Fragile)


def test_a_renamed_field_may_be_named_either_way_in_a_fault() -> None:
    class Renamed(msgspec.Struct, frozen=True):
        condition: str = msgspec.field(name="if", default="")

        def check(self) -> Iterator[Fault]:
            yield Fault(("condition",), "by attribute")
            yield Fault(("if",), "by key")

    assert said("a: 1\nif: x", Renamed) == [
        "1:1: unknown key 'a' | known keys: if",
        "2:1: by attribute",
        "2:1: by key",
    ]


def test_a_fault_may_point_into_a_list_or_past_what_the_file_holds() -> None:
    class Listed(msgspec.Struct, frozen=True):
        items: list[Leaf] = []

        def check(self) -> Iterator[Fault]:
            yield Fault(("items", 1, "high"), "deep")
            yield Fault(("items", 7, "high"), "past the end")

    assert said("items:\n- {}\n- {low: 1, high: 2}\n", Listed) == ["1:1: past the end", "3:12: deep"]


def test_null_alone_is_a_type_too() -> None:
    binder = Binder(yaml.load(b"a: ~\nb: 1\n", name="f.yaml"))
    assert isinstance(binder.root, MappingNode)
    assert binder.bind(binder.root.items["a"], None) is None
    assert not binder.problems
    binder.bind(binder.root.items["b"], None)
    assert [str(problem) for problem in binder.problems] == ["f.yaml:2:4: expected nothing, found the number 1"]


def test_the_binder_is_used_piece_by_piece() -> None:
    class Common(msgspec.Struct, frozen=True):
        needs: list[str] = []

    class Kind(msgspec.Struct, frozen=True):
        copy: str

    binder = Binder(yaml.load(b"needs: [a]\ncopy: 3\n", name="f.yaml"))
    assert isinstance(binder.root, MappingNode)
    assert binder.bind(binder.root.pick({"needs"}), Common) == Common(["a"])
    assert binder.bind(binder.root.drop({"needs"}), Kind) is None
    assert binder.bind(binder.root.items["copy"], int) == 3
    binder.fault(binder.root.keys["needs"], "a cycle", "cut it")
    binder.fault(binder.root.items["copy"], "seen")
    with pytest.raises(ConfigError) as caught:
        binder.finish()
    assert [str(problem) for problem in caught.value.problems] == [
        "f.yaml:1:1: a cycle",
        "f.yaml:2:7: expected text, found the number 3",
        "f.yaml:2:7: seen",
    ]


def test_the_place_of_the_whole_can_be_given() -> None:
    binder = Binder(yaml.load(b"step:\n  third: x\n", name="f.yaml"))
    assert isinstance(binder.root, MappingNode)
    assert binder.bind(binder.root.items["step"], Required, at=binder.root.keys["step"]) is None
    assert {(problem.line, problem.column) for problem in binder.problems} == {(1, 1)}


def test_expressions_are_checked_against_the_scope_of_the_file() -> None:
    scope = {"git": map_of({"sha": STRING})}
    binder = Binder(yaml.load(b"dynamic: a ${{ git.sah }}\n", name="f.yaml"), scope=scope)
    assert binder.bind(binder.root, Everything) is None
    assert [str(problem) for problem in binder.problems] == ["f.yaml:1:16: git has no 'sah'"]
    assert len(binder.dynamics) == 1


def test_references_to_secrets_are_collected() -> None:
    binder = Binder(yaml.load(b"secret: env:A\nitself: {secret: file:b}\n", name="f.yaml"))
    binder.bind(binder.root, Everything)
    assert binder.secrets == [SecretRef("env", "A"), SecretRef("file", "b")]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("text", "3.10", "3.10"),
        ("text", "true", "true"),
        ("whole", "3", 3),
        ("number", "0.5", 0.5),
        ("flag", "true", True),
        ("choice", "3", 3),
        ("choice", "fail", "fail"),
        ("items", "[a, b]", ["a", "b"]),
        ("table", "{A: 1}", {"A": 1}),
        ("either", "plain", "plain"),
        ("either", "[a]", ["a"]),
        ("leaf", "{low: 3}", Leaf(low=3)),
        ("duration", "5m", 300),
        ("mode", "0644", 0o644),
        ("secret", "env:X", SecretRef("env", "X")),
        ("dynamic", "3", Text.of("3")),
    ],
)
def test_a_value_from_a_flag_is_what_the_model_expects(key: str, text: str, value: Any) -> None:
    origin = Origin(f"flag --set {key}")
    node = ScalarNode(origin, text, text, quoted=False, loose=True)
    binder = Binder(yaml.load(b"text: x", name="f.yaml"))
    bound = binder.bind(MappingNode(origin, {key: node}, {key: origin}), Everything)
    binder.finish()
    assert getattr(bound, key) == value


def test_a_list_from_a_flag_that_cannot_be_read_is_reported_once() -> None:
    origin = Origin("flag --set either")
    node = ScalarNode(origin, "[a", "[a", quoted=False, loose=True)
    binder = Binder(yaml.load(b"text: x", name="f.yaml"))
    assert binder.bind(MappingNode(origin, {"either": node}, {"either": origin}), Everything) is None
    assert [str(problem) for problem in binder.problems] == ["flag --set either:1:1: the '[' is not closed"]


def test_a_type_that_no_file_can_spell_is_a_mistake_of_the_model() -> None:
    class Wrong(msgspec.Struct):
        what: bytes

    with pytest.raises(TypeError, match="no form in a file"):
        bind("what: x", Wrong)


KEYS = st.sampled_from(
    [
        *Everything.__struct_fields__,
        "if",
        "matrix",
        "opsctl",
        "project",
        "services",
        "environments",
        "target",
        "build",
        "x",
    ]
)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 10**20)
    | st.floats()
    | st.sampled_from(["", "a", "fail", "5m", "1KiB", "env:X", "0644", "${{ a }}", "${{", "on", "A", "\x7f\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(TREES, st.sampled_from([Everything, Project, dict[str, Required], Leaf]))
@settings(deadline=None, max_examples=200)
def test_any_tree_is_bound_or_refused_with_places(tree: Any, model: Any) -> None:
    try:
        bind(yaml.dump({"itself": tree, "services": tree, "environments": {"a": tree}}), model)
    except ConfigError as error:
        problems = error.problems
    else:
        problems = []
    assert all(problem.line and "\n" not in problem.message + problem.hint for problem in problems)
