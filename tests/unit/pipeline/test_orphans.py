"""What is read of processes that nobody of us started."""

from __future__ import annotations

import subprocess
from subprocess import PIPE

from opsctl.pipeline import orphans


def test_a_process_with_an_environment_that_is_no_text_is_read_all_the_same() -> None:
    # Right after exec the kernel shows no environment yet; once the program speaks, it is there.
    argv = ["/bin/sh", "-c", "echo up; read _"]
    with subprocess.Popen(argv, env={b"OPSCTL_STEP_ID": b"\xff"}, stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert orphans.variable(child.pid, "OPSCTL_STEP_ID") == "\udcff"
        child.kill()
