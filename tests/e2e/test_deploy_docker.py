"""`opsctl deploy` to a Docker engine: what people see, and what goes wrong with containers."""

import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker.errors
import pytest

from deployment.wire import wire
from harness.program import Finished, Opsctl

UP = "echo $LEVEL > /www/index.html; httpd -p 8000 -h /www; trap 'exit 0' TERM; while :; do sleep 0.02; done"
HEALTHY = "{http: /, interval: 20ms, passes: 2, stable_for: 100ms, deadline: 20s}"


class Shop:
    """A project with one service, whose settings a test changes."""

    def __init__(self, opsctl: Opsctl, project: str, engine: str, client: Any) -> None:
        self.opsctl = opsctl
        self.project = project
        self.engine = engine
        self.client = client
        self.env = {"DOCKER_HOST": engine, "TOKEN": "the-secret-value"}

    def configure(
        self, *, level: str = "info", script: str = UP, health: str = HEALTHY, more: str = "", image: str = ""
    ) -> None:
        command = json.dumps(["sh", "-c", script])
        (self.opsctl.cwd / "opsctl.yaml").write_text(f"""\
opsctl: 1
project: {self.project}
environments:
  dev: {{target: {{type: docker}}}}
services:
  web:
    image: {image or "{name: opsctl-test/httpd, tags: [local]}"}
    command: {command}
    port: 8000
    env: {{LEVEL: {level}}}
    secrets: {{TOKEN: env:TOKEN}}
    health: {health}
    retain: 3
    {more}
""")

    def __call__(self, *words: str, check: bool = False, env: dict[str, str] | None = None) -> Finished:
        return self.opsctl("deploy", *words, "--env", "dev", check=check, env={**self.env, **(env or {})})

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.opsctl.start("deploy", *words, "--env", "dev", env=self.env)

    def containers(self) -> dict[int, Any]:
        found = self.client.containers.list(all=True, filters={"label": f"opsctl.project={self.project}"})
        return {int(container.labels["opsctl.release"]): container for container in found}

    def serving(self) -> str:
        """What the one container answers that carries the service's name on the live network."""
        live = f"opsctl_{self.project}_dev"
        (one,) = [
            container
            for container in self.containers().values()
            if live in container.attrs["NetworkSettings"]["Networks"]
        ]
        assert "web" in one.attrs["NetworkSettings"]["Networks"][live]["Aliases"]
        assert one.status == "running"
        end = one.attrs["NetworkSettings"]["Ports"]["8000/tcp"][0]
        return get(f"http://{end['HostIp']}:{end['HostPort']}")

    def history(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("history", "web", "-o", "json", check=True).stdout)
        return found

    def locked(self) -> bool:
        (status,) = json.loads(self("status", "web", "-o", "json", check=True).stdout)
        return bool(status["lock"])


