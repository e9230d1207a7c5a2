"""`copy`: files of the workspace, or objects of a store, to below a URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from opsctl.config.expressions import NUMBER, Type, map_of
from opsctl.config.models import Model
from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Text
from opsctl.errors import OpsctlError, UsageError
from opsctl.pipeline.kinds import Command, Site, StepKind, WorkContext, WorkKind, WorkResult
from opsctl.pipeline.services import known
from opsctl.pipeline.worker import work_command

__all__ = ["KIND", "CopyOptions"]

_CLIMBS = "a destination has no '..' segment: a value from outside could leave the place that the file names"
_DOWN = "write the directory itself"


class CopyOptions(Model, frozen=True, kw_only=True):
    """What to copy, and where to.

    Args:
        from_: files, directories, globs (`*`, `?`, `**`) or URLs; one that is not there or matches nothing fails.
        to: URL or directory below which everything goes.
        verify: `returned`: by the size and the digests that the store returns; `sha256`: it is read back as well.
        jobs: objects under way at once.
    """

    later: ClassVar[frozenset[str]] = frozenset({"exclude", "delete", "if_changed", "cache_control", "content_type"})

    from_: Annotated[list[Text], Meta(min_length=1)] = field(name="from")
    to: Text
    verify: Literal["returned", "sha256"] = "returned"
    jobs: Annotated[int, Meta(ge=1, le=256)] = 8


class CopyKind:
    """Copies with the transfer engine: checked against what the store says, retried, all or nothing per object."""

    name: ClassVar[str] = "copy"
    options: ClassVar[Any] = CopyOptions
    outputs: ClassVar[Type] = map_of({"objects": NUMBER, "bytes": NUMBER})
    step_keys: ClassVar[frozenset[str]] = frozenset()

    def needs_project(self, options: CopyOptions) -> bool:
        """Stores need no project; their options are taken from it where there is one."""
        del options
        return False

    def check(self, options: CopyOptions, project: LoadedProject | None) -> Iterator[Fault]:
        """URLs can be read."""
        from opsctl.storage import parse_url  # noqa: PLC0415 - only pipelines that copy need it

        del project
        for path, text in ((("to",), options.to), *((("from", i), text) for i, text in enumerate(options.from_))):
            url = known(text)
            try:
                if url is not None:
                    parse_url(url)
            except OpsctlError as error:
                yield Fault(path, error.message, error.hint)
        if climbs(known(options.to) or ""):
            yield Fault(("to",), _CLIMBS, _DOWN)

    def describe(self, options: CopyOptions) -> str:
        """Return what goes where."""
        return f"copy {', '.join(map(str, options.from_))} to {options.to}"

    def command(self, options: CopyOptions, site: Site) -> Command:
        """Return the worker."""
        return work_command(self.name, options, site)

    def run(self, options: CopyOptions, context: WorkContext) -> WorkResult:
        """Copy."""
        from opsctl.transfer import CopyRequest, copy  # noqa: PLC0415 - in the worker only

        if climbs(str(options.to)):
            raise UsageError(f"copy to {str(options.to)!r}: {_CLIMBS}", hint=_DOWN)
        request = CopyRequest(
            sources=tuple(map(str, options.from_)),
            destination=str(options.to),
            workspace=context.root,
            jobs=options.jobs,
            verify=options.verify,
            options=context.project.project.stores if context.has_project else {},
        )
        result = copy(request, sink=context.sink, span="")
        detail = f"{result.copied} object{'' if result.copied == 1 else 's'} to {options.to}"
        return WorkResult({"objects": result.copied, "bytes": result.bytes}, detail)


def climbs(url: str) -> bool:
    """Say whether a destination goes upwards somewhere."""
    return ".." in url.split("/")


KIND = CopyKind()
_contract: StepKind = KIND
_works: WorkKind = KIND
