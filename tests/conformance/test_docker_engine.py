"""The client on a real engine: what containers, images, networks and files do there."""

import contextlib
import io
import secrets
import tarfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.images import Workbench
from opsctl.docker.engine import Engine, connect
from opsctl.docker.model import ContainerSpec, PortBinding
from opsctl.errors import (
    ConflictError,
    InterruptedRunError,
    NotFoundError,
    StepFailedError,
    TransientError,
    UsageError,
)


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with connect(docker_engine) as connected:
        yield connected


@pytest.fixture
def label(bench: Workbench) -> dict[str, str]:
    return {"opsctl-test": bench.name}  # what the bench removes


def spec(bench: Workbench, *command: str, **changes: Any) -> ContainerSpec:
    given = {"image": bench.base, "command": command, "labels": {"opsctl-test": bench.name}}
    return ContainerSpec(**{**given, **changes})


@pytest.fixture
def network(engine: Engine, bench: Workbench) -> Iterator[str]:
    name = f"opsctl-test-{secrets.token_hex(4)}"
    yield name
    bench.clean()  # a network that is in use stays
    engine.networks.remove(name)


def test_versions_and_the_clock_are_those_of_the_engine(engine: Engine, docker_client: Any) -> None:
    assert engine.version() == docker_client.version()["Version"]
    assert engine.api_version == docker_client.version()["ApiVersion"]
    assert engine.time() > 1_700_000_000


def test_a_container_lives_from_create_to_remove(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "sleep", "600"))
    state = engine.containers.inspect(made)
    assert (state.status, state.running, state.started_at, state.exit_code) == ("created", False, "", None)
    engine.containers.start(made)
    engine.containers.start(made)
    state = engine.containers.inspect(made)
    assert (state.status, state.running, state.restart_count) == ("running", True, 0)
    assert state.started_at
    engine.containers.stop(made, grace=0)
    engine.containers.stop(made)
    state = engine.containers.inspect(made)
    assert (state.status, state.exit_code, state.oom_killed) == ("exited", 137, False)
    engine.containers.remove(made)
    engine.containers.remove(made)
    engine.containers.stop(made)
    engine.containers.kill(made)
    with pytest.raises(NotFoundError):
        engine.containers.inspect(made)


def test_a_name_is_given_once(engine: Engine, bench: Workbench) -> None:
    name = bench.name.replace("/", "-")
    made = engine.containers.create(spec(bench, "true", name=name))
    with pytest.raises(ConflictError, match=name):
        engine.containers.create(spec(bench, "true", name=name))
    other = engine.containers.create(spec(bench, "true"))
    with pytest.raises(ConflictError):
        engine.containers.rename(other, name)
    engine.containers.rename(made, f"{name}-old")
    engine.containers.rename(other, name)
    assert engine.containers.inspect(other).name == name


def test_what_is_not_in_the_engine_is_not_pulled(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        engine.containers.create(ContainerSpec(image="opsctl-test/nowhere:1", command=["x"]))
    with pytest.raises(NotFoundError, match="not in the engine"):
        engine.images.inspect("opsctl-test/nowhere:1")
    assert not engine.images.exists("opsctl-test/nowhere:1")


def test_a_command_that_cannot_be_executed_is_a_failed_step(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "/no/such/program"))
    with pytest.raises(StepFailedError, match="no such file"):
        engine.containers.start(made)
    assert engine.containers.inspect(made).status == "created"


