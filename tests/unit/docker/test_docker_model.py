"""The engine's JSON becomes values that cannot be misread: never started, no health check, no address."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.docker.model import container_state, image_info, parse_time, path_stat


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-02T03:04:05.123456789Z", 1704164645.123456),
        ("2024-01-02T03:04:05.5Z", 1704164645.5),
        ("2024-01-02T03:04:05Z", 1704164645.0),
        ("2024-01-02T05:04:05.1+02:00", 1704164645.1),
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
    ],
)
def test_time_stamps_have_any_number_of_digits_and_a_zero(text: str, seconds: float) -> None:
    assert parse_time(text) == pytest.approx(seconds, abs=1e-6)


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999_999))
def test_later_stamps_are_later_to_the_microsecond(seconds: int, nanos: int) -> None:
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    text = f"{whole}.{nanos:09d}".rstrip("0").rstrip(".") + "Z"
    assert parse_time(text) == pytest.approx(seconds + nanos / 1e9, abs=2e-6)


@pytest.mark.parametrize(
    ("mode", "kind", "bits"),
    [
        (0o644, "file", 0o644),
        (1 << 31 | 0o755, "directory", 0o755),
        (1 << 27 | 0o777, "symlink", 0o777),
        (1 << 23 | 0o755, "file", 0o4755),
        (1 << 22 | 1 << 31 | 0o775, "directory", 0o2775),
        (1 << 31 | 1 << 20 | 0o777, "directory", 0o1777),
        (1 << 26 | 1 << 21 | 0o666, "other", 0o666),
        (1 << 25 | 0o600, "other", 0o600),
    ],
)
def test_go_file_modes_become_unix_modes(mode: int, kind: str, bits: int) -> None:
    found = path_stat({"name": "x", "size": 1, "mode": mode, "linkTarget": ""})
    assert (found.kind, found.mode) == (kind, bits)


def raw_state(**state: object) -> dict[str, object]:
    return {"Id": "c", "Name": "/web", "State": {"Status": "created", "Running": False, **state}, "Config": {}}


def test_a_container_that_never_ran_has_no_exit_code_and_no_start() -> None:
    zero = "0001-01-01T00:00:00Z"
    found = container_state(raw_state(ExitCode=0, StartedAt=zero, FinishedAt=zero))
    assert (found.exit_code, found.started_at, found.finished_at, found.running) == (None, "", "", False)
    assert found.name == "web"


def test_a_running_container_has_no_exit_code_of_an_earlier_run() -> None:
    found = container_state(raw_state(Status="running", Running=True, ExitCode=137, StartedAt="2024-01-02T03:04:05Z"))
    assert found.running
    assert found.exit_code is None


@pytest.mark.parametrize(
    ("health", "expected"),
    [(None, ""), ({"Status": "none"}, ""), ({"Status": "healthy", "Log": None}, "healthy"), ({"Status": "new"}, "")],
)
def test_no_health_check_is_told_apart_from_a_good_one(health: object, expected: str) -> None:
    assert container_state(raw_state(Health=health)).health == expected


def test_ports_and_addresses_are_those_that_are_there() -> None:
    networks = {"a": {"IPAddress": "10.0.0.2"}, "b": {"IPAddress": ""}, "c": None}
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None, "82/tcp": []}
    found = container_state({**raw_state(), "NetworkSettings": {"Networks": networks, "Ports": ports}})
    assert found.addresses == {"a": "10.0.0.2"}
    assert found.ports == {"80/tcp": ("127.0.0.1", 8080)}


def test_an_image_of_nothing_has_nothing() -> None:
    found = image_info({"Id": "sha256:1", "RepoTags": None, "RepoDigests": None, "Config": None})
    assert (found.tags, found.digests, found.entrypoint, found.env, found.labels) == ((), (), (), {}, {})


def test_the_digest_is_that_of_the_repository_asked_for() -> None:
    found = image_info({"Id": "x", "RepoDigests": ["r/web@sha256:a", "r/web2@sha256:b"], "Config": {"Env": ["A=b=c"]}})
    assert (found.digest("r/web"), found.digest("r/web2"), found.digest("web")) == ("sha256:a", "sha256:b", "")
    assert found.env == {"A": "b=c"}
