"""Run a server for as long as its owner lives: `python guard.py OWNER_PID DIRECTORY PROGRAM [ARGUMENT...]`.

A test run that is killed cannot clean up after itself, so each server has this parent of its own. It ends the server's
whole process group when it is told to (SIGTERM), and when the owner is gone for whatever reason. Standard library
only: it starts in some 15 ms.
"""

import os
import select
import signal
import subprocess
import sys

GRACE_SECONDS = 5


def main(owner: int, directory: str, command: list[str]) -> int:
    """Run `command` in `directory` until it, or the process `owner`, ends; returns its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    owner_end = os.pidfd_open(owner)
    server = subprocess.Popen(command, cwd=directory, process_group=0)
    try:
        select.select([owner_end, os.pidfd_open(server.pid)], [], [])
    finally:
        end(server)
    return server.returncode


def end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: asked first, killed after the grace time."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, order)
            server.wait(GRACE_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    server.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