def test_env_secrets_limits_and_restarts_reach_the_process(
    engine: Engine, bench: Workbench, docker_client: Any
) -> None:
    script = "echo $PLAIN-$KEY; cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true; exit 3"
    wanted = spec(
        bench,
        *("sh", "-c", script),
        env={"PLAIN": "a"},
        secrets={"KEY": "b"},
        memory=64 << 20,
        cpus=0.5,
        restart="on-failure",
        read_only=True,
        user="1000",
    )
    made = engine.containers.create(wanted)
    config = docker_client.api.inspect_container(made)
    host = config["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["ReadonlyRootfs"]) == (64 << 20, 500_000_000, True)
    assert host["RestartPolicy"]["Name"] == "on-failure"
    assert config["Config"]["User"] == "1000"
    assert "b" not in config["Config"]["Labels"].values()
    assert "KEY=b" in config["Config"]["Env"]


def test_logs_come_in_lines_from_a_place_on_and_while_it_runs(engine: Engine, bench: Workbench) -> None:
    script = "echo one; echo two >&2; printf 'thr'; sleep 0.1; echo 'ee é'; printf last"
    made = engine.containers.create(spec(bench, "sh", "-c", script))
    engine.containers.start(made)
    followed = list(engine.containers.logs(made, follow=True))
    assert sorted(followed) == sorted(["one", "two", "three é", "last"])
    assert followed[-1] == "last"  # the engine had closed the stream before it
    assert list(engine.containers.logs(made, tail=1)) == ["last"]
    assert list(engine.containers.logs(made, since=engine.time() + 60)) == []
    assert engine.containers.wait(made, timeout=60) == 0


def test_waiting_has_an_end(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "sleep", "600"))
    engine.containers.start(made)
    with pytest.raises(TransientError, match="no end after"):
        engine.containers.wait(made, timeout=0.1)
    threading.Timer(0.1, engine.cancel).start()
    with pytest.raises(InterruptedRunError):
        engine.containers.wait(made, timeout=60)
    engine.containers.remove(made)  # goes on working


def test_commands_run_in_a_running_container(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "sleep", "600"))
    with pytest.raises(ConflictError):
        engine.containers.exec(made, ["true"])
    engine.containers.start(made)
    done = engine.containers.exec(
        made, ["sh", "-c", "echo $A; id -u; pwd; exit 4"], env={"A": "a b"}, user="7", workdir="/bin"
    )
    assert (done.code, done.output) == (4, b"a b\n7\n/bin\n")
    with pytest.raises(TransientError, match="no end after"):
        engine.containers.exec(made, ["sleep", "600"], timeout=0.2)


def test_ports_are_published_on_the_loopback_and_taken_once(engine: Engine, bench: Workbench) -> None:
    first = engine.containers.create(
        spec(bench, "sleep", "600", ports=[PortBinding(80), PortBinding(53, protocol="udp")])
    )
    engine.containers.start(first)
    ports = engine.containers.inspect(first).ports
    assert ports.keys() == {"80/tcp", "53/udp"}
    address, port = ports["80/tcp"]
    assert address == "127.0.0.1"
    second = engine.containers.create(spec(bench, "sleep", "600", ports=[PortBinding(80, host=port)]))
    with pytest.raises(ConflictError, match=r"allocated|in use"):
        engine.containers.start(second)


def test_containers_are_found_by_labels_also_when_they_have_ended(engine: Engine, bench: Workbench) -> None:
    labels = {"opsctl-test": bench.name}
    made = [engine.containers.create(spec(bench, "sleep", "600", labels={**labels, "n": n})) for n in "ab"]
    engine.containers.start(made[1])
    assert [state.id for state in engine.containers.find(labels)] == made
    assert [state.id for state in engine.containers.find({**labels, "n": "a"})] == made[:1]
    assert [state.id for state in engine.containers.find({**labels, "n": ""})] == made
    assert [state.id for state in engine.containers.find(labels, running_only=True)] == made[1:]
    assert {state.id for state in engine.containers.of_image(bench.base)} >= set(made)


def test_files_go_into_and_out_of_a_container_that_never_ran(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "true"))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("srv/state")
        entry.size, entry.mode = 5, 0o4640
        archive.addfile(entry, io.BytesIO(b"hello"))
    engine.containers.put_archive(made, "/", data.getvalue())
    found = engine.containers.stat(made, "/srv/state")
    assert (found.kind, found.mode, found.size) == ("file", 0o4640, 5)
    with engine.containers.open_archive(made, "/srv") as archive:
        assert [member.name for member in archive] == ["srv", "srv/state"]
    link = engine.containers.stat(made, "/bin/sh")
    assert (link.kind, link.target) == ("symlink", "/bin/busybox")
    for missing in ("/srv/none", "/srv/state/below"):
        with pytest.raises(NotFoundError):
            engine.containers.stat(made, missing)


