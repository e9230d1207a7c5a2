"""That a file is read as YAML 1.2 with the place of everything, and that what is bad is refused at its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.config import yaml
from opsctl.config.nodes import MappingNode, Node, ScalarNode, SequenceNode, plain
from opsctl.errors import ConfigError, Problem

LOADERS = [pyyaml.CSafeLoader, pyyaml.SafeLoader] if pyyaml.__with_libyaml__ else [pyyaml.SafeLoader]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with libyaml and once with the parser in Python, which is used where PyYAML has no libyaml."""
    monkeypatch.setattr(yaml, "_LOADER", request.param)


def load(text: str) -> Any:
    source = yaml.load(text.encode(), name="f.yaml")
    assert not source.problems
    return plain(source.root)


def problems(data: str | bytes) -> list[Problem]:
    """Return what is wrong with a file, whether or not it stopped the parser."""
    try:
        source = yaml.load(data if isinstance(data, bytes) else data.encode(), name="f.yaml")
    except ConfigError as error:
        return error.problems
    return sorted(source.problems)


def places(data: str | bytes) -> list[str]:
    return [f"{problem.line}:{problem.column}" for problem in problems(data)]


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("nULL", "nULL"),
        ("12", 12),
        ("-12", -12),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("3.10", 3.1),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("12:30:45", "12:30:45"),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("0o", "0o"),
        ("0o9", "0o9"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = load(f"k: {text}")["k"] if text != "-" else load("k: '-'")["k"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.usefixtures("_each_parser")
def test_not_a_number_and_huge_numbers_do_no_harm() -> None:
    assert load("k: .nan")["k"] != load("k: .nan")["k"]
    assert load(f"k: {'9' * 5000}")["k"] == float("inf")
    assert load("k: 1e999")["k"] == float("inf")


@pytest.mark.usefixtures("_each_parser")
def test_every_value_and_key_has_its_place() -> None:
    root = yaml.load(b"a: 1\nb:\n  - x\n  - {c: 'y', \"d\": z}\n", name="f.yaml").root
    assert isinstance(root, MappingNode)
    assert [(key, at.line, at.column) for key, at in root.keys.items()] == [("a", 1, 1), ("b", 2, 1)]
    entries = root.items["b"]
    assert isinstance(entries, SequenceNode)
    assert [(item.origin.line, item.origin.column) for item in entries.items] == [(3, 5), (4, 5)]
    inner = entries.items[1]
    assert isinstance(inner, MappingNode)
    assert [(at.line, at.column) for at in inner.keys.values()] == [(4, 6), (4, 14)]
    assert [(item.origin.line, item.origin.column) for item in inner.items.values()] == [(4, 9), (4, 19)]


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("k: before needle", "needle"),
        ("k: 'before needle'", "needle"),
        ('k: "before needle"', "needle"),
        ("é😀: 'ü needle'", "needle"),
        ("k: |\n  first\n  before needle\n", "needle"),
        ("k:\n- |-\n\n    first\n    before needle\n", "needle"),
    ],
)
def test_a_character_inside_a_text_has_its_place(text: str, needle: str) -> None:
    node = yaml.load(text.encode(), name="f.yaml").root
    while not isinstance(node, ScalarNode):
        node = next(iter(node.items.values())) if isinstance(node, MappingNode) else node.items[0]
    place = node.place(node.text.index(needle))
    lines = text.split("\n")
    assert lines[place.line - 1][place.column - 1 :].startswith(needle)


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("text", ["k: 'it''s needle'", 'k: "\\tneedle"', "k: >\n  a\n  needle\n", "k: a\n  needle"])
def test_a_text_that_is_written_differently_falls_back_to_its_start(text: str) -> None:
    root = yaml.load(text.encode(), name="f.yaml").root
    assert isinstance(root, MappingNode)
    node = root.items["k"]
    assert isinstance(node, ScalarNode)
    assert node.place(node.text.index("needle")) == node.origin


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "duplicate key 'a'", "line 1"),
        ("a: {b: 1, b: 2}", "1:11", "duplicate key 'b'", "line 1"),
        ("a: 1\n'a': 2\n", "2:1", "duplicate key 'a'", "line 1"),
        ("1.5: x", "1:1", "the key 1.5 is not a text", "'1.5'"),
        ("true: x", "1:1", "the key true is not a text", "'true'"),
        ("~: x", "1:1", "not a text", "quote it"),
        ("[a]: b", "1:1", "a key is a text", "quote"),
        ("{a: b}: c", "1:1", "a key is a text", "quote"),
        ("a: &x {b: c}\n*x : d", "2:1", "a key is a text", "quote"),
        ("a: &x {b: c}\nd:\n  <<: *x\n", "3:3", "merge keys", "repeat"),
        ("a: !!python/object/apply:os.system [id]", "1:4", "!!python/object/apply:os.system", "remove the tag"),
        ("a: !!str 3", "1:4", "!!str", "quote"),
        ("a: !vault x", "1:4", "!vault", "remove the tag"),
        ("a: 1\n--- \nb: 2\n", "2:1", "second document", "remove ---"),
        ("---\na: 1\n---\n", "3:1", "second document", "remove ---"),
        ("%YAML 1.1\n---\na: 1", "1:1", "another version", "1.2"),
        ("a: *nobody", "1:4", "no anchor '&nobody'", "before"),
        ("a: &x [*x]", "1:8", "'*x' contains itself", ""),
        ("a: &x {b: {c: *x}}", "1:15", "'*x' contains itself", ""),
        ("a:\n\t- b\n", "2:1", "a tab", "spaces"),
        ("\ta: b", "1:1", "a tab", "spaces"),
        ("a: @b", "1:4", "cannot begin with '@'", "quotes"),
        ("a: `b`", "1:4", "cannot begin with '`'", "quotes"),
        ("a: b: c", "1:5", "':'", "quote"),
        ("a: [1, 2", "1:4", "'[' is not closed", ""),
        ("a: {b: 1", "1:4", "'{' is not closed", ""),
        ("a:\u2028 b: [", "2:5", "'[' is not closed", "]"),
        ("a: 'b\n", "1:4", "not closed", ""),
        ("a:\n  b: 1\n c: 2\n", "3:2", "indentation", "line 1"),
        ('a: "\\0"', "1:4", "NUL", "remove"),
        ("k: " + "[" * 1000, "1:67", "nested deeper than 64 levels", ""),
        ("[" * 1000 + "]" * 1000, "1:65", "nested deeper than 64 levels", ""),
        ("".join("  " * i + "k:\n" for i in range(80)), "64:127", "nested deeper than 64 levels", ""),
    ],
)
def test_bad_yaml_is_refused_at_its_place(text: str, place: str, message: str, hint: str) -> None:
    found = problems(text)
    assert [f"{problem.line}:{problem.column}" for problem in found] == [place]
    assert message in found[0].message
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("data", "place", "message", "hint"),
    [
        (b"a: b\nc: \0\n", "2:4", "NUL character", "remove"),
        (b"a: \x1b[31m", "1:4", "U+001B", "remove"),
        (b"\xef\xbb\xbfa: b", "1:1", "byte order mark", "UTF-8 without"),
        ("a: b".encode("utf-16"), "1:1", "UTF-16", "UTF-8"),
        ("a: b".encode("utf-16-be"), "1:1", "UTF-16", "UTF-8"),
        ("a: b".encode("utf-16-le"), "1:1", "UTF-16", "UTF-8"),
        ("a: b".encode("utf-32"), "1:1", "UTF-32", "UTF-8"),
        (b"a: b\nc: caf\xe9\n", "2:7", "0xe9", "UTF-8"),
        (b"", "0:0", "is empty", "opsctl: 1"),
        (b"# only a comment\n", "0:0", "is empty", "opsctl: 1"),
        (b"---\n", "0:0", "is empty", "opsctl: 1"),
        (b"a: " + b"x" * yaml.MAX_BYTES, "0:0", "larger than 1024 KiB", "split"),
    ],
)
def test_a_file_that_is_no_text_is_refused(data: bytes, place: str, message: str, hint: str) -> None:
    found = problems(data)
    assert [f"{problem.line}:{problem.column}" for problem in found] == [place]
    assert message in found[0].message
    assert hint in found[0].hint


