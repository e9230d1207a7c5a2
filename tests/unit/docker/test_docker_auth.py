"""Credentials come from where the docker command keeps them, through real helper programs, and are never shown."""

import base64
import json
from pathlib import Path

import pytest

from opsctl.docker import auth
from opsctl.docker.auth import ANONYMOUS, Credentials
from opsctl.errors import ConfigError, DeniedError, LocalIOError, MissingToolError, OpsctlError

SECRET = "hunter2 secret"


@pytest.fixture
def config(home: Path) -> Path:
    (home / ".docker").mkdir()
    return home / ".docker" / "config.json"


def basic(user: str = "me", password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on PATH with a credential helper that knows one registry."""
    script = tmp_path / "docker-credential-test"
    answer = json.dumps({"ServerURL": "r.example.com", "Username": "helped", "Secret": SECRET})
    token = json.dumps({"Username": "<token>", "Secret": SECRET})
    script.write_text(
        f"""#!/bin/sh
read -r server
case "$1 $server" in
  "get r.example.com") echo '{answer}';;
  "get t.example.com") echo '{token}';;
  "get https://index.docker.io/v1/") echo '{answer}';;
  "get empty.example.com") echo '{{"Username":"","Secret":""}}';;
  "get broken.example.com") echo 'not json';;
  "get fail.example.com") echo '{SECRET}'; echo "{SECRET}" >&2; exit 1;;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return script


def test_without_a_config_nobody_is_logged_in() -> None:
    assert auth.find("docker.io") == ANONYMOUS
    assert ANONYMOUS.payload() == {}


@pytest.mark.parametrize("key", ["r.example.com", "https://r.example.com", "https://r.example.com/v2/"])
def test_an_entry_is_found_by_its_host_however_it_is_written(config: Path, key: str) -> None:
    config.write_text(json.dumps({"auths": {"other": basic("x"), key: basic()}}))
    found = auth.find("r.example.com")
    assert (found.username, found.password) == ("me", SECRET)


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io"])
def test_the_default_registry_has_several_names(config: Path, key: str) -> None:
    config.write_text(json.dumps({"auths": {key: basic()}}))
    assert auth.find("docker.io").username == "me"


def test_a_port_is_part_of_the_host(config: Path) -> None:
    config.write_text(json.dumps({"auths": {"localhost:5000": basic()}}))
    assert auth.find("localhost:5000").username == "me"
    assert auth.find("localhost:5001") == ANONYMOUS


def test_a_password_may_hold_colons_and_a_token_is_passed_on(config: Path) -> None:
    config.write_text(json.dumps({"auths": {"a.b": basic("me", "a:b:c"), "t.b": {"identitytoken": "tok"}}}))
    assert auth.find("a.b").password == "a:b:c"
    assert auth.find("t.b").payload() == {"identitytoken": "tok", "serveraddress": "t.b"}


def test_docker_config_names_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"a.b": basic()}}))
    assert auth.find("a.b").username == "me"


def test_the_variable_of_ci_systems_goes_first(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(json.dumps({"auths": {"a.b": basic("file"), "c.d": basic("file")}}))
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"a.b": basic("ci")}}))
    assert auth.find("a.b").username == "ci"
    assert auth.find("c.d").username == "file"


@pytest.mark.parametrize("how", [{"credsStore": "test"}, {"credHelpers": {"r.example.com": "test"}}])
def test_a_helper_is_asked(config: Path, helper: Path, how: dict[str, object]) -> None:
    config.write_text(json.dumps(how))
    assert auth.find("r.example.com").username == "helped"


def test_the_helper_of_a_registry_goes_before_the_one_of_all(config: Path, helper: Path) -> None:
    config.write_text(json.dumps({"credsStore": "absent", "credHelpers": {"r.example.com": "test"}}))
    assert auth.find("r.example.com").username == "helped"


def test_a_helper_knows_the_default_registry_by_its_long_name_and_gives_tokens(config: Path, helper: Path) -> None:
    config.write_text(json.dumps({"credsStore": "test"}))
    assert auth.find("docker.io").username == "helped"
    assert auth.find("t.example.com").token == SECRET


@pytest.mark.parametrize("registry", ["unknown.example.com", "empty.example.com"])
def test_what_a_helper_does_not_know_is_looked_up_in_the_file(config: Path, helper: Path, registry: str) -> None:
    config.write_text(json.dumps({"credsStore": "test", "auths": {registry: basic()}}))
    assert auth.find(registry).username == "me"
    config.write_text(json.dumps({"credsStore": "test", "auths": {registry: {}}}))
    assert auth.find(registry).payload() == {}


@pytest.mark.parametrize(
    ("registry", "error"), [("fail.example.com", DeniedError), ("broken.example.com", ConfigError)]
)
def test_a_helper_that_fails_is_named_and_what_it_printed_is_not_shown(
    config: Path, helper: Path, registry: str, error: type[OpsctlError]
) -> None:
    config.write_text(json.dumps({"credsStore": "test"}))
    with pytest.raises(error) as caught:
        auth.find(registry)
    assert "docker-credential-test" in caught.value.message
    assert SECRET not in caught.value.message + caught.value.hint


def test_a_helper_that_is_not_installed_is_named_with_the_cure(config: Path) -> None:
    config.write_text(json.dumps({"credsStore": "absent"}))
    with pytest.raises(MissingToolError, match="docker-credential-absent") as caught:
        auth.find("r.example.com")
    assert str(config) in caught.value.hint


@pytest.mark.parametrize(
    "text", ["{", "[]", "", '{"auths": {"a.b": {"auth": "!!"}}}', '{"auths": {"a.b": {"auth": "bm8="}}}']
)
def test_a_broken_config_is_named(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        auth.find("a.b")
    assert caught.value.problems[0].file == str(config)


def test_a_config_that_is_not_text_or_not_a_file_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        auth.find("a.b")
    config.unlink()
    config.mkdir()
    with pytest.raises(LocalIOError):
        auth.find("a.b")


@pytest.mark.parametrize("odd", [{"auths": []}, {"auths": {"a.b": 1}}, {"credHelpers": 3}, {"auths": {"a.b": {}}}])
def test_odd_shapes_mean_nobody_is_logged_in(config: Path, odd: object) -> None:
    config.write_text(json.dumps(odd))
    assert auth.find("a.b").payload() == {}


def test_secrets_are_not_in_the_text_of_credentials() -> None:
    assert SECRET not in repr(Credentials("a", "b", SECRET, SECRET))
