"""`opsctl storage sync|check`: makes two places equal, or says how they differ."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from opsctl.cli.scalars import URL, as_duration
from opsctl.cli.transfers import (
    FilteredCommand,
    absolute,
    amount,
    dry_run,
    filtered,
    filters_of,
    jobs,
    limited,
    objects,
    printer,
    show_summary,
    working,
)
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.cli.runtime import Runtime
    from opsctl.transfer import Done, MaxDelete, SyncRequest, SyncResult
    from opsctl.transfer.comparison import Compare
    from opsctl.transfer.engine import Each

__all__ = ["check", "sync"]

_COMPARE = {"size,mtime": "mtime", "checksum": "checksum", "size": "size"}
_FILE = click.Path(dir_okay=False, path_type=Path)


def _max_delete(ctx: click.Context, param: click.Parameter, value: str | None) -> MaxDelete | None:
    from opsctl.transfer import MaxDelete

    if value is None:
        return None
    text = value.removesuffix("%")
    percent = text != value
    if not text.isdecimal() or (percent and int(text) > 100):  # noqa: PLR2004 - percent
        raise click.BadParameter(f"{value!r} is neither a number nor a percentage like 10%", ctx, param)
    return MaxDelete(int(text), percent)


@click.command("sync", cls=FilteredCommand)
@click.argument("source", type=URL, metavar="SRC", required=False)
@click.argument("destination", type=URL, metavar="DST", required=False)
@click.option("--delete", is_flag=True, help="Delete what SRC does not have, last, and only if nothing failed before.")
@click.option(
    "--max-delete", callback=_max_delete, metavar="N|N%", help="Delete nothing at all if it would be more than this."
)
@click.option("--allow-empty-source", is_flag=True, help="Delete although SRC holds nothing.")
@click.option(
    "--compare",
    type=click.Choice(list(_COMPARE)),
    default="size,mtime",
    show_default=True,
    help="What makes two objects equal; checksum reads what a store has no digest of.",
)
@click.option(
    "--modify-window", callback=as_duration, metavar="TIME", help="Times so near count as equal; 2s suits FAT."
)
@filtered
@dry_run
@click.option("--plan", "plan_file", type=_FILE, metavar="FILE", help="Write what would be done to FILE, only that.")
@click.option("--apply", "apply_file", type=_FILE, metavar="FILE", help="Do what FILE says, if nothing has changed.")
@click.option("--manifest", type=_FILE, metavar="FILE", help="Write what failed to FILE.")
@click.option("--retry-from", type=_FILE, metavar="FILE", help="Only what failed, as an earlier --manifest says.")
@jobs
@limited
@click.pass_context
def sync(ctx: click.Context, /, source: str | None, destination: str | None, **options: Any) -> None:
    """Make DST equal to SRC.

    What SRC holds goes below DST; a '/' at the end changes nothing. Copies what is new or differs, and with --delete
    removes the rest. Each copy is verified and keeps its mtime, between files its mode too. Nothing is deleted when a
    listing or a copy failed, or when SRC is missing or empty.

    Exits with 7 when some objects failed, 1 when too much would be deleted or a plan does not fit any more.
    """
    runtime: Runtime = ctx.obj
    if options["apply_file"]:
        _apply(runtime, source, destination, options)
        return
    request = _request(ctx, source, destination, options)
    with _reporting(runtime, request, options["manifest"]) as each:
        result = _run(runtime, request, options, each)
        _summarize(runtime, result, planned=options["dry_run"] or bool(options["plan_file"]))
    result.check()


def _run(runtime: Runtime, request: SyncRequest, options: dict[str, Any], each: Each) -> SyncResult:
    from opsctl.transfer import plan_sync, run_sync

    if options["dry_run"] or options["plan_file"]:
        with working(runtime, "plan") as work:
            return work.end(plan_sync(request, options["plan_file"], sink=runtime.sink, span="transfer", each=each))
    with working(runtime, "sync") as work:
        return work.end(run_sync(request, sink=runtime.sink, span="transfer", each=each))


def _apply(runtime: Runtime, source: str | None, destination: str | None, options: dict[str, Any]) -> None:
    from opsctl.transfer import Policy, SyncRequest, apply_plan
    from opsctl.transfer.planfile import open_plan

    if options["dry_run"] or options["plan_file"] or options["retry_from"]:
        raise UsageError("--apply does what its file says", hint="leave --dry-run, --plan and --retry-from out")
    planned = open_plan(options["apply_file"])
    _match(runtime, source, planned.head.source, options["apply_file"])
    _match(runtime, destination, planned.head.destination, options["apply_file"])
    request = SyncRequest(
        planned.head.source,
        planned.head.destination,
        Policy(delete=planned.head.delete),
        jobs=options["jobs"],
        limit=options["bwlimit"],
        options=runtime.store_options(),
    )
    with _reporting(runtime, request, options["manifest"]) as each, working(runtime, "sync") as work:
        result = work.end(apply_plan(planned, request, sink=runtime.sink, span="transfer", each=each))
    _summarize(runtime, result, planned=False)
    result.check()


def _request(ctx: click.Context, source: str | None, destination: str | None, options: dict[str, Any]) -> SyncRequest:
    from opsctl.transfer import Policy, SyncRequest
    from opsctl.transfer.manifest import read_manifest

    runtime: Runtime = ctx.obj
    retry = read_manifest(options["retry_from"]) if options["retry_from"] else None
    if retry is not None:
        source = _match(runtime, source, retry.head.source, options["retry_from"])
        destination = _match(runtime, destination, retry.head.destination, options["retry_from"])
    if source is None or destination is None:
        raise UsageError("sync needs SRC and DST", hint="only --apply and --retry-from know them from their file")
    compare = cast("Compare", _COMPARE[options["compare"]])
    policy = Policy(compare, options["modify_window"] or 0.0, options["delete"])
    return SyncRequest(
        absolute(runtime, source),
        absolute(runtime, destination),
        policy,
        filters_of(ctx),
        max_delete=options["max_delete"],
        allow_empty_source=options["allow_empty_source"],
        jobs=options["jobs"],
        limit=options["bwlimit"],
        retry=retry,
        options=runtime.store_options(),
    )


def _match(runtime: Runtime, given: str | None, recorded: str, file: Path) -> str:
    """Return the place that a file was written for, which the command line may only repeat."""
    if given is not None and absolute(runtime, given).rstrip("/") != recorded.rstrip("/"):
        raise UsageError(f"{file} is for {recorded}, not for {given}", hint="leave SRC and DST out")
    return recorded


@contextlib.contextmanager
def _reporting(runtime: Runtime, request: SyncRequest, manifest: Path | None) -> Iterator[Each]:
    """Give what is told of every item: it prints, and writes the manifest where there is one."""
    from opsctl.transfer.manifest import ManifestHead, ManifestWriter
    from opsctl.transfer.planfile import replacing

    show = printer(runtime, _line(runtime))
    if manifest is None:
        yield show
        return
    with replacing(manifest, also_failed=True) as file:
        write = ManifestWriter(file, ManifestHead(1, request.source, request.destination))

        def both(done: Done) -> None:
            write(done)
            show(done)

        yield both


def _line(runtime: Runtime) -> Callable[[Done], str | None]:
    def line(done: Done) -> str | None:
        if done.status == "planned":
            return f"{done.action:6}  {done.key}  ({done.reason})"
        if done.status in {"failed", "unchanged"} or not runtime.settings.verbosity:
            return None
        return f"{done.action:6}  {done.key}  ({done.reason if done.status == 'done' else 'held back'})"

    return line


def _summarize(runtime: Runtime, result: SyncResult, *, planned: bool) -> None:
    facts = {
        "copied": result.copied,
        "deleted": result.deleted,
        "unchanged": result.unchanged,
        "bytes": result.bytes,
        "failed": result.failed,
        "held_back": result.held_back,
        "planned": planned,
    }
    would = "would be " if planned else ""
    text = f"{amount(result.copied, result.bytes)} {would}copied, {result.deleted} {would}deleted"
    text += f", {result.unchanged} unchanged"
    for count, word in ((result.failed, "failed"), (result.held_back, "held back")):
        text += f", {count} {word}" if count else ""
    show_summary(runtime, facts, text)


@click.command("check", cls=FilteredCommand)
@click.argument("source", type=URL, metavar="SRC")
@click.argument("destination", type=URL, metavar="DST")
@click.option("--one-way", is_flag=True, help="What only DST has is no difference.")
@filtered
@jobs
@click.pass_context
def check(ctx: click.Context, /, source: str, destination: str, one_way: bool, jobs: int) -> None:
    """Compare two places by checksum.

    Copies nothing. Lists what differs, what is missing at DST and what is extra there; -v lists what is the same too.
    Digests that both stores know are compared, what they do not know is read. Exits with 1 on any difference.
    """
    from opsctl.transfer import CheckRequest
    from opsctl.transfer import check as compare

    runtime: Runtime = ctx.obj
    request = CheckRequest(
        absolute(runtime, source),
        absolute(runtime, destination),
        filters_of(ctx),
        one_way,
        jobs,
        runtime.store_options(),
    )

    def line(done: Done) -> str | None:
        hidden = done.status == "failed" or (done.reason == "same" and not runtime.settings.verbosity)
        return None if hidden else f"{done.reason:7}  {done.key}"

    with working(runtime, "check") as work:
        result = work.end(compare(request, sink=runtime.sink, span="transfer", each=printer(runtime, line)))
    facts = {name: getattr(result, name) for name in ("same", "differ", "missing", "extra", "failed")}
    text = f"{objects(result.same)} the same, {result.differ} differ, {result.missing} missing, {result.extra} extra"
    show_summary(runtime, facts, text)
    result.check()