def test_networks_give_names_and_are_made_once(engine: Engine, bench: Workbench, network: str) -> None:
    engine.networks.ensure(network)
    made = engine.networks.find(network)
    engine.networks.ensure(network)
    assert engine.networks.find(network) == made
    first = engine.containers.create(spec(bench, "sleep", "600", network=network, aliases=["web"]))
    engine.containers.start(first)
    assert network in engine.containers.inspect(first).addresses
    second = engine.containers.create(spec(bench, "sleep", "600"))
    engine.containers.start(second)
    engine.networks.connect(network, second, aliases=["other"])
    assert engine.containers.exec(second, ["nslookup", "web"]).code == 0
    assert engine.containers.exec(first, ["nslookup", "other"]).code == 0
    with pytest.raises(ConflictError):
        engine.networks.connect(network, second)
    with pytest.raises(ConflictError, match="endpoints"):
        engine.networks.remove(network)
    engine.networks.disconnect(network, second)
    engine.networks.disconnect(network, second)
    assert engine.containers.exec(second, ["nslookup", "web"]).code != 0
    engine.containers.remove(first)
    engine.networks.remove(network)
    engine.networks.remove(network)
    assert engine.networks.find(network) == ""


def test_racing_makers_of_a_network_leave_one(docker_engine: str, engine: Engine, network: str) -> None:
    def make() -> None:
        with connect(docker_engine) as own:
            own.networks.ensure(network)

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(engine.call("networks", lambda api: api.networks(names=[network]))) == 1


def test_of_two_networks_of_one_name_the_one_in_use_is_kept(engine: Engine, bench: Workbench, network: str) -> None:
    old, new = (engine.call("networks", lambda api: api.create_network(network))["Id"] for _ in range(2))
    made = engine.containers.create(spec(bench, "sleep", "600"))
    engine.containers.start(made)
    engine.networks.connect(new, made)
    engine.networks.ensure(network)
    assert engine.networks.find(network) == new != old


def test_tags_move_and_go(engine: Engine, bench: Workbench) -> None:
    engine.images.tag(bench.base, bench.tag("a"))
    base = engine.images.inspect(bench.base)
    assert bench.tag("a") in base.tags
    assert engine.images.inspect(bench.tag("a")).id == base.id
    with pytest.raises(UsageError):
        engine.images.tag(bench.base, "Upper:case")
    with pytest.raises(NotFoundError):
        engine.images.tag("opsctl-test/nowhere:1", bench.tag("b"))
    engine.images.remove(bench.tag("a"))
    engine.images.remove(bench.tag("a"))
    assert not engine.images.exists(bench.tag("a"))
    assert engine.images.exists(bench.base)


def test_an_image_in_use_is_not_removed(engine: Engine, bench: Workbench) -> None:
    root = bench.context("FROM BASE\nLABEL x=y\n")
    image, _ = bench.client.images.build(path=str(root), tag=bench.tag("used"), rm=True)
    made = engine.containers.create(spec(bench, "true", image=image.id))
    with pytest.raises(ConflictError):
        engine.images.remove(bench.tag("used"))
    engine.containers.remove(made)
    engine.images.remove(bench.tag("used"))
    assert not engine.images.exists(image.id)


def test_cancel_ends_a_followed_log(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "sh", "-c", "echo begun; exec sleep 600"))
    engine.containers.start(made)
    lines = engine.containers.logs(made, follow=True)
    assert next(lines) == "begun"
    engine.cancel()
    with pytest.raises(InterruptedRunError):
        list(lines)


def test_leaving_a_followed_log_early_closes_its_connection(engine: Engine, bench: Workbench) -> None:
    made = engine.containers.create(spec(bench, "sh", "-c", "echo begun; exec sleep 600"))
    engine.containers.start(made)
    with contextlib.closing(engine.containers.logs(made, follow=True)) as lines:
        assert next(lines) == "begun"
    assert engine.containers.inspect(made).running
