"""A test sees nothing of the user: neither their credentials, nor their home, nor how their terminal is set up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.isolation import clean, heed_signals


def test_variables_of_the_user_are_gone_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS", "DOCKER_HOST", "CI", "NO_COLOR", "GIT_DIR"):
        monkeypatch.setenv(name, "users-own")
    with pytest.MonkeyPatch.context() as inner:
        clean(inner)
        assert "users-own" not in os.environ.values()
    assert os.environ["AWS_PROFILE"] == "users-own"


def test_no_variable_that_steers_opsctl_or_an_sdk_is_left() -> None:
    assert not [name for name in os.environ if name.startswith(("OPSCTL_", "AZURE_", "GITHUB_")) or name == "CI"]
    assert os.environ["COLUMNS"] == "80"


def test_home_is_empty_and_not_the_users(home: Path) -> None:
    assert Path.home() == home
    assert list(home.iterdir()) == []


def test_each_test_has_a_home_of_its_own(home: Path) -> None:
    (home / "left-over").touch()  # the test above would see it, in whichever order they run
    assert len(list(home.iterdir())) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_in_the_background_of_a_shell_does_not_make_children_deaf(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        heed_signals()
        script = f"import os; os.kill(os.getpid(), {number:d})"
        child = subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL, check=False)
        os.kill(os.getpid(), number)  # this process has none of it
    finally:
        signal.signal(number, before)
    assert child.returncode == -number
