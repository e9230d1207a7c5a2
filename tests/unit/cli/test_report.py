"""A report never holds what the environment, the command line or a URL keeps secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.cli.report import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("s3://b?X-Amz-Signature=abc&y=1", "s3://b?X-Amz-Signature=***&y=1"),
        ("az://c?sv=1&sig=abc%3D'", "az://c?sv=1&sig=***'"),
        ("https://host/x?page=2", "https://host/x?page=2"),
    ],
)
def test_secrets_in_urls(text: str, shown: str) -> None:
    assert redact(text, [], {}) == shown


SECRETS = st.text(st.characters(min_codepoint=0x30, max_codepoint=0x7A), min_size=8)


@given(SECRETS, SECRETS, SECRETS, SECRETS)
def test_secrets_of_the_environment_and_the_command_line(one: str, two: str, three: str, four: str) -> None:
    env = {"GITHUB_TOKEN": one, "LANG": "C"}
    args = ["--set", f"db.password={two}", "--api-key", three, f"--client-secret={four}"]
    told = redact(f"<{one}> <{two}> <{three}> <{four}> <C>", args, env)
    assert told == "<***> <***> <***> <***> <C>"


def test_a_longer_secret_is_masked_before_the_one_it_holds() -> None:
    env = {"A_TOKEN": "abcd", "B_TOKEN": "abcdefgh"}
    assert redact("abcdefgh abcd", [], env) == "*** ***"


def test_short_values_would_eat_the_report() -> None:
    assert redact("a man a plan", [], {"X_TOKEN": "a"}) == "a man a plan"
