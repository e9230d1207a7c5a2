"""One registry for everything that can be plugged in: name -> "module:attribute".

Owns the tables of stores, step kinds, executors, deploy targets and log formats. A new built-in is one
file and one line here. A name that is not built in is looked up among the installed entry points of the
group (`opsctl.stores`, ...), and only then, because a scan of entry points costs about 15 ms. An unknown
name is an error with the known ones, never a fallback.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any

from opsctl.errors import MissingToolError, NotFoundError

__all__ = ["DEPLOY_TARGETS", "EXECUTORS", "STEP_KINDS", "STORES", "STORE_OPTIONS", "Registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """Names of one kind of plug-in.

    Args:
        kind: singular noun for messages ("store").
        group: entry point group for plug-ins of others.
        table: name -> "module:attribute".
        extras: name -> extra of opsctl to install when its module misses an import.
    """

    kind: str
    group: str
    table: dict[str, str]
    extras: dict[str, str]

    def names(self) -> list[str]:
        """Return the built-in names, sorted. Does not scan entry points."""
        return sorted(self.table)

    def has(self, name: str) -> bool:
        """Whether it is built in or installed; imports nothing of it."""
        return name in self.table or self._entry_point(name) is not None

    def require(self, name: str) -> None:
        """Raise when `name` is neither built in nor installed; imports nothing of it.

        Raises:
            NotFoundError: it is not; the hint names the nearest.
        """
        if not self.has(name):
            raise self._unknown(name)

    def load(self, name: str) -> Any:
        """Import and return what `name` stands for.

        Raises:
            NotFoundError: neither built in nor installed.
            MissingToolError: it is known, but a library that it needs is not installed.
        """
        path = self.table.get(name) or self._entry_point(name)
        if path is None:
            raise self._unknown(name)
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "opsctl":
                raise  # nothing that a user could install: a mistake in the tables above, or in the package
            raise self._missing(name, error) from error

    def _entry_point(self, name: str) -> str | None:
        from importlib.metadata import entry_points  # noqa: PLC0415 - 15 ms, only on a miss

        found = entry_points(group=self.group, name=name)
        return next((point.value for point in found), None)

    def _unknown(self, name: str) -> NotFoundError:
        close = difflib.get_close_matches(name, self.table, n=1)
        known = ", ".join(self.names())
        hint = f"did you mean {close[0]!r}? Known: {known}" if close else f"known: {known}"
        return NotFoundError(f"unknown {self.kind} {name!r}", hint=hint)

    def _missing(self, name: str, error: ModuleNotFoundError) -> MissingToolError:
        extra = self.extras.get(name)
        hint = f"install the extra {extra!r} of opsctl" if extra else f"install {error.name}"
        return MissingToolError(f"{self.kind} {name!r} needs the Python module {error.name!r}", hint=hint)


STORES = Registry(
    kind="store",
    group="opsctl.stores",
    table={
        "az": "opsctl.storage.backends.azure.opening:open_store",
        "file": "opsctl.storage.backends.file:open_store",
        "gs": "opsctl.storage.backends.gcs.opening:open_store",
        "mem": "opsctl.storage.backends.memory:open_store",
        "s3": "opsctl.storage.backends.s3.opening:open_store",
    },
    extras={},
)

STORE_OPTIONS = Registry(
    kind="store",
    group="opsctl.store_options",
    table={
        "az": "opsctl.storage.backends.azure.options:AzureOptions",
        "file": "opsctl.storage.options:NoOptions",
        "gs": "opsctl.storage.backends.gcs.options:GCSOptions",
        "mem": "opsctl.storage.options:NoOptions",
        "s3": "opsctl.storage.backends.s3.options:S3Options",
    },
    extras={},
)
"""Models of the options of stores, apart from the stores: to check a file, no SDK need be imported."""

EXECUTORS = Registry(
    kind="executor",
    group="opsctl.executors",
    table={
        "dask": "opsctl.execution.dask:open_executor",
        "processes": "opsctl.execution.local:open_processes",
        "threads": "opsctl.execution.local:open_threads",
    },
    extras={"dask": "dask"},
)

DEPLOY_TARGETS = Registry(
    kind="deploy target",
    group="opsctl.deploy_targets",
    table={
        "bucket": "opsctl.deploy.targets.bucket:PLUGIN",
        "docker": "opsctl.deploy.targets.docker:PLUGIN",
    },
    extras={},
)

STEP_KINDS = Registry(
    kind="step kind",
    group="opsctl.step_kinds",
    table={
        "build": "opsctl.pipeline.steps.build:KIND",
        "copy": "opsctl.pipeline.steps.copy:KIND",
        "deploy": "opsctl.pipeline.steps.deploy:KIND",
        "push": "opsctl.pipeline.steps.push:KIND",
        "run": "opsctl.pipeline.steps.run:KIND",
        "test": "opsctl.pipeline.steps.test:KIND",
    },
    extras={},
)
