"""The rule for servers that a machine lacks: skipped with the reason, or failed when OPSCTL_REQUIRE names them.

Each test runs a pytest of its own on a small project, whose moto is a stand-in that the test chooses.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import servers
from servers import fleet

CONFTEST = """
from servers import fleet
from servers.launch import Command, Server

fleet.SERVERS["moto"] = Server("moto", lambda: {missing!r}, lambda data, port: Command([*{argv!r}, str(port)]), "/")
pytest_plugins = ["servers.plugin"]
"""
TESTS = """
import pytest

def test_by_fixture(moto_endpoint):
    assert moto_endpoint.startswith("http://127.0.0.1:")

def test_by_name(servers):
    servers.url("moto")

@pytest.mark.server("moto")
def test_by_mark():
    pass

def test_without():
    pass
"""
SERVE = ["python3", "-c", "import sys, http.server as h; h.test(h.SimpleHTTPRequestHandler, port=int(sys.argv[1]))"]
BROKEN = ["python3", "-c", "raise SystemExit('cannot read its config')"]

RunProject = Callable[..., pytest.RunResult]


@pytest.fixture
def run_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunProject:
    """Runs three tests that need moto and one that does not; with `workers` in processes of their own."""

    def run(
        *, missing: str | None = None, argv: list[str] = SERVE, require: str = "", workers: int = 0
    ) -> pytest.RunResult:
        pytester.makeconftest(CONFTEST.format(missing=missing, argv=argv))
        pytester.makepyfile(TESTS)
        monkeypatch.setenv("OPSCTL_REQUIRE", require)
        if workers:
            monkeypatch.setenv("PYTHONPATH", str(Path(servers.__path__[0]).parent))
            return pytester.runpytest_subprocess("-ra", "--strict-markers", "-n", str(workers))
        monkeypatch.setitem(fleet.SERVERS, "moto", fleet.SERVERS["moto"])  # brought back after the test
        return pytester.runpytest_inprocess("-ra", "--strict-markers", "-p", "no:xdist")

    return run


def test_with_the_server_all_pass(run_project: RunProject) -> None:
    run_project(require="moto").assert_outcomes(passed=4)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_missing_server_skips_its_tests_and_says_why_in_one_line(run_project: RunProject, workers: int) -> None:
    result = run_project(workers=workers, missing="not installed: get it")
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED [[]3[]] *moto: not installed: get it"])


def test_a_missing_server_that_is_required_is_a_failure_with_the_reason(run_project: RunProject) -> None:
    result = run_project(missing="not installed: get it", require="gcs,moto")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(["required by OPSCTL_REQUIRE, but moto: not installed: get it"])


def test_requiring_another_server_does_not_turn_the_skip_into_a_failure(run_project: RunProject) -> None:
    run_project(missing="not installed", require="gcs").assert_outcomes(passed=1, skipped=3)


def test_a_server_that_does_not_start_is_a_skip_too_unless_required(run_project: RunProject) -> None:
    run_project(argv=BROKEN).assert_outcomes(passed=1, skipped=3)


def test_a_required_server_that_does_not_start_shows_its_log(run_project: RunProject) -> None:
    result = run_project(argv=BROKEN, require="moto")
    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(["required by *moto ended at once", "cannot read its config"])


def test_an_unknown_required_server_stops_the_run(run_project: RunProject) -> None:
    result = run_project(require="mototo")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*OPSCTL_REQUIRE: unknown mototo; known: azurite, *"])


def test_two_workers_share_one_server_which_ends_with_the_run(
    run_project: RunProject, pytester: pytest.Pytester
) -> None:
    count = pytester.path / "starts"
    script = f"open({str(count)!r}, 'a').write('x'); {SERVE[2]}"
    run_project(workers=2, argv=["python3", "-c", script]).assert_outcomes(passed=4)
    assert count.read_text() == "x"
