"""`make soak` runs the long form of the marked tests, `make test` the short form of the same ones."""

import pytest

TESTS = """
import pytest

@pytest.mark.soak
def test_race(rounds):
    print("rounds:", rounds(short=2, long=9))
"""


@pytest.mark.parametrize(("args", "expected"), [([], "rounds: 2"), (["--soak", "-m", "soak"], "rounds: 9")])
def test_the_option_chooses_the_form(pytester: pytest.Pytester, args: list[str], expected: str) -> None:
    pytester.makeconftest("pytest_plugins = ['harness.soak']")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-s", "--strict-markers", *args)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*{expected}"])
