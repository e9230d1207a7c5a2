"""Tests with a long form: marked `soak`, short in `make test`, long in `make soak`."""

from collections.abc import Callable

import pytest

__all__ = ["Rounds"]

Rounds = Callable[..., int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --soak."""
    parser.addoption("--soak", action="store_true", help="run the tests marked soak in their long form")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark by which `make soak` picks these tests."""
    config.addinivalue_line("markers", "soak: has a long form; ask the fixture `rounds` how long")


@pytest.fixture(scope="session")
def rounds(pytestconfig: pytest.Config) -> Rounds:
    """How often to do it: `rounds(short=50, long=1000)`."""

    def choose(*, short: int, long: int) -> int:
        return long if pytestconfig.getoption("soak") else short

    return choose
