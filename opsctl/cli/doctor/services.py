"""What a project reaches over a socket: engines, registries, stores."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from opsctl.cli.doctor.model import Check
from opsctl.cli.output.units import duration
from opsctl.config.project import LoadedProject
from opsctl.errors import LocalIOError, NotFoundError, UsageError
from opsctl.storage import CanPutIf, StoreURL, open_store

__all__ = ["look_at_engine", "look_at_registry", "look_at_store", "registry_of"]

SKEW: Final = 30.0
"""Seconds; signed requests and leases forgive about so much."""


def look_at_engine(url: str) -> Check:
    """Ask a Docker engine for its version and its clock.

    Args:
        url: its address, "" for the one that the docker command would use.

    Raises:
        OpsctlError: it cannot be used; says why.
    """
    from opsctl.docker.engine import connect

    before = time.time()
    with connect(url) as engine:
        detail = f"Docker {engine.version()}, API {engine.api_version}, at {engine.url}"
        skew = abs(engine.time() - before)
    if skew > SKEW:
        return Check("engine", "warn", f"{detail}; its clock is {duration(skew)} off", cure="set both clocks by NTP")
    return Check("engine", "ok", detail)


def registry_of(image: str) -> str:
    """Return the registry that an image's name gives, "" when it gives none or is not a name."""
    from opsctl.docker.reference import parse

    try:
        found = parse(image).registry
    except UsageError:
        return ""
    return found if image.startswith(f"{found}/") else ""


def look_at_registry(registry: str) -> Check:
    """Find the credentials for a registry, as a push would.

    Raises:
        OpsctlError: the Docker configuration or its credential helper does not work.
    """
    from opsctl.docker.auth import ANONYMOUS, find

    if find(registry) == ANONYMOUS:
        return Check("registry", "warn", "no credentials: pushes will be anonymous", cure=f"docker login {registry}")
    return Check("registry", "ok", "credentials found")


def look_at_store(url: StoreURL, project: LoadedProject | None, *, holds_state: bool) -> Check:
    """List the first object of a store: that needs an endpoint, credentials and a bucket.

    Args:
        url: the store.
        project: where its options are.
        holds_state: releases and locks are kept in it, so it must be able to write under a condition.

    Raises:
        OpsctlError: it cannot be used; says why.
    """
    options = project.project.stores if project is not None else {}
    with closing(open_store(url, options=options)) as store:
        if holds_state and not isinstance(store, CanPutIf):
            raise UsageError(f"{url} cannot keep state: it has no conditional writes", hint="choose another store")
        try:
            empty = next(iter(store.scan()), None) is None
        except NotFoundError:
            if url.scheme == "file":
                return _new_directory(Path(url.path))
            raise
    detail = "can be listed, empty" if empty else "can be listed"
    return Check("store", "ok", f"{detail}; state is kept here" if holds_state else detail)


def _new_directory(path: Path) -> Check:
    existing = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(existing, os.W_OK):
        raise LocalIOError(f"{path} cannot be made", hint=f"{existing} is not writable")
    return Check("store", "ok", "is made by the first write")
