"""The client against an engine that lies, breaks off, hangs and dies; what a good engine does is in conformance/."""

import base64
import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Answer, Asked, FakeEngine, notes
from opsctl.docker.engine import Engine, connect
from opsctl.docker.model import ContainerSpec
from opsctl.errors import (
    ConfigError,
    DeniedError,
    InterruptedRunError,
    MissingToolError,
    NotFoundError,
    OpsctlError,
    TransientError,
    UsageError,
)
from opsctl.events import Event, Progress

DIGEST = "sha256:" + "d" * 64
OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64


@pytest.fixture
def engine(fake_engine: FakeEngine) -> Iterator[Engine]:
    with connect(fake_engine.url) as connected:
        yield connected


def image(id: str, *digests: str) -> dict[str, Any]:  # noqa: A002 - the engine calls it so
    return {"Id": id, "RepoTags": ["web:1"], "RepoDigests": list(digests), "Config": {}}


# Finding the engine.


def test_the_explicit_address_wins_over_the_environment(
    fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    with connect(fake_engine.url) as engine:
        assert engine.url == fake_engine.url
        assert engine.environment() == {"DOCKER_HOST": fake_engine.url, "DOCKER_CONTEXT": ""}


def test_docker_host_is_used(fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", fake_engine.url)
    with connect() as engine:
        assert engine.url == fake_engine.url


@pytest.mark.parametrize("by", ["variable", "config"])
def test_the_current_docker_context_is_used(
    fake_engine: FakeEngine, home: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    folder = home / ".docker/contexts/meta" / hashlib.sha256(b"lab").hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": "lab", "Metadata": {}, "Endpoints": {"docker": {"Host": fake_engine.url, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    (home / ".docker/config.json").write_text(json.dumps({"currentContext": "lab"} if by == "config" else {}))
    if by == "variable":
        monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    with connect() as engine:
        assert engine.url == fake_engine.url
        assert engine.environment() == {"DOCKER_CONTEXT": "lab"}
        assert engine.context == "lab"


def test_a_context_that_is_not_there_never_becomes_the_local_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "production")
    with pytest.raises(NotFoundError, match="'production' does not exist"):
        connect()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("unix:///no/such.sock", TransientError),
        ("tcp://127.0.0.1:1", TransientError),
        ("ssh://nobody@127.0.0.1", MissingToolError),
        ("nonsense://x", UsageError),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named_with_the_cure(url: str, error: type[OpsctlError]) -> None:
    with pytest.raises(error) as caught:
        connect(url)
    assert url in caught.value.message
    assert caught.value.hint


def test_what_answers_but_is_no_engine_is_named(fake_engine: FakeEngine) -> None:
    fake_engine.version = ""
    with pytest.raises(UsageError, match="not a Docker engine"):
        connect(fake_engine.url)


def test_an_engine_that_is_too_old_is_named(fake_engine: FakeEngine) -> None:
    fake_engine.version = "1.12"
    with pytest.raises(UsageError, match="too old"):
        connect(fake_engine.url)


def test_without_docker_on_the_machine_the_cure_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingToolError, match="not installed"):
        connect("unix:///no/such.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not open the socket")
def test_a_socket_that_may_not_be_opened_is_denied(fake_engine: FakeEngine) -> None:
    path = Path(fake_engine.url.removeprefix("unix://"))
    path.chmod(0o600)
    script = f"""
import os
import docker.context
from opsctl.docker.engine import connect
from opsctl.errors import DeniedError
os.setuid(65534)
try:
    connect({fake_engine.url!r})
except DeniedError as error:
    print(error.message, error.hint)
"""
    for folder in path.parents:
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "permission denied" in done.stdout, done.stderr
    assert "group docker" in done.stdout


@pytest.mark.parametrize("auth", ["!", "bm8tY29sb24="])
def test_a_broken_docker_config_is_named(fake_engine: FakeEngine, home: Path, auth: str) -> None:
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text(json.dumps({"auths": {"x": {"auth": auth}}}))
    with pytest.raises(ConfigError, match=r"config\.json"):
        connect(fake_engine.url)


def test_an_engine_that_dies_between_two_requests_is_transient(fake_engine: FakeEngine, engine: Engine) -> None:
    def die(asked: Asked) -> Answer:
        raise ConnectionError

    fake_engine.on("GET", "/containers/json", die)
    with pytest.raises(TransientError, match="does not answer"):
        engine.containers.find({"a": "b"})


def test_the_engine_clock_is_read_not_ours(engine: Engine) -> None:
    assert engine.time() == 1704164645.5


# Streams.


def test_a_pull_that_fails_in_the_stream_never_gives_the_old_local_image(
    fake_engine: FakeEngine, engine: Engine
) -> None:
    fake_engine.on("GET", "/images/.*/json", Answer(image(OLD)))
    failed = {"errorDetail": {"message": "unexpected EOF"}, "error": "unexpected EOF"}
    fake_engine.on("POST", "/images/create", lambda _: Answer(notes({"status": "Pulling"}, failed)))
    with pytest.raises(TransientError, match="unexpected EOF"):
        engine.images.pull("web:1")


def test_a_pull_that_ends_without_a_digest_is_refused(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("GET", "/images/.*/json", Answer(image(OLD)))
    fake_engine.on("POST", "/images/create", lambda _: Answer(notes({"status": "Pulling"})))
    with pytest.raises(TransientError, match="no digest"):
        engine.images.pull("web:1")


def test_a_pull_after_which_the_tag_is_still_the_old_image_is_refused(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("GET", "/images/.*/json", Answer(image(OLD)))
    fake_engine.on("GET", f"/images/web@{DIGEST}/json", Answer(image(NEW, f"web@{DIGEST}")))
    fake_engine.on("POST", "/images/create", lambda _: Answer(notes({"status": f"Digest: {DIGEST}"})))
    with pytest.raises(TransientError, match="another image"):
        engine.images.pull("web:1")


def test_a_pull_gives_the_image_of_the_digest_and_tells_the_bytes(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("GET", "/images/.*/json", Answer(image(NEW, f"web@{DIGEST}")))
    layers = [
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 10}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 5, "total": 5}},
        {"status": "Extracting", "id": "a", "progressDetail": {"current": 3, "total": 30}},
    ]
    end = {"status": f"Digest: {DIGEST}"}
    fake_engine.on("POST", "/images/create", lambda _: Answer(notes(*layers, end)))
    told: list[Event] = []
    assert engine.images.pull("web:1", told.append, span="x").id == NEW
    assert told == [Progress("x", 1, 10), Progress("x", 6, 15)]


def test_a_stream_that_breaks_off_is_no_success(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("GET", "/images/.*/json", Answer(image(NEW, f"web@{DIGEST}")))
    fake_engine.on("POST", "/images/create", lambda _: Answer(notes({"status": f"Digest: {DIGEST}"}), cut=True))
    with pytest.raises(TransientError):
        engine.images.pull("web:1")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("denied: requested access to the resource is denied", DeniedError),
        ("unauthorized: authentication required", DeniedError),
        ("no basic auth credentials", DeniedError),
        ("received unexpected HTTP status: 503 Service Unavailable", TransientError),
    ],
)
def test_a_push_that_fails_in_the_stream_fails(
    fake_engine: FakeEngine, engine: Engine, text: str, error: type[OpsctlError]
) -> None:
    failed = {"errorDetail": {"message": text}, "error": text}
    fake_engine.on("POST", "/images/.*/push", lambda _: Answer(notes({"status": "Preparing"}, failed)))
    with pytest.raises(error) as caught:
        engine.images.push("r.example.com/web:1")
    assert caught.value.message == f"push r.example.com/web:1: {text}"


