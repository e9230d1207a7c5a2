"""Looks at everything at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Final

import msgspec

from opsctl.cli.doctor.model import NAMES, Check, Diagnosis, Probe, Surroundings
from opsctl.cli.doctor.probes import find_probes
from opsctl.errors import OpsctlError, TransientError

__all__ = ["examine"]

DEADLINE: Final = 20.0
"""Seconds for all of it; the SDKs of some stores would try again for minutes."""


def examine(surroundings: Surroundings, *, only: Collection[str] = (), deadline: float = DEADLINE) -> Diagnosis:
    """Look at everything, or at what `only` names, and return what was found.

    Args:
        surroundings: what is looked at.
        only: names of checks; asked for by name, a failure is never just a warning.
        deadline: seconds after which what has not answered counts as unreachable.
    """
    probes = [probe for probe in find_probes(surroundings) if not only or probe.name in only]
    found: dict[int, Check] = {}

    def look(index: int, probe: Probe) -> None:
        found[index] = _look(probe, needed=probe.needed or bool(only))

    threads = [threading.Thread(target=look, args=pair, daemon=True) for pair in enumerate(probes)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + deadline
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    silent = TransientError(f"no answer within {deadline:g} s", hint="check the address and the network")
    checks = [found.get(index) or _failed(probe, silent, needed=True) for index, probe in enumerate(probes)]
    return Diagnosis(sorted(checks, key=lambda check: NAMES.index(check.name)))


def _look(probe: Probe, *, needed: bool) -> Check:
    try:
        check = probe.look()
    except OpsctlError as error:
        return _failed(probe, error, needed=needed)
    return msgspec.structs.replace(check, subject=probe.subject)


def _failed(probe: Probe, error: OpsctlError, *, needed: bool) -> Check:
    status, code = ("fail", error.exit_code) if needed else ("warn", 0)
    return Check(probe.name, status, error.message, probe.subject, error.hint, code)  # type: ignore[arg-type]  # of two words