@pytest.mark.usefixtures("_each_parser")
def test_what_does_not_stop_the_parser_is_all_reported_in_order() -> None:
    assert places("a: 1\na: 2\n1: x\nb: !t y\nc: {<<: z}\nd: [\n") == ["2:1", "3:1", "4:4", "5:5", "6:4"]


@pytest.mark.usefixtures("_each_parser")
def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    found = problems("\n".join(lines))
    assert len(found) == 1
    assert "more than 100,000 values once its aliases are expanded" in found[0].message
    assert found[0].line == 6


@pytest.mark.usefixtures("_each_parser")
def test_depth_counts_through_aliases() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 80))]
    found = problems("\n".join(lines))
    assert "nested deeper than 64 levels" in found[0].message


@pytest.mark.usefixtures("_each_parser")
def test_aliases_are_allowed() -> None:
    assert load("a: &x {b: [1, 2]}\nc: *x\nd: &k key\ne: {*k : 1}") == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": "key",
        "e": {"key": 1},
    }


def test_an_empty_block_has_the_place_of_its_sign() -> None:
    root = yaml.load(b"k: |\n", name="f.yaml").root
    assert isinstance(root, MappingNode)
    node = root.items["k"]
    assert isinstance(node, ScalarNode)
    assert (node.text, node.place(0).column) == ("", 4)