def test_a_push_without_a_digest_fails(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("POST", "/images/.*/push", lambda _: Answer(notes({"status": "Pushed"})))
    with pytest.raises(TransientError, match="without a digest"):
        engine.images.push("web:1")


def test_a_followed_log_that_breaks_off_while_the_container_runs_is_no_end(
    fake_engine: FakeEngine, engine: Engine
) -> None:
    state = {"Id": "c", "Name": "/c", "State": {"Status": "running", "Running": True}, "Config": {"Tty": True}}
    fake_engine.on("GET", "/containers/c/json", Answer(state))
    fake_engine.on("GET", "/containers/c/logs", lambda _: Answer(iter([b"one\n"]), cut=True))
    lines = engine.containers.logs("c", follow=True)
    assert next(lines) == "one"
    with pytest.raises(TransientError, match="broke"):
        list(lines)


# Cancelling.


def endless(begun: threading.Event) -> Callable[[Asked], Answer]:
    def chunks() -> Iterator[bytes]:
        for number in itertools.count():
            yield b'{"status":"%d"}\r\n' % number
            begun.set()

    return lambda _: Answer(chunks())


def silent(begun: threading.Event, done: threading.Event) -> Callable[[Asked], Answer]:
    def chunks() -> Iterator[bytes]:
        yield b'{"status":"begin"}\r\n'
        begun.set()
        done.wait()

    return lambda _: Answer(chunks())


@pytest.mark.parametrize("talks", [True, False])
def test_cancel_ends_a_stream_from_another_thread(fake_engine: FakeEngine, engine: Engine, talks: bool) -> None:  # noqa: FBT001
    begun, done = threading.Event(), threading.Event()
    fake_engine.on("POST", "/images/create", endless(begun) if talks else silent(begun, done))
    canceller = threading.Thread(target=lambda: (begun.wait(), engine.cancel()))
    canceller.start()
    try:
        with pytest.raises(InterruptedRunError):
            engine.images.pull("web:1")
    finally:
        done.set()
        canceller.join()


def test_after_cancel_no_stream_opens_but_what_was_started_can_be_removed(
    fake_engine: FakeEngine, engine: Engine
) -> None:
    engine.cancel()
    with pytest.raises(InterruptedRunError):
        engine.images.pull("web:1")
    with pytest.raises(InterruptedRunError):
        engine.refuse_cancelled()
    fake_engine.on("DELETE", "/containers/c", Answer(status=204))
    engine.containers.remove("c")


def test_what_a_block_registers_is_called_by_cancel(engine: Engine) -> None:
    called = threading.Event()
    with pytest.raises(InterruptedRunError), engine.cancels(called.set):
        engine.cancel()
    assert called.is_set()


def test_a_stream_has_a_deadline(fake_engine: FakeEngine, engine: Engine) -> None:
    begun, done = threading.Event(), threading.Event()
    fake_engine.on("GET", "/containers/c/json", Answer({"Config": {"Tty": True}}))
    fake_engine.on("GET", "/containers/c/logs", silent(begun, done))
    try:
        with pytest.raises(TransientError, match="no end after"):
            list(engine.containers.logs("c", follow=True, timeout=0.05))
    finally:
        done.set()


# What is sent.


def test_secrets_go_in_as_variables_and_are_shown_nowhere(fake_engine: FakeEngine, engine: Engine) -> None:
    fake_engine.on("POST", "/containers/create", Answer({"Id": "c"}, status=201))
    spec = ContainerSpec(image="web:1", name="web", env={"A": "plain"}, secrets={"KEY": "hunter2"}, labels={"x": "y"})
    engine.containers.create(spec)
    sent = json.loads(fake_engine.asked[-1].body)
    assert sorted(sent["Env"]) == ["A=plain", "KEY=hunter2"]
    assert "hunter2" not in json.dumps({**sent, "Env": []}) + fake_engine.asked[-1].path + repr(spec)


def test_credentials_are_sent_to_their_registry_only(fake_engine: FakeEngine, engine: Engine, home: Path) -> None:
    (home / ".docker").mkdir()
    auth = base64.b64encode(b"me:secret").decode()
    (home / ".docker/config.json").write_text(json.dumps({"auths": {"r.example.com": {"auth": auth}}}))
    fake_engine.on("POST", "/images/.*/push", lambda _: Answer(notes({"aux": {"Digest": DIGEST}})))
    sent = {}
    for registry in ("r.example.com", "other.example.com"):
        engine.images.push(f"{registry}/web:1")
        header = fake_engine.asked[-1].headers["X-Registry-Auth"]
        sent[registry] = json.loads(base64.urlsafe_b64decode(header))
    assert sent["r.example.com"] == {"username": "me", "password": "secret", "serveraddress": "r.example.com"}
    assert sent["other.example.com"] == {}


def test_a_network_that_somebody_else_makes_at_the_same_time_is_taken(fake_engine: FakeEngine, engine: Engine) -> None:
    lists = iter([[{"Id": "x", "Name": "opsctl-more"}], [{"Id": "n", "Name": "opsctl"}]])
    fake_engine.on("GET", "/networks", lambda _: Answer(next(lists)))
    fake_engine.on(
        "POST", "/networks/create", Answer({"message": "network with name opsctl already exists"}, status=409)
    )
    engine.networks.ensure("opsctl")
    assert not [asked for asked in fake_engine.asked if asked.method == "DELETE"]
