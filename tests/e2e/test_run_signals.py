"""Ctrl-C and its like: steps are asked, then killed, and nothing of them survives."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.program import PROGRAM, Opsctl
from opsctl.deploy.model import Slot
from opsctl.deploy.records import Records
from opsctl.storage import open_store

DESCENDANTS = """\
      echo $$ >> pids
      sleep 1000 & echo $! >> pids
      setsid sleep 1000 & echo $! >> pids
      (setsid bash -c 'echo $$ >> pids; trap "" TERM; touch ready; while :; do sleep 0.05; done' &)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(opsctl: Opsctl, steps: str) -> subprocess.Popen[str]:
    (opsctl.cwd / "p.yaml").write_text(f"opsctl: 1\nsteps:\n{steps}")
    child = opsctl.start("run", "p.yaml", "--jobs", "2")
    until(lambda: (opsctl.cwd / "ready").exists() or child.poll() is not None)
    assert child.poll() is None, child.communicate()
    return child


def pids(directory: Path) -> list[int]:
    return [int(line) for line in (directory / "pids").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_step_and_what_they_started(opsctl: Opsctl, number: signal.Signals) -> None:
    child = start(
        opsctl,
        "  a:\n    run: |\n"
        + DESCENDANTS.replace('trap "" TERM; ', "")
        + "      trap 'echo cleaned up; exit 1' TERM\n      while :; do sleep 0.05; done\n"
        + "  b: {run: sleep 1000}\n  c: {needs: [b], run: touch marker}\n",
    )
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=30)
    assert child.returncode == 130
    assert stdout == ""
    assert "[a] cleaned up" in stderr
    assert "warning: stopping a, b" in stderr
    assert "[b] cancelled" in stderr
    assert "error: interrupted; every step has been stopped" in stderr
    assert not [pid for pid in pids(opsctl.cwd) if lives(pid)]
    assert not (opsctl.cwd / "marker").exists()
    (journal,) = opsctl.cwd.glob(".opsctl/runs/*/journal.jsonl")
    assert json.loads(journal.read_text().splitlines()[-1])["status"] == "cancelled"


def test_a_second_signal_kills_what_will_not_end(opsctl: Opsctl) -> None:
    child = start(
        opsctl, f"  a:\n    run: |\n{DESCENDANTS}      trap '' TERM INT\n      while :; do sleep 0.05; done\n"
    )
    child.send_signal(signal.SIGINT)
    assert child.stderr is not None
    while "stopping a" not in child.stderr.readline():
        pass
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "killing a" in stderr
    assert not [pid for pid in pids(opsctl.cwd) if lives(pid)]


def test_a_worker_is_stopped_too(opsctl: Opsctl) -> None:
    (opsctl.cwd / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: p\nenvironments: {e: {target: {type: bucket, url: file://r}}}\n"
        "services: {s: {artifact: {include: [x]}}}\n"
    )
    (opsctl.cwd / "x").write_text("x")
    waiting = "  a: {deploy: {service: s, env: e, lock_wait: 1h}}\n"
    ready = "until pgrep -P $PPID -f pipeline.worker > pids; do sleep 0.05; done; touch ready"
    store = open_store(f"file://{opsctl.cwd}/.opsctl")
    records = Records(store, Slot("p", "e", "s"))
    with closing(store), records.lock(purpose="test", wait=0, ttl=600):
        child = start(opsctl, f"{waiting}  b: {{run: '{ready}'}}\n")
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert "[a] cancelled" in stderr
    assert not [pid for pid in pids(opsctl.cwd) if lives(pid)]


def test_a_killed_run_leaves_a_journal_that_can_be_read(opsctl: Opsctl) -> None:
    endless = "  b: {needs: [a], run: 'echo $$ >> pids; touch ready; echo half; sleep 1000'}\n"
    child = start(opsctl, f"  a: {{run: 'echo $$ >> pids; echo done'}}\n{endless}")
    (run,) = opsctl.cwd.glob(".opsctl/runs/*")
    until((run / "logs" / "b.log").exists)
    child.kill()
    child.communicate()
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert [(event["event"], event.get("step", "")) for event in events] == [
        ("run.started", ""),
        ("step.started", "a"),
        ("step.finished", "a"),
        ("step.started", "b"),
    ]
    assert (run / "logs" / "b.log").read_text() == "half\n"
    for pid in pids(opsctl.cwd):
        if lives(pid):
            os.killpg(pid, signal.SIGKILL)


def test_ctrl_c_on_a_terminal_stops_the_steps_which_have_none(opsctl: Opsctl) -> None:
    (opsctl.cwd / "p.yaml").write_text("""\
opsctl: 1
steps:
  a: {run: '(exec 3</dev/tty) 2>/dev/null && echo has one || echo has none; touch ready; echo $$ >> pids; sleep 1000'}
""")
    # A pseudo terminal whose foreground job is opsctl; what is written to it is typed.
    argv = ["script", "-qec", f"{PROGRAM} run p.yaml --log-format plain --color never", "/dev/null"]
    with subprocess.Popen(
        argv, cwd=opsctl.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        until((opsctl.cwd / "ready").exists)
        until((opsctl.cwd / "pids").exists)
        stdout, _ = child.communicate("\x03", timeout=60)
    assert child.returncode == 130, stdout
    assert "[a] has none" in stdout
    assert not [pid for pid in pids(opsctl.cwd) if lives(pid)]
