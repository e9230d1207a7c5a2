"""References are split as Docker splits them, and what is none is refused before it gets into a URL or an argv."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.docker.reference import MAX_NAME, Reference, parse
from opsctl.errors import UsageError

DIGEST = "sha256:" + "0a" * 32

GOOD = {
    "web": Reference("web", "", "", "docker.io"),
    "web:1": Reference("web", "1", "", "docker.io"),
    "acme/web:v1.4_2-rc": Reference("acme/web", "v1.4_2-rc", "", "docker.io"),
    "localhost/web": Reference("localhost/web", "", "", "localhost"),
    "localhost:5000/web:1": Reference("localhost:5000/web", "1", "", "localhost:5000"),
    "registry.example.com/a/b__c/d-e": Reference("registry.example.com/a/b__c/d-e", "", "", "registry.example.com"),
    "127.0.0.1:5000/x:y@" + DIGEST: Reference("127.0.0.1:5000/x", "y", DIGEST, "127.0.0.1:5000"),
    "[2001:db8::1]:5000/x": Reference("[2001:db8::1]:5000/x", "", "", "[2001:db8::1]:5000"),
    "Registry/web": Reference("Registry/web", "", "", "Registry"),  # capitals make it a host
    "web@" + DIGEST: Reference("web", "", DIGEST, "docker.io"),
}

BAD = [
    *("", ":", "web:", "web@", "web:1:2", "Web", "acme/Web", "/web", "web/", "a//b", "-web", "web_", "a..b", "a___b"),
    *("web:" + "x" * 129, "web:.x", "web:-x", "web@sha256:12", "web@" + DIGEST + "@" + DIGEST, "web tag", "web\n"),
    *("../web", "web?x=1", "web#x", "http://x/web", "ab" * 32, "x" * (MAX_NAME + 1), "-host.com/web", "é/web", "web:é"),
]


@pytest.mark.parametrize(("text", "expected"), GOOD.items())
def test_a_reference_is_split_as_docker_splits_it(text: str, expected: Reference) -> None:
    assert parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_reference_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.isprintable()
    assert caught.value.hint


def test_the_tag_is_latest_when_none_is_given() -> None:
    assert parse("web").tagged == "web:latest"
    assert parse("web:2").tagged == "web:2"


@given(st.text(max_size=60))
def test_any_text_is_a_reference_that_reads_the_same_again_or_is_refused(text: str) -> None:
    try:
        found = parse(text)
    except UsageError:
        return
    assert str(found) == text
    assert parse(str(found)) == found


component = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
host = st.sampled_from(["localhost", "localhost:5000", "r.example.com", "10.0.0.1:443"])


@settings(max_examples=30)  # regular expressions are slow to draw from
@given(st.none() | host, st.lists(component, min_size=1, max_size=3), TAG)
def test_every_reference_made_by_the_grammar_is_understood(registry: str | None, path: list[str], tag: str) -> None:
    # Without a registry a first part with a dot would be taken for one.
    path = path if registry else ["acme", *path]
    name = "/".join([*([registry] if registry else []), *path])
    found = parse(f"{name}:{tag}")
    assert (found.name, found.tag) == (name, tag)
    assert registry is None or found.registry == registry
