"""That a process is called gone only when it certainly is."""

import os
import subprocess
import sys
import textwrap
from typing import Any

import msgspec
import pytest

from opsctl.identity import current_identity, is_gone

NOBODY = 65534


@pytest.mark.parametrize(
    "changes",
    [{"boot": ""}, {"boot": "other"}, {"namespace": ""}, {"namespace": "pid:[1]"}, {"started": 0}],
    ids=["unknown-boot", "other-boot", "unknown-namespace", "other-container", "unknown-start"],
)
def test_a_process_that_cannot_be_seen_from_here_is_never_taken_for_dead(changes: dict[str, Any]) -> None:
    dead = msgspec.structs.replace(current_identity(), pid=2**22 + 1)
    assert is_gone(dead)
    assert not is_gone(msgspec.structs.replace(dead, **changes))


def test_a_process_id_that_is_used_again_is_not_the_holder() -> None:
    me = current_identity()
    assert not is_gone(me)
    assert is_gone(msgspec.structs.replace(me, started=me.started + 1))


def test_a_process_that_only_waits_to_be_noticed_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        started = msgspec.structs.replace(current_identity(), pid=child.pid, started=_started(child.pid))
        assert not is_gone(started)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(started)


def _started(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - as short as it gets
        return int(file.read().rpartition(")")[2].split()[19])


def elsewhere(code: str, *, setup: str) -> str:
    """Run Python in a mount and PID namespace of its own, after a setup in the shell, and return what it prints."""
    script = f"{setup} && exec {sys.executable} -c '{textwrap.dedent(code)}'"
    argv = ["unshare", "-mpf", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode and "unshare: " in done.stderr:
        pytest.skip("needs the right to make namespaces")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HIDING = "mount -t proc -o hidepid=2 proc /proc"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_live_process_that_proc_hides_from_us_is_not_gone() -> None:
    code = f"""
        import os, opsctl.identity as i
        mine = i.current_identity()
        if (child := os.fork()) == 0:
            os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
            assert not os.path.exists(f"/proc/{{os.getppid()}}/stat")
            os._exit(i.is_gone(mine))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert elsewhere(code, setup=HIDING) == "0"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
def test_where_proc_counts_processes_of_another_namespace_nothing_is_certain() -> None:
    code = """
        import opsctl.identity as i
        print(i.is_gone(i.current_identity()))
        import msgspec
        print(i.is_gone(msgspec.structs.replace(i.current_identity(), pid=2**22 + 1)))
    """
    assert elsewhere(code, setup="true").split() == ["False", "False"]
