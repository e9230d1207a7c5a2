"""Which process this is, precisely enough that another one can tell for certain that it is gone.

A process id alone is used again. Together with the boot of the machine, the PID namespace (containers of one host
share the boot, not the numbers) and the time the process started it names one process only. Read from proc(5); where
that is missing, hides processes (`hidepid`) or counts those of another namespace, nothing is ever certain, and only
a lease or a deadline counts.
"""

from __future__ import annotations

import functools
import getpass
import os
import socket
from pathlib import Path

import msgspec

__all__ = ["Identity", "current_identity", "is_gone"]

_STARTED_FIELD = 22  # proc_pid_stat(5): starttime, in clock ticks after boot


class Identity(msgspec.Struct, frozen=True):
    """A process on a machine.

    Args:
        user: login name.
        host: name of the machine, for people.
        pid: process id in its namespace.
        boot: id of this run of the kernel, "" where unknown.
        namespace: of process ids, "" where unknown.
        started: clock ticks after boot, 0 where unknown.
    """

    user: str
    host: str
    pid: int
    boot: str = ""
    namespace: str = ""
    started: int = 0


def current_identity() -> Identity:
    """Return the identity of this process."""
    return Identity(
        user=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        boot=_boot(),
        namespace=_namespace(),
        started=_started(_text(f"/proc/{os.getpid()}/stat")),
    )


def is_gone(identity: Identity) -> bool:
    """Say whether that process has certainly ended; False wherever it cannot be known from here."""
    if not identity.boot or not identity.namespace or not identity.started:
        return False
    if identity.boot != _boot() or identity.namespace != _namespace():
        return False
    status = _text(f"/proc/{identity.pid}/stat")
    return _started(status) != identity.started if status else _has_no_process(identity.pid)


@functools.cache
def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id").strip()


def _namespace() -> str:
    try:
        # After `unshare --pid` without a mount, /proc still counts the processes of the namespace around.
        is_ours = str(Path("/proc/self").readlink()) == str(os.getpid())
        return str(Path("/proc/self/ns/pid").readlink()) if is_ours else ""
    except OSError:
        return ""


def _has_no_process(pid: int) -> bool:
    """Say whether a number that /proc does not show is certainly nobody's.

    Under `hidepid` /proc is silent about processes of others, the first one among them; kill(2) still tells.
    """
    if not _text("/proc/1/stat"):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # somebody else's, which proves that it is there, or no number of a process at all
    return False


def _started(status: str) -> int:
    """Return when a process started, 0 when it only waits, dead, for its parent to notice; from `/proc/PID/stat`."""
    # The name of the program, in parentheses, may hold anything; the fields that follow it do not.
    fields = status.rpartition(")")[2].split()
    alive = len(fields) > _STARTED_FIELD - 3 and fields[0] not in {"Z", "X"}
    return int(fields[_STARTED_FIELD - 3]) if alive else 0


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this uid, as in many containers
        return str(os.getuid())
