"""The pytest plugin of the project: fixtures for real servers, and the rule for those that cannot be had.

A test that needs a server which this machine does not have is skipped with the reason. A server named in
OPSCTL_REQUIRE (comma list) must be there: without it the test fails, so that a broken adapter never looks like one
that is "not available".
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from servers import azurite as azure
from servers import rclone
from servers import registry as distribution
from servers.fleet import Fleet, UnavailableError, parse_required

__all__ = ["AzureAccount", "RegistryLogin", "S3Login", "Servers"]


class S3Login(NamedTuple):
    """An S3 endpoint that checks signatures."""

    endpoint: str
    key: str
    secret: str


class AzureAccount(NamedTuple):
    """A storage account of the emulator."""

    connection_string: str
    endpoint: str
    account: str
    key: str


class RegistryLogin(NamedTuple):
    """A registry that wants a password."""

    host: str
    user: str
    password: str


class ServerMissing(pytest.skip.Exception):
    """Skips a test for want of a server. Told apart so that the summary has one line for each missing server."""


class Servers:
    """The fleet of the run with the rule: skip what is missing, fail when it is required."""

    def __init__(self, fleet: Fleet, required: frozenset[str]) -> None:
        self.fleet = fleet
        self.required = required

    def url(self, name: str) -> str:
        """The URL of a running server; else the test is skipped or fails."""
        try:
            return self.fleet.url(name)
        except UnavailableError as error:
            reason = str(error)
        return self.refuse(name, reason)

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Skip the test for want of a server, or of what is needed to use it; fail it when the server is required."""
        if name in self.required:
            pytest.fail(f"required by OPSCTL_REQUIRE, but {reason}", pytrace=False)
        raise ServerMissing(reason.splitlines()[0])


SERVERS = pytest.StashKey[Servers]()


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings while the user's environment is still there."""
    config.addinivalue_line("markers", "server(*names): the test needs these servers; see servers.fleet.NAMES")
    try:
        required = parse_required(os.environ.get("OPSCTL_REQUIRE", ""))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SERVERS] = Servers(_fleet(config), required)


def _fleet(config: pytest.Config) -> Fleet:
    """The fleet of this run: the controller's in an xdist worker, a new one elsewhere."""
    shared = getattr(config, "workerinput", {}).get("opsctl_fleet")
    if shared:
        directory, owner = shared
        return Fleet(Path(directory), owner, dict(os.environ))
    return Fleet.create(os.getpid(), dict(os.environ))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "object") -> None:
    """Tell each xdist worker where the fleet is."""
    fleet = node.config.stash[SERVERS].fleet  # type: ignore[attr-defined]  # xdist ships no type for it
    node.workerinput["opsctl_fleet"] = [str(fleet.directory), fleet.owner]  # type: ignore[attr-defined]  # as above


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, once: not in a worker, which others may outlive."""
    servers = config.stash.get(SERVERS, None)
    if servers and not hasattr(config, "workerinput"):
        servers.fleet.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose marked server is missing, before its fixtures are made."""
    for mark in item.iter_markers("server"):
        for name in mark.args:
            item.config.stash[SERVERS].url(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all skips for want of one server the same place, so that pytest folds them into one line with a count."""
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, ServerMissing):
        report.longrepr = (__file__, None, f"Skipped: {call.excinfo.value}")
    return report


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """All servers by name."""
    return pytestconfig.stash[SERVERS]


@pytest.fixture(scope="session")
def moto_endpoint(servers: Servers) -> str:
    """URL of moto's S3: lenient and quick. Shared: make a bucket of your own, never reset it."""
    return servers.url("moto")


@pytest.fixture(scope="session")
def localstack_endpoint(servers: Servers) -> str:
    """URL of LocalStack's S3. Shared: make a bucket of your own."""
    return servers.url("localstack")


@pytest.fixture(scope="session")
def rclone_s3(servers: Servers) -> S3Login:
    """`rclone serve s3`, which checks signatures. Shared: make a bucket of your own."""
    return S3Login(servers.url("rclone"), rclone.KEY, rclone.SECRET)


@pytest.fixture(scope="session")
def azurite(servers: Servers) -> AzureAccount:
    """Azurite's account. Shared: make a container of your own."""
    url = servers.url("azurite")
    return AzureAccount(azure.connection_string(url), f"{url}/{azure.ACCOUNT}", azure.ACCOUNT, azure.KEY)


@pytest.fixture(scope="session")
def gcs_emulator(servers: Servers) -> str:
    """URL of the GCS emulator (for STORAGE_EMULATOR_HOST). Shared: make a bucket of your own."""
    return servers.url("gcs")


@pytest.fixture(scope="session")
def docker_engine(servers: Servers) -> str:
    """Base URL of a Docker engine that answers."""
    return servers.url("docker")


@pytest.fixture(scope="session")
def registry(servers: Servers) -> str:
    """host:port of a registry that anyone may push to."""
    return servers.url("registry").removeprefix("http://")


@pytest.fixture(scope="session")
def registry_auth(servers: Servers) -> RegistryLogin:
    """A registry that wants a password."""
    host = servers.url("registry-auth").removeprefix("http://")
    return RegistryLogin(host, distribution.USER, distribution.PASSWORD)
