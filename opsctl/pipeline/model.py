"""The models of a pipeline file, and a pipeline as it is once the file is right.

A field is one key of the file; what is not here is an error of the file. Keys that a later version will know are
listed in `later`. The JSON Schema of the file is generated from these classes (`opsctl.pipeline.schema`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from opsctl.config.models import Model
from opsctl.config.nodes import Fault, Node, Origin
from opsctl.config.scalars import Duration, Flag, SecretRef, Text
from opsctl.pipeline.graph import Graph
from opsctl.pipeline.inputs import Input

if TYPE_CHECKING:
    from opsctl.config.project import LoadedProject
    from opsctl.pipeline.kinds import StepKind

__all__ = ["Defaults", "Pipeline", "PipelineFile", "Shell", "Step", "StepKeys"]

Id = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$",
        description="letters, digits, '_' and '-', not beginning with a digit or '-', at most 100",
    ),
]
"""Ids are names in expressions, of log files and in output."""

Variable = Annotated[
    str,
    Meta(
        pattern=r"^(?!OPSCTL_)[A-Za-z_][A-Za-z0-9_]*$",
        description="the name of an environment variable: letters, digits and '_'; OPSCTL_* are set by opsctl",
    ),
]

Literally = Annotated[
    str, Meta(extra={"expression_hint": "env: of the file is literal; put the expression into env: of the step"})
]

Shell = Literal["bash", "sh", "python"]


class Defaults(Model, frozen=True, kw_only=True):
    """What holds for steps that do not say otherwise.

    Args:
        timeout: of a step; no limit by default.
        shell: of `run`: `bash` runs with -euo pipefail, `sh` with -eu.
    """

    later: ClassVar[frozenset[str]] = frozenset({"retry", "container", "cwd", "env"})

    timeout: Duration | None = None
    shell: Shell = "bash"

    def check(self) -> Iterator[Fault]:
        """Something must have time to run."""
        yield from _timeout_fault(self.timeout)


class StepKeys(Model, frozen=True, kw_only=True):
    """One step, without the key that says what it does (`run`, `build`, `test`, `push`, `copy`, `deploy`).

    Args:
        needs: steps that must have succeeded before this one starts.
        if_: the step is skipped, and so is what needs it, when this is false.
        env: variables of its environment, beside those of the file.
        secrets: secrets of the file that it gets, as variables of the same name.
        timeout: after it the step is stopped and has failed.
        shell: of `run`.
        cwd: directory that `run` starts in, relative to the project's.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {"matrix", "cache", "services", "retry", "container", "lock", "approve", "report", "allow_failure", "logs"}
        | {"http", "notify", "foreach", "uses", "outputs"}
    )

    needs: list[str] = field(default_factory=list)
    if_: Flag | None = field(name="if", default=None)
    env: dict[Variable, Text] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    timeout: Duration | None = None
    shell: Shell | None = None
    cwd: Text | None = None

    def check(self) -> Iterator[Fault]:
        """Something must have time to run."""
        yield from _timeout_fault(self.timeout)


def _timeout_fault(timeout: Duration | None) -> Iterator[Fault]:
    if timeout is not None and float(timeout) == 0.0:
        yield Fault(("timeout",), "a timeout is longer than nothing", "leave it out for no limit")


class PipelineFile(Model, frozen=True, kw_only=True):
    """A pipeline.

    Args:
        opsctl: version of the file format.
        inputs: values that a run is given: `--input NAME=VALUE`.
        env: variables of every step's environment; literal.
        secrets: name -> reference; a secret reaches only the steps that list it.
        defaults: what holds for steps that do not say otherwise.
        steps: id -> step.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {"services", "on_failure", "always", "include", "includes", "matrix", "notify", "concurrency", "cache", "on"}
    )

    opsctl: Literal[1]
    inputs: dict[Id, Input] = field(default_factory=dict)
    env: dict[Variable, Literally] = field(default_factory=dict)
    secrets: dict[Variable, SecretRef] = field(default_factory=dict)
    defaults: Defaults = Defaults()
    steps: Annotated[dict[Id, Node], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is right.

    Args:
        id: its key.
        kind: what it does.
        options: what stands under the key of the kind, bound to the kind's own type.
        keys: the other keys.
        origin: where its id is written.
        work_origin: where the key of the kind is written.
    """

    id: str
    kind: StepKind
    options: Any
    keys: StepKeys
    origin: Origin
    work_origin: Origin


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file that is right.

    Args:
        name: path of the file, as messages show it.
        root: absolute directory that steps run in: the one of the project file above the pipeline, else the working
            directory.
        file: what it says, but for its steps.
        steps: id -> step, in the order of the file.
        graph: what needs what.
        secret_origins: where each secret is written.
        project: the project file, when a step kind asked for it.
    """

    name: str
    root: Path
    file: PipelineFile
    steps: Mapping[str, Step]
    graph: Graph
    secret_origins: Mapping[str, Origin]
    project: LoadedProject | None = None
