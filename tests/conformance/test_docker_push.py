"""Pushes to a real registry, open and behind a password, and pulls from it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from harness.images import Workbench
from opsctl.docker.engine import Engine, connect
from opsctl.docker.push import PushRequest, push
from opsctl.errors import DeniedError, NotFoundError, TransientError
from opsctl.events import Event, SpanFinished
from servers.plugin import RegistryLogin

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with connect(docker_engine) as connected:
        yield connected


def log_in(home: Path, host: str, user: str, password: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (home / ".docker/config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def image(bench: Workbench, host: str, tag: str, text: str) -> str:
    """Build an image that nobody else has, and return its reference in a registry."""
    reference = f"{host}/{bench.name}:{tag}"
    root = bench.context(f"FROM BASE\nLABEL text='{bench.name} {text}'\n")
    bench.client.images.build(path=str(root), tag=reference, rm=True)
    return reference


def digest_by_http(host: str, name: str, tag: str) -> str:
    request = Request(f"http://{host}/v2/{name}/manifests/{tag}", headers={"Accept": MANIFEST}, method="HEAD")
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - the registry on this machine
        return str(answer.headers["Docker-Content-Digest"])


def test_every_reference_is_pushed_and_its_digest_is_that_of_the_registry(
    registry: str, bench: Workbench, engine: Engine
) -> None:
    first = image(bench, registry, "1", "a")
    second = f"{registry}/{bench.name}:latest"
    engine.images.tag(first, second)
    pushed = push(PushRequest(references=[first, f"{registry}/{bench.name}"]), engine).pushed
    digest = digest_by_http(registry, bench.name, "1")
    assert [one.reference for one in pushed] == [first, second]
    assert {one.pinned for one in pushed} == {f"{registry}/{bench.name}@{digest}"}
    assert digest_by_http(registry, bench.name, "latest") == digest
    assert engine.images.inspect(first).digest(f"{registry}/{bench.name}") == digest


def test_what_was_pushed_can_be_pulled_by_tag_and_by_digest(registry: str, bench: Workbench, engine: Engine) -> None:
    reference = image(bench, registry, "1", "a")
    (pushed,) = push(PushRequest(references=[reference]), engine).pushed
    for wanted in (reference, pushed.pinned):
        engine.images.remove(reference)
        engine.images.remove(pushed.image_id, force=True)
        assert engine.images.pull(wanted).id == pushed.image_id


def test_a_pull_replaces_an_old_local_image_of_the_same_tag(registry: str, bench: Workbench, engine: Engine) -> None:
    reference = image(bench, registry, "1", "new")
    (pushed,) = push(PushRequest(references=[reference]), engine).pushed
    engine.images.tag(bench.base, reference)  # what an old deploy has left
    assert engine.images.pull(reference).id == pushed.image_id
    assert engine.images.inspect(reference).id == pushed.image_id


def test_what_the_registry_does_not_have_is_not_found_although_it_is_local(
    registry: str, bench: Workbench, engine: Engine
) -> None:
    reference = image(bench, registry, "1", "a")
    with pytest.raises(NotFoundError):
        engine.images.pull(reference)
    with pytest.raises(NotFoundError):
        engine.images.registry_digest(reference)


def test_an_image_that_is_not_in_the_engine_is_not_found(registry: str, bench: Workbench, engine: Engine) -> None:
    with pytest.raises(NotFoundError, match="not in the engine"):
        push(PushRequest(references=[f"{registry}/{bench.name}:none"]), engine)


def test_with_the_credentials_of_docker_login_it_works(
    registry_auth: RegistryLogin, bench: Workbench, engine: Engine, home: Path
) -> None:
    log_in(home, registry_auth.host, registry_auth.user, registry_auth.password)
    reference = image(bench, registry_auth.host, "1", "a")
    (pushed,) = push(PushRequest(references=[reference]), engine).pushed
    engine.images.remove(reference)
    assert engine.images.pull(reference).id == pushed.image_id


@pytest.mark.parametrize("login", ["none", "wrong"])
def test_without_them_it_is_denied_and_the_password_is_not_shown(
    registry_auth: RegistryLogin, bench: Workbench, engine: Engine, home: Path, login: str
) -> None:
    if login == "wrong":
        log_in(home, registry_auth.host, registry_auth.user, "hunter2")
    reference = image(bench, registry_auth.host, "1", "a")
    told: list[Event] = []
    with pytest.raises(DeniedError) as caught:
        push(PushRequest(references=[reference]), engine, told.append)
    assert "docker login" in caught.value.hint
    assert isinstance(told[-1], SpanFinished)
    assert told[-1].status == "failed"
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {told}"
    with pytest.raises(DeniedError):
        engine.images.pull(reference)
    with pytest.raises(DeniedError):
        engine.images.registry_digest(reference)


def test_a_registry_that_is_not_there_is_transient(bench: Workbench, engine: Engine) -> None:
    reference = image(bench, "127.0.0.1:1", "1", "a")
    with pytest.raises(TransientError):
        push(PushRequest(references=[reference]), engine)


def test_a_helper_program_gives_the_credentials(
    registry_auth: RegistryLogin,
    bench: Workbench,
    engine: Engine,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer: dict[str, Any] = {"Username": registry_auth.user, "Secret": registry_auth.password}
    script = home / "docker-credential-test"
    script.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=":")
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text(json.dumps({"credHelpers": {registry_auth.host: "test"}}))
    reference = image(bench, registry_auth.host, "1", "a")
    assert push(PushRequest(references=[reference]), engine).pushed[0].digest.startswith("sha256:")
