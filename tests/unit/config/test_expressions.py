"""The expression language: what it means, what it refuses before anything runs, and that no text can break it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.config.expressions import (
    BOOLEAN,
    NULL,
    NUMBER,
    STRING,
    Expression,
    ExpressionError,
    MissingValue,
    Type,
    as_text,
    check,
    evaluate,
    list_of,
    map_of,
    parse,
    references,
    split,
)
from opsctl.config.expressions.syntax import Call, Comparison, Literal, Logical, Not, Reference

CONTEXT = {
    "inputs": {"env": "prod", "count": 3, "ratio": 0.5, "fast": True, "none": None, "python version": "3.12"},
    "items": ["a", "b"],
    "matrix": [{"py": "3.11"}, {"py": "3.12"}],
    "unit-tests": {"ok": True},
}
SCOPE = {
    "inputs": map_of(
        {
            "env": STRING,
            "count": NUMBER,
            "ratio": NUMBER,
            "fast": BOOLEAN,
            "none": STRING.optional(),
            "maybe": BOOLEAN.optional(),
            "python version": STRING,
        }
    ),
    "items": list_of(STRING),
    "matrix": list_of(map_of({"py": STRING})),
    "unit-tests": map_of({"ok": BOOLEAN}),
    "vars": map_of({"known": STRING}, rest=NUMBER, guard=lambda name: "it is hidden" if name == "hidden" else ""),
    "config": map_of({"db": map_of({"port": NUMBER})}).optional(),
    "nothing": NULL,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ("''", ""),
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("inputs.env", "prod"),
        ("inputs['python version']", "3.12"),
        ("items[1]", "b"),
        ("matrix[0].py", "3.11"),
        ("unit-tests.ok", True),
        ("inputs.env == 'prod'", True),
        ("inputs.env != 'prod'", False),
        ("inputs.count == 3.0", True),
        ("inputs.count >= 3 && inputs.ratio < 1", True),
        ("inputs.fast == true", True),
        ("!inputs.fast", False),
        ("!!inputs.fast", True),
        ("inputs.none == null", True),
        ("inputs.none == 'x'", False),
        ("null != inputs.env", True),
        ("true || false && false", True),
        ("(true || false) && false", False),
        ("!(1 == 2) && 'a' == 'a'", True),
        ("contains(inputs.env, 'ro')", True),
        ("contains(items, 'c')", False),
        ("starts_with(inputs.env, 'p')", True),
        ("ends_with(inputs.env, 'x')", False),
        ("join(items, ', ')", "a, b"),
        ("default(inputs.none, 'x')", "x"),
        ("default(inputs.env, 'x')", "prod"),
        ("to_json(items)", '["a","b"]'),
        ("to_json('é\"')", '"é\\""'),
        ("  inputs.env\n==\t'prod'  ", True),
    ],
)
def test_what_an_expression_means(text: str, value: Any) -> None:
    found = evaluate(parse(text), CONTEXT)
    assert found == value
    assert type(found) is type(value)


def test_and_and_or_stop_where_it_is_decided() -> None:
    assert evaluate(parse("false && nowhere.there"), CONTEXT) is False
    assert evaluate(parse("true || nowhere.there"), CONTEXT) is True


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "expected a value"),
        ("   ", 3, "expected a value, found the end"),
        ("a.", 2, "a name must follow"),
        ("a..b", 2, "a name must follow"),
        ("a.0", 2, "a name must follow"),
        ("a[b]", 2, "an index is"),
        ("a[-1]", 2, "an index is"),
        ("a[1.5]", 2, "an index is"),
        ("a[0", 3, "expected ']'"),
        ("(a", 2, "expected ')'"),
        ("a)", 1, "')' cannot stand here"),
        ("a b", 2, "'b' cannot stand here"),
        ("a == b == c", 7, "'==' cannot stand here"),
        ("a < b > c", 6, "'>' cannot stand here"),
        ("a = b", 2, "'=' cannot stand here"),
        ("a & b", 2, "'&' cannot stand here"),
        ("a | b", 2, "'|' cannot stand here"),
        ("a + b", 2, "'+' cannot stand here"),
        ("a * b", 2, "'*' cannot stand here"),
        ("a ? b : c", 2, "'?' cannot stand here"),
        ('"a"', 0, "'\"' cannot stand here"),
        ("$a", 0, "'$' cannot stand here"),
        ("'a", 0, '"\'" cannot stand here'),
        ("12x", 0, "not a number"),
        ("1.2.3", 0, "not a number"),
        ("1e5", 0, "not a number"),
        ("1234567890123456", 0, "at most 15 digits"),
        ("f(", 2, "expected a value"),
        ("f(a", 3, "expected ','"),
        ("f(a,)", 4, "expected a value, found ')'"),
        ("f(,)", 2, "expected a value"),
        ("a }}", 2, "'}}' cannot stand here"),
        ("&& a", 0, "expected a value, found '&&'"),
        ("a.__class__.b(c)", 13, "'(' cannot stand here"),
        ("lambda: 1", 6, "':' cannot stand here"),
        ("(" * 1000 + "1" + ")" * 1000, 0, "more than 1000 words"),
        ("(" * 100 + "1" + ")" * 100, 32, "nested deeper than 32"),
        ("!" * 100 + "true", 32, "nested deeper than 32"),
        ("f(" * 100 + ")" * 100, 64, "nested deeper than 32"),
        ("a && " * 600 + "a", 0, "more than 1000 words"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.offset == offset


def test_a_long_chain_is_no_deep_tree() -> None:
    chain = parse(" && ".join(["inputs.fast"] * 200))
    assert evaluate(chain, CONTEXT) is True
    assert check(chain, SCOPE) == (BOOLEAN, [])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("inputs.env", STRING),
        ("inputs.none", STRING.optional()),
        ("items[0]", STRING),
        ("items", list_of(STRING)),
        ("vars.known", STRING),
        ("vars.other", NUMBER),
        ("inputs.count < 3", BOOLEAN),
        ("inputs.none == null || inputs.none == 'x'", BOOLEAN),
        ("nothing == null", BOOLEAN),
        ("default(inputs.none, 'x')", STRING),
        ("default(null, 3)", NUMBER),
        ("default(inputs.maybe, false) && true", BOOLEAN),
        ("to_json(inputs)", STRING),
        ("contains(items, inputs.env)", BOOLEAN),
    ],
)
def test_the_type_of_an_expression_is_known_before_it_runs(text: str, kind: Type) -> None:
    assert check(parse(text), SCOPE) == (kind, [])


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("input.env", 0, "there is no 'input' here", "did you mean 'inputs'?"),
        ("secrets.TOKEN", 0, "there is no 'secrets' here", "there are: config, inputs"),
        ("inputs.evn", 0, "inputs has no 'evn'", "did you mean 'env'?"),
        ("inputs.env.x", 0, "inputs.env is a string and has no 'x'", ""),
        ("inputs[0]", 0, "inputs is a map, not a list", ""),
        ("items.first", 0, "items is a list and has no 'first'", ""),
        ("items[0][1]", 0, "items[0] is a string, not a list", ""),
        ("config.db", 0, "config may be null", ""),
        ("vars.hidden", 0, "vars.hidden cannot be read: it is hidden", ""),
        ("to_json(vars)", 0, "to_json cannot take (map)", "to_json(value)"),
        ("inputs.env == 3", 0, "== compares a string with a number", ""),
        ("inputs.fast == 'true'", 0, "== compares a boolean with a string", ""),
        ("inputs.env == null", 0, "== with null is never true", ""),
        ("items == items", 0, "== does not compare lists", ""),
        ("inputs.env < 'x'", 0, "< compares numbers, found a string and a string", ""),
        ("inputs.env && true", 0, "&& needs true or false, found a string", "inputs.env != ''"),
        ("true || inputs.count", 8, "|| needs true or false, found a number", "compare"),
        ("!inputs.none", 1, "! needs true or false, found a string or null", ""),
        ("inputs.maybe && true", 0, "&& needs true or false, found a boolean or null", "default(inputs.maybe, false)"),
        ("contain(items, 'a')", 0, "there is no function 'contain'", "did you mean 'contains'?"),
        ("contains(items)", 0, "contains cannot take (list of string)", "contains(list, item)"),
        ("contains(items, 3)", 0, "contains cannot take", ""),
        ("contains()", 0, "contains cannot take (nothing)", ""),
        ("join(matrix, ',')", 0, "join cannot take", ""),
        ("default(inputs.none, 3)", 0, "default cannot take", ""),
    ],
)
def test_what_cannot_be_right_is_found_before_it_runs(text: str, offset: int, message: str, hint: str) -> None:
    kind, errors = check(parse(text), SCOPE)
    assert kind is None
    assert [(error.offset, message in error.message, hint in error.hint) for error in errors] == [(offset, True, True)]


def test_every_error_of_an_expression_is_found() -> None:
    _, errors = check(parse("inputs.evn == 'x' && items || contain(inpts.a, nowhere)"), SCOPE)
    assert sorted(error.offset for error in errors) == [0, 21, 30, 38, 47]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere", "nowhere is not set"),
        ("inputs.nothing", "inputs.nothing is not set"),
        ("items[2]", "items[2] is not set"),
        ("inputs.env.x", "inputs.env.x is not set"),
        ("inputs.none.x", "inputs.none.x is not set"),
        ("inputs.env && true", "needs true or false, found a string"),
        ("inputs.count && true", "needs true or false, found a number"),
        ("inputs.env == 3", "cannot compare"),
        ("items == items", "cannot compare"),
        ("inputs.env < 'z'", "cannot compare"),
        ("inputs.fast < 3", "cannot compare"),
        ("contains(inputs.count, '3')", "contains cannot take"),
        ("contains(inputs.none, '3')", "contains cannot take (null, string)"),
        ("nope(1)", "there is no function 'nope'"),
    ],
)
def test_a_missing_or_unlike_value_is_an_error_when_it_runs(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse(text), CONTEXT)
    assert message in caught.value.message


def test_a_mapping_can_say_why_it_has_no_value() -> None:
    class Locked(dict[str, str]):
        def __missing__(self, key: str) -> str:
            raise MissingValue("the door is locked", hint="find the key")

    with pytest.raises(ExpressionError) as caught:
        evaluate(parse("a == safe.gold"), {"a": "x", "safe": Locked()})
    assert (caught.value.message, caught.value.hint, caught.value.offset) == (
        "safe.gold: the door is locked",
        "find the key",
        5,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (3, "3"), (3.0, "3"), (0.1, "0.1"), (1e21, "1" + "0" * 21), (1e-7, "0.0000001"), (True, "true")],
)
def test_a_value_has_one_text(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_null_lists_and_maps_have_no_text(value: Any) -> None:
    with pytest.raises(ExpressionError, match="has no text"):
        as_text(value)


def test_a_template_is_split_at_its_expressions() -> None:
    assert split("plain $x ${y} $(z) {{a}}") == ("plain $x ${y} $(z) {{a}}",)
    assert [str(part) for part in split("a-${{ b }}${{c}}-d")] == ["a-", "b", "c", "-d"]
    assert split("") == ()


def test_a_string_may_hold_what_would_close_or_open_the_expression() -> None:
    (inner,) = split("${{ '}} and ${{' }}")
    assert evaluate(inner, {}) == "}} and ${{"


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("a ${{ b", 2, "not closed"),
        ("${{ a }} ${{", 12, "expected a value"),
        ("${{ a } }", 6, "'}' cannot stand here"),
        ("${{ }}", 4, "expected a value, found '}}'"),
        ("${{ ${{ a }} }}", 4, "'$' cannot stand here"),
    ],
)
def test_a_broken_template_is_refused_at_its_place(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        split(text)
    assert message in caught.value.message
    assert caught.value.offset == offset


NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_-]{0,6}\Z").filter(lambda name: name not in {"true", "false", "null"})
LITERALS = st.builds(
    Literal,
    st.just(0),
    st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.integers(-(10**14), 10**14)
    | st.integers(-(10**6), 10**6).map(lambda number: number / 64),
)
REFERENCES = st.builds(
    Reference,
    st.just(0),
    st.tuples(NAMES).flatmap(
        lambda root: st.lists(NAMES | st.text(max_size=6) | st.integers(0, 99), max_size=3).map(
            lambda rest: (*root, *rest)
        )
    ),
)


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    some = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Not, st.just(0), inner),
        st.builds(Comparison, st.just(0), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner, inner),
        st.builds(Logical, st.just(0), st.sampled_from(["&&", "||"]), some),
        st.builds(Call, st.just(0), NAMES, st.lists(inner, max_size=3).map(tuple)),
    )


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(LITERALS | REFERENCES, _larger, max_leaves=8)


@given(EXPRESSIONS)
@settings(deadline=None, max_examples=150)
def test_the_text_of_an_expression_parses_to_the_same_expression(expression: Expression) -> None:
    assert parse(str(expression)) == expression
    assert split(f"a${{{{{expression}}}}}b") == ("a", expression, "b")


def _error(work: Callable[[], object]) -> ExpressionError | None:
    """Return the error that it ends with; any other exception fails the test."""
    try:
        work()
    except ExpressionError as error:
        return error
    return None


SOUP = st.text(st.sampled_from("ab.'\"[]()!=<>&|,0159 -{}$\n_\\é\0"), max_size=40)


@given(SOUP | st.text(max_size=40))
@settings(deadline=None, max_examples=300)
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    for read in (parse, split):
        error = _error(lambda read=read: read(text))
        assert error is None or (0 <= error.offset <= len(text) and "\n" not in error.message)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.recursive(
        LITERALS | st.sampled_from(["a", "b", "c", "a.a", "a.b", "b[0]", "c.a[1]"]).map(parse),
        _larger,
        max_leaves=6,
    ),
    st.dictionaries(st.sampled_from("abc"), VALUES),
)
@settings(deadline=None, max_examples=300)
def test_evaluation_gives_a_value_or_an_expression_error(expression: Expression, context: dict[str, Any]) -> None:
    error = _error(lambda: evaluate(expression, context))
    assert error is None or error.message


def _type_of(value: Any) -> Type:
    if isinstance(value, dict):
        return map_of({key: _type_of(child) for key, child in value.items()})
    if isinstance(value, list):
        return list_of(_type_of(value[0])) if value else list_of(STRING)
    if value is None:
        return NULL
    return BOOLEAN if isinstance(value, bool) else NUMBER if isinstance(value, (int, float)) else STRING


@given(
    st.recursive(
        LITERALS | st.sampled_from(["a", "b", "a.a", "a.b"]).map(parse),
        lambda inner: st.one_of(
            _larger(inner),
            st.builds(
                lambda name, one, two: Call(0, name, (one, two)),
                st.sampled_from(["contains", "starts_with", "default"]),
                inner,
                inner,
            ),
        ),
        max_leaves=6,
    ),
    st.fixed_dictionaries({"a": VALUES, "b": VALUES}),
)
@settings(deadline=None, max_examples=300)
def test_what_passes_the_check_evaluates_to_the_type_it_said(expression: Expression, context: dict[str, Any]) -> None:
    kind, errors = check(expression, {name: _type_of(value) for name, value in context.items()})
    if errors:
        return
    assert kind is not None
    assert _type_of(evaluate(expression, context)).kind == kind.kind


def test_what_an_expression_mentions_is_known() -> None:
    found = references(parse("contains(a.b, c['d e']) && !(f == g[0].h)"))
    assert [reference.parts for reference in found] == [("a", "b"), ("c", "d e"), ("f",), ("g", 0, "h")]