def get(url: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


@pytest.fixture
def shop(opsctl: Opsctl, docker_project: str, docker_engine: str, docker_client: Any, small_image: str) -> Shop:
    assert small_image
    made = Shop(opsctl, docker_project, docker_engine, docker_client)
    made.configure()
    return made


def test_a_story_of_containers(shop: Shop) -> None:
    """Deploy, deploy the same, change a setting, roll back: one container serves at each moment."""
    first = shop("web", check=True)
    found = re.fullmatch(r"web@dev: release 1 serves at (http://127\.0\.0\.1:\d+)\n", first.stdout)
    assert found, first
    assert get(found[1]) == "info"
    before = shop.containers()[1].attrs["State"]["StartedAt"]
    assert "unchanged" in shop("web", check=True).stdout
    assert shop.containers()[1].attrs["State"]["StartedAt"] == before
    shop.configure(level="debug")
    plan = shop("plan", "web", check=True).stdout
    assert "env.LEVEL: info -> debug" in plan
    assert "retire" in plan
    shop("web", check=True)
    assert shop.serving() == "debug"
    assert {number: one.status for number, one in shop.containers().items()} == {1: "exited", 2: "running"}
    shop("rollback", "web", check=True)
    assert shop.serving() == "info"
    assert {number: one.status for number, one in shop.containers().items()} == {1: "running", 2: "exited"}
    assert shop.containers()[1].attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert [entry["status"] for entry in shop.history()] == ["active", "retired", "retired"]


def test_what_is_built_is_tested_before_it_starts(shop: Shop) -> None:
    """A failing check ends the deploy before the target is touched, with the code of a failed test."""
    (shop.opsctl.cwd / "Dockerfile").write_text("FROM opsctl-test/httpd:local\nCOPY greeting /www/greeting\n")
    (shop.opsctl.cwd / "greeting").write_text("hello")
    image = f"{{name: opsctl-test/{shop.project}}}"
    build = "build: {context: .}\n    test: [{run: grep hello /www/greeting}]"
    shop.configure(image=image, more=build)
    assert "undecided" not in shop("plan", "web", check=True).stdout
    done = shop("web", check=True)
    assert "build" in done.stderr
    assert "unchanged" in shop("web", check=True).stdout
    (shop.opsctl.cwd / "greeting").write_text("bye")
    assert "undecided, only the build can tell" in shop("plan", "web", check=True).stdout
    failed = shop("web")
    assert failed.code == 1, failed
    assert "grep hello /www/greeting" in failed.stderr
    assert shop.serving() == "info"
    assert list(shop.containers()) == [1]
    last = shop.history()[0]
    assert (last["status"], last["release"]["failure"]["stage"]) == ("failed", "test")


def test_a_pushed_image_can_be_rolled_back_to_when_the_engine_has_lost_it(shop: Shop, registry: str) -> None:
    (shop.opsctl.cwd / "Dockerfile").write_text("FROM opsctl-test/httpd:local\nCOPY greeting /www/greeting\n")
    image = f"{{name: {registry}/{shop.project}/web, tags: ['1']}}"
    for text in ("one", "two"):
        (shop.opsctl.cwd / "greeting").write_text(text)
        shop.configure(image=image, level=text, more="build: {context: .}")
        shop("web", check=True)
    first = shop.history()[1]["release"]["image"]
    assert first["digest"].startswith(f"{registry}/{shop.project}/web@sha256:")
    shop.containers()[1].remove(force=True)
    shop.client.images.remove(first["id"], force=True)
    done = shop("rollback", "web", check=True)
    assert "release 1 again" in done.stdout
    assert shop.serving() == "one"
    shop.client.images.remove(f"{registry}/{shop.project}/web:1", force=True)


def test_a_container_that_ends_at_once_is_told_at_once(shop: Shop) -> None:
    """Not at the deadline; with its last words and exit code; what ran is untouched."""
    shop("web", check=True)
    before = shop.containers()[1].attrs["State"]["StartedAt"]
    shop.configure(script="echo 'no database at $TOKEN'; echo $TOKEN; exit 3", health=HEALTHY.replace("20s", "600s"))
    done = shop("web")
    assert done.code == 8, done
    assert "exited with code 3" in done.stderr
    assert "no database at $TOKEN" in done.stderr
    assert "release 1 serves as before" in done.stderr
    assert "the-secret-value" not in done.stderr + done.stdout
    assert list(shop.containers()) == [1]
    assert shop.containers()[1].attrs["State"]["StartedAt"] == before
    failure = shop.history()[0]["release"]["failure"]
    assert (failure["exit_code"], failure["log"][-1]) == (3, "***")


def test_what_a_health_check_prints_shows_no_secret(shop: Shop) -> None:
    """Not on the terminal, in no record; also not encoded."""
    check = 'echo "db is $TOKEN"; echo "$TOKEN" | base64; exit 1'
    dockerfile = f"FROM opsctl-test/httpd:local\nHEALTHCHECK --interval=100ms --retries=1 CMD {check}\n"
    (shop.opsctl.cwd / "Dockerfile").write_text(dockerfile)
    health = "{interval: 20ms, passes: 1, stable_for: 0s, deadline: 2s}"
    shop.configure(image=f"{{name: opsctl-test/{shop.project}}}", more="build: {context: .}", health=health)
    done = shop("web", "--debug")
    assert done.code == 8, done
    assert "the image's health check says unhealthy: db is ***" in done.stderr
    records = b"".join(path.read_bytes() for path in (shop.opsctl.cwd / ".opsctl").rglob("*") if path.is_file())
    assert b"db is ***" in records
    for shown in ("the-secret-value", base64.b64encode(b"the-secret-value").decode()[:20]):
        assert shown not in done.stderr + done.stdout
        assert shown.encode() not in records


def test_a_container_that_is_never_healthy_fails_at_the_deadline(shop: Shop) -> None:
    shop("web", check=True)
    shop.configure(level="two", health="{http: /missing, interval: 20ms, passes: 1, stable_for: 0s, deadline: 1s}")
    done = shop("web")
    assert done.code == 8, done
    assert "not healthy after 1 s: GET /missing answered 404" in done.stderr
    assert list(shop.containers()) == [1]
    assert shop.serving() == "info"


def test_a_container_that_crashes_after_it_was_healthy_does_not_serve(shop: Shop) -> None:
    """Within the time of stability; no restart policy may hide it."""
    shop("web", check=True)
    crash = "httpd -p 8000 -h /www; sleep 0.7; echo crashed; exit 9"
    shop.configure(script=crash, health=HEALTHY.replace("100ms", "60s").replace("20s", "90s"))
    done = shop("web")
    assert done.code == 8, done
    assert "exited with code 9" in done.stderr
    assert "crashed" in done.stderr
    assert list(shop.containers()) == [1]


def test_a_restart_within_the_time_of_stability_is_a_crash(shop: Shop, docker_client: Any) -> None:
    """Somebody or something starts it again, and it looks healthy."""
    shop("web", check=True)
    shop.configure(level="two", health=HEALTHY.replace("100ms", "60s").replace("20s", "90s"))
    child = shop.start("web")
    _until(lambda: 2 in shop.containers() and shop.containers()[2].status == "running")
    while child.poll() is None:  # a restart before the first probe is one that nobody can see
        with contextlib.suppress(docker.errors.APIError, KeyError):
            shop.containers()[2].restart(timeout=0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(3)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 8, stderr
    assert "crashed and was started again" in stderr or "exited with code" in stderr
    assert shop.serving() == "info"


def test_the_first_deploy_that_fails_leaves_nothing(shop: Shop) -> None:
    shop.configure(script="exit 1")
    done = shop("web")
    assert done.code == 8
    assert "nothing serves: it was the first release" in done.stderr
    assert shop.containers() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_is_undone(shop: Shop, number: signal.Signals) -> None:
    """What ran serves, what is new is gone, the lock is free, and the exit code is 130."""
    shop("web", check=True)
    shop.configure(level="two", health=HEALTHY.replace("100ms", "60s").replace("20s", "90s"))
    child = shop.start("web")
    _until(lambda: 2 in shop.containers() and shop.containers()[2].status == "running")
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert stdout == ""
    assert "release 1 serves as before" in stderr
    assert "Traceback" not in stderr
    assert list(shop.containers()) == [1]
    assert shop.serving() == "info"
    assert not shop.locked()
    assert shop.history()[0]["release"]["failure"]["kind"] == "interrupted"


def test_a_second_deploy_fails_at_once(shop: Shop) -> None:
    """It does not wait unless it is told to."""
    shop.configure(health=HEALTHY.replace("100ms", "60s").replace("20s", "90s"))
    child = shop.start("web")
    _until(lambda: bool(shop.containers()))
    done = shop("web")
    assert done.code == 10, done
    assert f"(pid {child.pid})" in done.stderr
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)


def test_a_killed_deploy_is_taken_over(shop: Shop) -> None:
    """The real program, killed between start and switch."""
    shop("web", check=True)
    shop.configure(level="two", health=HEALTHY.replace("100ms", "60s").replace("20s", "90s"))
    child = shop.start("web")
    _until(lambda: 2 in shop.containers() and shop.containers()[2].status == "running")
    child.kill()
    child.communicate()
    status = shop("status", "web", check=True).stdout
    assert "release 2 is unfinished at" in status
    assert "its process is gone" in status
    shop.configure(level="three")
    done = shop("web", check=True)
    assert "its process is gone" in done.stderr
    assert "release 2 of web@dev was left unfinished at" in done.stderr
    assert shop.serving() == "three"
    assert sorted(shop.containers()) == [1, 3]
    assert [entry["status"] for entry in shop.history()] == ["active", "failed", "retired"]


def test_a_name_that_is_taken_is_told_and_nothing_happens(shop: Shop) -> None:
    shop("web", check=True)
    taken = shop.client.containers.create("opsctl-test/httpd:local", ["sh"], name=f"{shop.project}_web_dev_2")
    try:
        shop.configure(level="two")
        done = shop("web")
        assert done.code == 8, done
        assert f"the name {shop.project}_web_dev_2 is taken" in done.stderr
        assert shop.serving() == "info"
        assert shop.client.containers.get(taken.id).status == "created"
    finally:
        taken.remove()


def test_an_image_that_is_nowhere_is_told(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = shop("web", "--image", f"127.0.0.1:{port}/nothing/web:1")
    assert done.code == 6, done
    assert shop.containers() == {}


def test_an_image_can_be_deployed_as_it_is(shop: Shop, registry: str) -> None:
    """Pulled when the registry has something else under the tag than the engine."""
    reference = f"{registry}/{shop.project}/web:1"
    shop.client.images.get("opsctl-test/httpd:local").tag(reference)
    shop.client.images.push(reference)
    shop.client.images.remove(reference)
    done = shop("web", "--image", reference, "--version", "1.0", check=True)
    assert "pull" in done.stderr
    assert "release 1 (1.0) serves" in done.stdout
    assert "unchanged" in shop("web", "--image", reference, check=True).stdout
    assert shop.history()[0]["release"]["image"]["ref"] == reference
    shop.client.images.remove(reference)


def test_an_engine_that_does_not_answer_is_told_before_anything_happens(shop: Shop) -> None:
    done = shop("web", env={"DOCKER_HOST": f"unix://{shop.opsctl.cwd}/nothing.sock"})
    assert done.code == 6, done
    assert "does not answer" in done.stderr
    assert not (shop.opsctl.cwd / ".opsctl").exists()


@pytest.mark.parametrize("stage", ["health", "switch"])
def test_an_engine_that_goes_away_leaves_a_deploy_that_can_be_recovered(shop: Shop, stage: str, tmp_path: Path) -> None:
    """Nobody can know what runs: exit code 12, the way to recover, and an open journal."""
    shop("web", check=True)
    shop.configure(level="two")
    with wire(shop.engine, tmp_path / "s") as between:
        between.cut_at(f"/networks/opsctl_{shop.project}_dev/connect" if stage == "switch" else "/start")
        done = shop("web", env={"DOCKER_HOST": between.url})
    assert done.code == 12, done
    assert "its state is unknown" in done.stderr
    assert "`opsctl deploy web --env dev` finishes or undoes it" in done.stderr
    assert "release 2 is being undone" in shop("status", "web", check=True).stdout
    shop("web", check=True)
    assert shop.serving() == "two"
    assert sorted(shop.containers()) == [1, 3]
    assert not shop.locked()


def test_a_container_without_memory_is_told_so(shop: Shop) -> None:
    shop.configure(script="tail /dev/zero", health=HEALTHY, more="resources: {memory: 8MiB}")
    done = shop("web")
    assert done.code == 8, done
    assert "out of memory" in done.stderr
    assert shop.history()[0]["release"]["failure"]["oom_killed"]


def test_a_missing_secret_is_told_before_anything_happens(shop: Shop) -> None:
    shop.env.pop("TOKEN")
    done = shop("web")
    assert done.code == 4, done
    assert "secret env:TOKEN: the variable is not set" in done.stderr
    assert shop.containers() == {}


def test_a_secret_too_short_to_be_masked_is_told_before_anything_happens(shop: Shop) -> None:
    done = shop("web", env={"TOKEN": "abc"})
    assert done.code == 3, done
    assert "secret TOKEN has no line of 4 characters, so it cannot be hidden" in done.stderr
    assert shop.containers() == {}


def test_a_secret_with_another_value_is_deployed(shop: Shop) -> None:
    """Nothing derived from the value is kept anywhere; the running container is asked."""
    shop("web", check=True)
    shop.env["TOKEN"] = "another-value"
    done = shop("web", check=True)
    assert "release 2 serves" in done.stdout
    assert "TOKEN=another-value" in shop.containers()[2].attrs["Config"]["Env"]
    kept = [path.read_bytes() for path in Path(shop.opsctl.cwd, ".opsctl").rglob("*") if path.is_file()]
    labels = json.dumps([one.labels for one in shop.containers().values()]).encode()
    for value in (b"another-value", b"the-secret-value"):
        assert not any(value in text for text in [*kept, labels, done.stdout.encode(), done.stderr.encode()])


def test_drift_is_shown_and_repaired(shop: Shop) -> None:
    shop("web", check=True)
    shop.containers()[1].stop(timeout=0)
    down = shop("status", "web")
    assert down.code == 1
    assert "NOT SERVING" in down.stdout
    assert "release 1 should serve" in down.stdout
    assert "drift: container" in down.stdout
    shop.containers()[1].remove()
    gone = shop("status", "web")
    assert (gone.code, "NOT SERVING" in gone.stdout) == (1, True)
    assert "release 2 serves" in shop("web", check=True).stdout
    assert shop.serving() == "info"


def test_an_open_connection_survives_the_switch(shop: Shop) -> None:
    """People, and a proxy to come, are connected through the loopback port: connecting networks must not move it."""
    done = json.loads(shop("web", "-o", "json", check=True).stdout)
    with socket.create_connection(("127.0.0.1", urlsplit(done["url"]).port), timeout=30) as open_one:
        open_one.sendall(b"GET / HTTP/1.0\r\n")
        live = shop.client.networks.get(f"opsctl_{shop.project}_dev")
        live.disconnect(shop.containers()[1].id)
        live.connect(shop.containers()[1].id, aliases=["web"])
        open_one.sendall(b"\r\n")
        assert b"200 OK" in open_one.recv(4096)
    assert shop.serving() == "info"


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
