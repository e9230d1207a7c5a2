"""Children: what they print arrives, they end when they should, and nothing of them survives."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsctl.errors import DeniedError, MissingToolError, StepFailedError
from opsctl.pipeline.child import Ended, Launch
from opsctl.pipeline.interrupts import Interrupts
from opsctl.pipeline.processes import Children

OWNER = "OPSCTL_TEST_STEP"


class Host:
    """Runs scripts and remembers what came of them."""

    def __init__(self, children: Children, cwd: Path) -> None:
        self.children = children
        self.cwd = cwd
        self.output: dict[tuple[str, str], bytes] = {}
        self.ended: dict[str, Ended] = {}

    def start(
        self,
        key: str,
        script: str,
        *,
        merged: bool = True,
        stdin: bytes | None = None,
        timeout: float | None = None,
        grace: float = 10.0,
    ) -> None:
        env = {"PATH": os.environ["PATH"], OWNER: key}
        argv = ("bash", "-c", script)
        self.children.start(key, Launch(argv, env, self.cwd, stdin, merged, timeout, grace))

    def run(self, key: str, script: str, **options: object) -> Ended:
        self.start(key, script, **options)  # type: ignore[arg-type] # the options of start
        return self.wait(key)

    def wait(self, key: str) -> Ended:
        while key not in self.ended:
            self.children.turn()
        return self.ended[key]

    def wait_for(self, text: bytes, key: str) -> None:
        while text not in self.output.get((key, "stdout"), b""):
            self.children.turn()


@contextmanager
def hosting(cwd: Path, **options: float) -> Iterator[Host]:
    def receive(key: str, stream: str, chunk: bytes) -> None:
        host.output[key, stream] = host.output.get((key, stream), b"") + chunk

    def finish(key: str, ended: Ended) -> None:
        host.ended[key] = ended

    with Children(receive, finish, owner=OWNER, **options) as children:
        host = Host(children, cwd)
        yield host


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pids_in(data: bytes) -> list[int]:
    return [int(word) for word in data.split() if word.isdigit()]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_output_of_both_streams_keeps_its_order_in_one_pipe(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        ended = host.run("a", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 7")
    assert host.output == {("a", "stdout"): b"out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"}
    assert (ended.code, ended.timed_out, ended.stopped, ended.left_behind) == (7, False, False, False)


def test_streams_are_kept_apart_on_demand(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        host.run("a", "echo out; echo err >&2", merged=False)
    assert host.output == {("a", "stdout"): b"out\n", ("a", "stderr"): b"err\n"}


def test_a_child_reads_what_it_is_given_and_else_nothing(tmp_path: Path) -> None:
    big = b"x" * 300_000
    with hosting(tmp_path) as host:
        host.run("a", "wc -c", stdin=big)
        host.run("b", "wc -c")
    assert host.output["a", "stdout"].strip() == b"300000"
    assert host.output["b", "stdout"].strip() == b"0"


def test_megabytes_of_output_arrive_whole(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        host.run("a", "head -c 5000000 /dev/zero")
    assert len(host.output["a", "stdout"]) == 5_000_000


def test_a_child_ended_by_a_signal_has_a_negative_code(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        assert host.run("a", "kill -SEGV $$").code == -signal.SIGSEGV


def test_many_children_run_side_by_side(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        for index in range(20):
            host.start(f"c{index}", f"echo {index}")
        for index in range(20):
            host.wait(f"c{index}")
    assert sorted(int(data) for data in host.output.values()) == list(range(20))


def test_what_cannot_start_leaves_nothing_open(tmp_path: Path) -> None:
    before = open_files()
    with hosting(tmp_path) as host:
        inside = open_files()
        with pytest.raises(MissingToolError):
            host.children.start("a", Launch(("no-such-program",), {}, tmp_path))
        with pytest.raises(StepFailedError, match="does not exist"):
            host.children.start("a", Launch(("bash",), {"PATH": os.environ["PATH"]}, tmp_path / "nowhere"))
        (tmp_path / "plain").write_text("no program")
        with pytest.raises(DeniedError, match="may not be run"):
            host.children.start("a", Launch((str(tmp_path / "plain"),), {}, tmp_path))
        assert open_files() == inside
        assert not len(host.children)
    assert open_files() == before


def test_a_timeout_stops_the_whole_group(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        ended = host.run("a", "sleep 1000 & echo $!; sleep 1000", timeout=0.3)
    assert (ended.code, ended.timed_out, ended.stopped) == (-signal.SIGTERM, True, False)
    assert not [pid for pid in pids_in(host.output["a", "stdout"]) if lives(pid)]


def test_a_child_may_clean_up_when_it_is_asked_to_end(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        host.start("a", "trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
        host.wait_for(b"ready", "a")
        host.children.terminate()
        ended = host.wait("a")
    assert (ended.code, ended.stopped) == (3, True)
    assert b"cleaned" in host.output["a", "stdout"]


def test_a_child_that_will_not_end_is_killed_after_the_grace(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        host.start("a", "trap '' TERM; echo ready; while :; do sleep 0.01; done", grace=0.2)
        host.wait_for(b"ready", "a")
        host.children.terminate()
        assert host.wait("a").code == -signal.SIGKILL


def test_kill_reaches_what_ignores_everything_in_a_session_of_its_own(tmp_path: Path) -> None:
    script = "setsid bash -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 0.01; done' & echo $!; wait"
    with hosting(tmp_path) as host:
        host.start("a", script)
        until(lambda: (host.children.turn(), len(pids_in(host.output.get(("a", "stdout"), b""))) == 2)[1])
        host.children.kill()
        host.wait("a")
    pids = pids_in(host.output["a", "stdout"])
    assert len(pids) == 2
    assert not [pid for pid in pids if lives(pid)]


def test_a_background_job_is_ended_with_its_step(tmp_path: Path) -> None:
    with hosting(tmp_path, linger=0.1) as host:
        ended = host.run("a", "sleep 1000 >/dev/null 2>&1 & echo $!")
    assert (ended.code, ended.left_behind) == (0, True)
    assert not [pid for pid in pids_in(host.output["a", "stdout"]) if lives(pid)]


@pytest.mark.parametrize("script", ["setsid sleep 1000 & echo $!", "(setsid bash -c 'echo $$; exec sleep 1000' &)"])
def test_a_daemon_is_ended_with_its_step(tmp_path: Path, script: str) -> None:
    with hosting(tmp_path, linger=0.1) as host:
        ended = host.run("a", script)
    assert (ended.code, ended.left_behind) == (0, True)
    pids = pids_in(host.output["a", "stdout"])
    assert pids
    assert not [pid for pid in pids if lives(pid)]


def test_a_filter_behind_the_output_may_finish(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        ended = host.run("a", "exec > >(sleep 0.1; cat; echo done); echo hello")
    assert host.output["a", "stdout"] == b"hello\ndone\n"
    assert not ended.left_behind


def test_an_orphan_of_one_step_does_not_end_with_another(tmp_path: Path) -> None:
    with hosting(tmp_path, linger=0.1) as host:
        host.start("a", "(setsid sleep 1000 & echo $!); read -t 1000 _ < <(sleep 1000)")
        host.wait_for(b"\n", "a")
        (daemon,) = pids_in(host.output["a", "stdout"])
        assert not host.run("b", "true").left_behind
        assert lives(daemon)
        host.children.kill()
        host.wait("a")
        until(lambda: not lives(daemon))


def test_a_daemon_without_its_environment_is_ended_at_the_end_of_the_run(tmp_path: Path) -> None:
    with hosting(tmp_path, linger=0.1) as host:
        host.run("a", "env -i setsid sleep 1000 & echo $!")
    assert not [pid for pid in pids_in(host.output["a", "stdout"]) if lives(pid)]


def test_an_error_in_the_bookkeeping_leaves_no_child(tmp_path: Path) -> None:
    def receive(key: str, stream: str, chunk: bytes) -> None:
        pids.extend(pids_in(chunk))
        raise OSError("disk full")

    def run() -> None:
        with Children(receive, lambda *_: None, owner=OWNER) as children:
            children.start("a", Launch(("bash", "-c", "echo $$; exec sleep 1000"), dict(os.environ), tmp_path))
            while True:
                children.turn()

    pids: list[int] = []
    with pytest.raises(OSError, match="disk full"):
        run()
    assert pids
    assert not [pid for pid in pids if lives(pid)]


def test_without_pidfd_a_thread_tells_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with hosting(tmp_path) as host:
        assert host.run("a", "echo hi; exit 4").code == 4
        assert host.run("b", "sleep 1000", timeout=0.1).timed_out
    assert host.output["a", "stdout"] == b"hi\n"


def test_children_work_outside_the_main_thread(tmp_path: Path) -> None:
    def work() -> None:
        with hosting(tmp_path, linger=0.1) as host:
            results.append(host.run("a", "echo hi; sleep 1000 & exit 5"))

    results: list[Ended] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (results[0].code, results[0].left_behind) == (5, True)


def test_timers_of_children_that_are_over_do_not_pile_up(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        for index in range(150):
            host.run(f"c{index}", ":", timeout=3600)
        assert len(host.children._timers) < 110


def test_signals_are_counted_and_wake_the_loop(tmp_path: Path) -> None:
    old = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts, hosting(tmp_path) as host:
        host.children.watch(interrupts.fileno())
        host.start("a", f"kill -TERM {os.getpid()}; exec sleep 1000")
        while not interrupts.count:
            host.children.turn()
        interrupts.drain()
        host.children.kill()
        host.wait("a")
    assert interrupts.count == 1
    assert signal.getsignal(signal.SIGTERM) is old


def test_an_ignored_signal_stays_ignored() -> None:
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGHUP, old)
