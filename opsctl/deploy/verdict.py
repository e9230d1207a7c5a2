"""What a failed attempt means: the error and its exit code, and everything that a person needs to know of it."""

from __future__ import annotations

from opsctl.deploy.model import Failure, Release, Slot
from opsctl.deploy.site import Site
from opsctl.errors import (
    DeployRolledBackError,
    InterruptedRunError,
    OpsctlError,
    RollbackFailedError,
)
from opsctl.events import Output

__all__ = ["failed", "what_serves"]

_BEFORE_TARGET = frozenset({"build", "pull", "test", "push"})


def failed(site: Site, release: Release, error: BaseException) -> BaseException:
    """Tell what is known of the failure and return the error that the command ends with.

    Before the target was touched that is the error itself; after it, what matters is what serves now.
    """
    interrupted = isinstance(error, (KeyboardInterrupt, InterruptedRunError))
    if release.failure is None:
        return InterruptedRunError(f"interrupted, but {_name(release)} of {site.slot} serves: its deploy was finished")
    _tell(site, release.failure)
    serves = what_serves(release)
    if interrupted:
        return InterruptedRunError(f"the deploy of {site.slot} was interrupted at {release.failure.stage}; {serves}")
    if release.failure.stage in _BEFORE_TARGET or not isinstance(error, OpsctlError):
        return error
    message = f"{site.slot}: {error.message}; {serves}"
    if release.failure.way_back:
        return RollbackFailedError(message, hint=_status(site.slot))
    return DeployRolledBackError(message, hint=error.hint or _history(site.slot))


def what_serves(release: Release) -> str:
    """Say in a few words what serves after an attempt that failed."""
    failure = release.failure
    if failure is not None and failure.way_back:
        return f"what served before cannot be made to serve again: {failure.way_back}"
    if not release.parent:
        return "nothing serves: it was the first release"
    again = "again" if release.outcome == "rolled_back" else "as before"
    return f"release {release.parent} serves {again}"


def _tell(site: Site, failure: Failure) -> None:
    if failure.exit_code is not None:
        why = " (out of memory)" if failure.oom_killed else ""
        site.say(f"its process ended with exit code {failure.exit_code}{why}", "error")
    for title, lines in (("health check", failure.health), ("last lines of its log", failure.log)):
        if lines:
            site.say(f"{title}:", "error")
        for line in lines:
            site.tell(Output(site.span, line, "stderr"))


def _name(release: Release) -> str:
    return f"release {release.seq}"


def _history(slot: Slot) -> str:
    return f"`opsctl deploy history {slot.service} --env {slot.env} -o json` has all of it"


def _status(slot: Slot) -> str:
    return f"see `opsctl deploy status {slot.service} --env {slot.env}`, then deploy a release that works"
