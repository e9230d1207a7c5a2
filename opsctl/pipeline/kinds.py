"""What a kind of step is: the contract of the plug-ins in `opsctl.pipeline.steps`.

A kind is one module with one object, `KIND`, and one line in `opsctl.plugins.STEP_KINDS`. It declares the type of its
options, which the loader binds and the schema is made from; it checks and describes them; and it says which child
process does the work. For most kinds that is the worker (`opsctl.pipeline.worker`), which calls their `run`.

Importing a kind must be cheap: it happens for every pipeline that has such a step. What does the work (an SDK, the
engine, the transfer engine) is imported in `run`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, cast, runtime_checkable

from opsctl.config.expressions import Type
from opsctl.config.nodes import Fault
from opsctl.events import Sink
from opsctl.plugins import STEP_KINDS

if TYPE_CHECKING:
    from opsctl.config.project import LoadedProject
    from opsctl.pipeline.model import Shell

__all__ = ["Command", "OutputValue", "Site", "StepKind", "WorkContext", "WorkKind", "WorkResult", "kind_named"]

OutputValue = str | int | bool


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how a step's child is started, as far as its kind has a say.

    Args:
        step: id.
        run_id: of the run.
        root: directory of the project.
        shell: of `run`.
        project_file: absolute path of the project file, None where there is none.
        overrides: `--set` flags.
    """

    step: str
    run_id: str
    root: Path
    shell: Shell
    project_file: Path | None
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A child process that does the work of a step.

    Args:
        argv: program and arguments.
        stdin: what it can read, None for nothing.
        talks: "lines": both outputs are lines of text. "events": standard output is what the worker says.
    """

    argv: tuple[str, ...]
    stdin: bytes | None = None
    talks: Literal["lines", "events"] = "lines"


class StepKind(Protocol):
    """A kind of step.

    Attributes:
        name: its key in the file.
        options: type of what stands under that key: a Struct, or any annotation that a field of one may have.
        outputs: type of `steps.<id>.outputs`.
        step_keys: which of the keys "shell" and "cwd" mean anything here; the others are refused.
    """

    name: ClassVar[str]
    options: ClassVar[Any]
    outputs: ClassVar[Type]
    step_keys: ClassVar[frozenset[str]]

    def needs_project(self, options: Any) -> bool:
        """Tell whether these options are about the project file."""

    def check(self, options: Any, project: LoadedProject | None) -> Iterable[Fault]:
        """Yield what is wrong with the options although they have the right types; looks at no engine and no store.

        Args:
            options: expressions in them may not have values yet.
            project: given when they are about it.
        """

    def describe(self, options: Any) -> str:
        """Return what the step would do, in one line that begins with a verb."""

    def command(self, options: Any, site: Site) -> Command:
        """Return the child that does it.

        Args:
            options: evaluated; every expression has become a constant.
            site: where.
        """


@dataclass(frozen=True)
class WorkContext:
    """What the work of a step gets, in the worker.

    Args:
        step: id.
        run_id: of the run.
        root: directory of the project; relative paths belong to it.
        env: environment of the step.
        sink: takes events.
        hide: takes secrets that the work comes by, before they could be printed.
        load_project: reads the project file.
        has_project: there is one.
    """

    step: str
    run_id: str
    root: Path
    env: Mapping[str, str] = field(repr=False)
    sink: Sink
    hide: Callable[[str], None]
    load_project: Callable[[], LoadedProject]
    has_project: bool = True

    @functools.cached_property
    def project(self) -> LoadedProject:
        """The project file, read once."""
        return self.load_project()


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What came of the work of a step.

    Args:
        outputs: values of `steps.<id>.outputs`.
        detail: one line.
        changed: False: everything was already as it should be.
    """

    outputs: Mapping[str, OutputValue] = field(default_factory=dict)
    detail: str = ""
    changed: bool = True


@runtime_checkable
class WorkKind(Protocol):
    """A kind whose work is done by the worker."""

    def run(self, options: Any, context: WorkContext) -> WorkResult:
        """Do it.

        Raises:
            OpsctlError: it failed; the step fails with the error's exit code.
        """


@functools.cache
def kind_named(name: str) -> StepKind:
    """Return a kind of step.

    Raises:
        NotFoundError: there is none of this name.
        MissingToolError: a library that it needs is not installed.
    """
    return cast("StepKind", STEP_KINDS.load(name))
