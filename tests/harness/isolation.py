"""Nothing of the user or of a CI service reaches a test: no credentials, no engine, no colours, an empty home."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["clean", "heed_signals"]

PREFIXES = (
    *("AWS_", "AZURE_", "GOOGLE_", "GCLOUD_", "GCE_", "CLOUDSDK_", "BOTO_", "STORAGE_EMULATOR_"),
    *("DOCKER_", "BUILDKIT_", "BUILDX_", "COMPOSE_", "OPSCTL_", "GITHUB_", "RUNNER_", "GIT_", "XDG_", "PYTHON"),
)
NAMES = frozenset({"CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE"})
SETTINGS = {
    "COLUMNS": "80",
    "LINES": "24",
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
    # The SDKs would otherwise wait for the metadata service of a cloud this machine is not in.
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_GCE_CHECK": "true",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}


def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the user's variables out of the environment and put the fixed ones in."""
    for name in list(os.environ):
        if name.startswith(PREFIXES) or name in NAMES:
            monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def heed_signals() -> None:
    """Undo for all children what a shell does to a job in the background (SIGINT ignored), and nohup (SIGHUP)."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            # Unlike an ignored signal, a handler is not inherited: this process still ignores it, a child does not.
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """A clean environment from before the first fixture to after the last."""
    heed_signals()
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean(monkeypatch)
        yield


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("homes")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory; the environment's HOME."""
    path = next(_homes)
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path
