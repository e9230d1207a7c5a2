"""The servers themselves: each starts, answers, and is gone afterwards, whoever asked for it and however that ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servers import fleet
from servers.launch import Command, Server, ServerFailedError, await_ready, serve, start, stop

SCRIPT = """
import http.server, sys
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
print("listening", flush=True)
server.serve_forever()
"""


def python_server(script: str = SCRIPT, **options: object) -> Server:
    """A small real server, or with another script one that is broken."""
    return Server(
        "sample",
        lambda: None,
        lambda _data, port: Command([sys.executable, "-c", script, str(port)]),
        ready="/",
        **options,
    )


def test_a_server_answers_inside_the_with_block_and_is_gone_after_it() -> None:
    with serve(python_server()) as url:
        await_ready(python_server(), url)
    with pytest.raises(ServerFailedError, match="said nothing"):
        await_ready(python_server(deadline=0.1), url)


def test_a_server_that_ends_at_once_shows_the_tail_of_its_log(tmp_path: Path) -> None:
    broken = python_server("raise SystemExit('no such config file')")
    with pytest.raises(ServerFailedError, match=r"sample ended at once\nno such config file"):
        start(broken, tmp_path / "s", owner=os.getpid())


def test_a_server_that_never_answers_fails_at_its_deadline_and_leaves_no_process(tmp_path: Path) -> None:
    script = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(ServerFailedError, match="not ready in 1 s") as failure:
        start(python_server(script, deadline=1), tmp_path / "s", owner=os.getpid())
    pid = int(str(failure.value).split("pid ")[1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_server_is_refused_with_the_reason() -> None:
    missing = Server("sample", lambda: "not installed", lambda _data, _port: Command([]), ready="/")
    with pytest.raises(ServerFailedError, match="sample: not installed"), serve(missing):
        pass


def test_a_server_gets_nothing_of_the_environment_but_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "users-own")
    with pytest.raises(ServerFailedError) as failure:
        start(python_server("import os; print(sorted(os.environ))"), tmp_path / "s", owner=os.getpid())
    assert "PATH" in str(failure.value)
    assert "AWS_SECRET" not in str(failure.value)


def test_the_guard_ends_the_server_and_its_children_when_the_owner_is_killed(tmp_path: Path) -> None:
    script = "import subprocess, sys\nsubprocess.Popen(['sleep', '600'])\n" + SCRIPT
    owner = subprocess.Popen(["sleep", "600"])
    started = start(python_server(script), tmp_path / "s", owner=owner.pid)
    end = os.pidfd_open(started.pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    os.waitpid(started.pid, 0)
    os.close(end)
    with pytest.raises(ServerFailedError):
        await_ready(python_server(deadline=0.1), started.url)
    assert not processes_of(tmp_path)


def processes_of(directory: Path) -> list[str]:
    """Command lines of the processes that work in `directory`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink().is_relative_to(directory):
                found.append((entry.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_stopping_twice_is_fine(tmp_path: Path) -> None:
    started = start(python_server(), tmp_path / "s", owner=os.getpid())
    stop(started.pid)
    stop(started.pid)


def test_two_processes_of_one_run_share_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fleet.SERVERS, "sample", python_server())
    first = fleet.Fleet.create(os.getpid(), {})
    second = fleet.Fleet(first.directory, first.owner, {})
    assert first.url("sample") == second.url("sample")
    first.stop()
    assert not first.directory.exists()


def test_a_failed_start_is_remembered_so_that_nobody_waits_for_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fleet.SERVERS, "sample", python_server("raise SystemExit('broken')"))
    ours = fleet.Fleet.create(os.getpid(), {})
    for _ in range(2):
        with pytest.raises(fleet.UnavailableError, match="sample ended at once\nbroken"):
            ours.url("sample")
    assert len(list(ours.directory.glob("sample"))) == 1
    ours.stop()


def test_a_server_given_by_the_environment_is_used_and_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fleet.SERVERS, "sample", python_server())
    with serve(python_server()) as url:
        ours = fleet.Fleet.create(os.getpid(), {"OPSCTL_TEST_SAMPLE": url})
        assert ours.url("sample") == url
        assert not (ours.directory / "sample").exists()
        ours.stop()


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("", set()),
        ("docker, gcs,", {"docker", "gcs"}),
        ("registry", {"registry", "registry-auth"}),
    ],
)
def test_required_servers_are_read_from_a_comma_list(text: str, required: set[str]) -> None:
    assert fleet.parse_required(text) == required


def test_a_required_server_with_a_typing_error_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown lokalstack; known: azurite, docker"):
        fleet.parse_required("docker,lokalstack")