def test_windows_line_ends_are_fine() -> None:
    assert load("a: 1\r\nb:\r\n  - x\r\n") == {"a": 1, "b": ["x"]}


class TestFiles:
    """What is wrong with the file itself has its name."""

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no\.yaml: there is no such file"):
            yaml.read(tmp_path / "no.yaml")

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="is a directory"):
            yaml.read(tmp_path)

    def test_a_path_through_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("a: 1")
        with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
            yaml.read(tmp_path / "f" / "g")

    def test_a_name_with_a_nul(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            yaml.read(tmp_path / "f\0g")

    def test_a_loop_of_links(self, tmp_path: Path) -> None:
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(ConfigError, match="cannot be read: Too many levels"):
            yaml.read(tmp_path / "loop")

    def test_a_file_that_never_ends_is_not_read_to_its_end(self) -> None:
        with pytest.raises(ConfigError, match="/dev/zero: is larger than"):
            yaml.read(Path("/dev/zero"))

    def test_the_name_in_messages_is_what_the_caller_says(self, tmp_path: Path) -> None:
        (tmp_path / "f.yaml").write_text("a: [")
        with pytest.raises(ConfigError, match=r"^\.\./f\.yaml:1:4: "):
            yaml.read(tmp_path / "f.yaml", name="../f.yaml")


def _told(node: Node) -> Iterator[tuple[object, ...]]:
    """Yield what a tree says, with the places; an empty value has none that the two parsers agree on."""
    if isinstance(node, MappingNode):
        for key, child in node.items.items():
            yield key, node.keys[key] if key else None
            yield from _told(child)
    elif isinstance(node, SequenceNode):
        yield node.origin, len(node.items)
        for child in node.items:
            yield from _told(child)
    elif isinstance(node, ScalarNode):
        yield (repr(node),) if node.text else (node.value,)


SOUP = st.text(st.sampled_from("abk:-?[]{},&*!|>'\"%@`#~<0159.ox\n\t \\/é\0${}"), max_size=60)


@given(st.one_of(SOUP, st.text(max_size=40)).map(str.encode) | st.binary(max_size=40))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_a_tree_or_a_config_error(data: bytes) -> None:
    for found in problems(data):
        assert "\n" not in found.message + found.hint
        assert found.column >= (1 if found.line else 0)


@pytest.mark.skipif(len(LOADERS) == 1, reason="PyYAML is built without libyaml")
@given(SOUP)
@settings(deadline=None, max_examples=200)
def test_both_parsers_build_the_same_tree(text: str) -> None:
    sources = []
    with pytest.MonkeyPatch.context() as patch:
        for loader in LOADERS:
            patch.setattr(yaml, "_LOADER", loader)
            try:
                sources.append(yaml.load(text.encode(), name="f.yaml"))
            except ConfigError:
                return  # they differ in what they forgive, not in what they understand
    one, other = sources
    assert list(_told(one.root)) == list(_told(other.root))


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text("abon1e:. -_0x'\"é#~\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abonyes12~", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("ab12on", min_size=1), PLAIN, min_size=1, max_size=4))
@settings(deadline=None)
def test_what_is_dumped_is_loaded_as_the_same(value: dict[str, Any]) -> None:
    assert load(yaml.dump(value)) == value
