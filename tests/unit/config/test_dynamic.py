"""Fields with `${{ }}`: what they take, where their errors are, and that they keep their types."""

from typing import Any

import pytest

from opsctl.config import yaml
from opsctl.config.binder import Binder
from opsctl.config.dynamic import Dynamic, Flag, Number, Text
from opsctl.config.expressions import BOOLEAN, NUMBER, STRING, list_of, map_of
from opsctl.config.nodes import MappingNode, ScalarError
from opsctl.errors import ConfigError

SCOPE = {
    "a": map_of({"text": STRING, "maybe": STRING.optional(), "n": NUMBER, "yes": BOOLEAN, "list": list_of(STRING)})
}
CONTEXT = {"a": {"text": "x", "maybe": None, "n": 3, "yes": True, "list": ["y"]}}


def bound(kind: type[Dynamic], line: str) -> Any:
    """Bind the value of a line `k: ...` that is the second of its file."""
    binder = Binder(yaml.load(f"first: 1\nk: {line}\n".encode(), name="f.yaml"))
    assert isinstance(binder.root, MappingNode)
    value = binder.bind(binder.root.items["k"], kind)
    binder.finish()
    return value


def refusal(kind: type[Dynamic], line: str) -> str:
    with pytest.raises(ConfigError) as caught:
        bound(kind, line)
    (problem,) = caught.value.problems
    return f"{problem} | {problem.hint}"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain", "plain"),
        ("'${{ a.text }}'", "x"),
        ("'${{ a.n }}'", "3"),
        ("v${{ a.n }}-${{ a.yes }}-${{ a.text }}", "v3-true-x"),
        ("${{ default(a.maybe, 'none') }}", "none"),
        ("$a ${b} $(c)", "$a ${b} $(c)"),
    ],
)
def test_a_text_is_a_text_in_the_end(line: str, text: str) -> None:
    assert bound(Text, line).evaluate(CONTEXT) == text


def test_a_flag_and_a_number_keep_the_type_of_their_expression() -> None:
    assert bound(Flag, "true").evaluate({}) is True
    assert bound(Flag, "${{ a.n == 3 && a.text != 'y' }}").evaluate(CONTEXT) is True
    assert bound(Number, "7").evaluate({}) == 7
    assert bound(Number, "0.5").constant == 0.5
    assert bound(Number, "${{ a.n }}").evaluate(CONTEXT) == 3


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        (Text, "3.10", "f.yaml:2:4: expected a text, found the number 3.10 | quote it: '3.10'"),
        (Text, "true", "f.yaml:2:4: expected a text, found true | quote it: 'true'"),
        (Text, "", "f.yaml:2:3: expected a text, found nothing | give it a value or remove the key"),
        (Text, "[a]", "f.yaml:2:4: expected a text, found a list | "),
        (Text, "'ab ${{ a..b }}'", "f.yaml:2:14: a name must follow '.' | "),
        (Text, "'ab ${{ a.b'", "f.yaml:2:8: '${{' is not closed | close it with }}"),
        (Flag, "'yes'", "f.yaml:2:5: expected true or false or one ${{ }}, found text | write true or false"),
        (
            Flag,
            "a.n == 3",
            "f.yaml:2:4: expected true or false or one ${{ }}, found text | write it as ${{ a.n == 3 }}",
        ),
        (Flag, "1", "f.yaml:2:4: expected true or false, found the number 1 | "),
        (
            Flag,
            "'x${{ a.yes }}'",
            "f.yaml:2:5: expected true or false or one ${{ }}, found text | write one ${{ }} with nothing around it",
        ),
        (Number, "true", "f.yaml:2:4: expected a number, found true | "),
        (Number, "'3'", "f.yaml:2:5: expected a number or one ${{ }}, found text | remove the quotes"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(kind: type[Dynamic], line: str, said: str) -> None:
    assert refusal(kind, line) == said


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        (Text, "'x ${{ a.txt }} ${{ b }}'", ["2:11: a has no 'txt'", "2:24: there is no 'b' here"]),
        (Text, "${{ a.list }}", ["2:8: expected a text, found a list of string"]),
        (Text, "${{ null }}", ["2:8: expected a text, found a null"]),
        (Text, "${{ a.maybe }}", []),
        (Flag, "${{ a.text }}", ["2:8: expected true or false, found a string"]),
        (Number, "${{ a.yes }}", ["2:8: expected a number, found a boolean"]),
        (Text, "|\n  one\n  two ${{ a.txt }}", ["4:11: a has no 'txt'"]),
    ],
)
def test_the_check_finds_what_cannot_fit_with_its_column(kind: type[Dynamic], line: str, said: list[str]) -> None:
    found = bound(kind, line).check(SCOPE)
    assert [f"{problem.line}:{problem.column}: {problem.message}" for problem in found] == said


def test_a_value_that_is_missing_or_null_names_its_place() -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml:2:8: a\.maybe is null, expected a text$"):
        bound(Text, "${{ a.maybe }}").evaluate(CONTEXT)
    with pytest.raises(ConfigError, match=r"^f\.yaml:2:10: a\.gone is not set$"):
        bound(Text, "x ${{ a.gone }}").evaluate(CONTEXT)


def test_a_constant_is_taken_as_it_is() -> None:
    text = Text.of("${{ not an expression")
    assert text.is_constant
    assert text.evaluate({}) == "${{ not an expression"


def test_what_a_text_mentions_is_known() -> None:
    text = Text.parse("${{ git.sha }}-${{ default(env.X, 'y') }}")
    assert text.references == {("git", "sha"), ("env", "X")}
    assert text.mentions("git")
    assert not text.mentions("inputs")


def test_equality_does_not_depend_on_the_place() -> None:
    assert bound(Text, "'a ${{ b }}'") == Text.parse("a ${{  b  }}")


def test_a_text_without_a_file_still_says_what_it_is() -> None:
    with pytest.raises(ConfigError, match=r"^x \$\{\{ b \}\}: b is not set$"):
        Text.parse("x ${{ b }}").evaluate({})


def test_a_broken_text_is_a_scalar_error() -> None:
    with pytest.raises(ScalarError):
        Text.parse("${{")
