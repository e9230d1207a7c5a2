"""`opsctl storage cp|mv|rm`: copies, moves and deletes objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from opsctl.cli.scalars import URL
from opsctl.cli.transfers import (
    FilteredCommand,
    amount,
    dry_run,
    filtered,
    filters_of,
    jobs,
    limited,
    objects,
    outside,
    printer,
    resolved,
    show_summary,
    working,
)
from opsctl.errors import PartialError, UsageError
from opsctl.storage import PutOptions, parse_url

if TYPE_CHECKING:
    from opsctl.cli.runtime import Runtime
    from opsctl.transfer import CopyRequest, Done

__all__ = ["cp", "mv", "rm"]

_F = TypeVar("_F", bound=Callable[..., Any])
_BLOCK = 1 << 20


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", ctx, param)
    return {name.lower(): value for name, _, value in pairs}


def _described(command: _F) -> _F:
    """Add the options that say what is written beside the bytes."""
    for option in (
        click.option("--metadata", metavar="NAME=VALUE", multiple=True, callback=_pairs, help="Metadata; repeatable."),
        click.option("--cache-control", default="", help="Cache-Control of the objects written."),
        click.option("--content-type", default="", help="Media type; by default the source's, or that of the name."),
    ):
        command = option(command)
    return command


@click.command("cp", cls=FilteredCommand)
@click.argument("sources", type=URL, nargs=-1, required=True, metavar="SRC...")
@click.argument("destination", type=URL, metavar="DST")
@click.option("-r", "--recursive", is_flag=True, help="Copy what directories hold to below DST.")
@filtered
@_described
@click.option("--if-none-match", is_flag=True, help="Only where nothing is yet; of many at once, one succeeds.")
@dry_run
@jobs
@limited
@click.pass_context
def cp(ctx: click.Context, /, sources: tuple[str, ...], destination: str, **options: Any) -> None:
    """Copy objects.

    SRC is a file, a pattern ('dist/*.whl', with quotes), the URL of an object, with -r a directory or the URL of a
    folder, or - for standard input. With -r the contents of SRC go below DST; a '/' at the end of SRC changes nothing.
    DST is the name of the copy; or a directory, when it ends with '/', is a local directory or a bucket, or with -r;
    or - for standard output.

    Every copy is verified; between files it keeps the mode, but not the owner. Objects of the same name are replaced,
    others are left alone. Exits with 7 when some were not copied.
    """
    runtime: Runtime = ctx.obj
    if "-" in {*sources, destination}:
        _stream(runtime, sources, destination, options)
        return
    _transfer(ctx, _request(ctx, sources, destination, options), destination)


@click.command("mv", cls=FilteredCommand)
@click.argument("sources", type=URL, nargs=-1, required=True, metavar="SRC...")
@click.argument("destination", type=URL, metavar="DST")
@click.option("-r", "--recursive", is_flag=True, help="Move what directories hold to below DST.")
@filtered
@_described
@dry_run
@jobs
@limited
@click.pass_context
def mv(ctx: click.Context, /, sources: tuple[str, ...], destination: str, **options: Any) -> None:
    """Move objects.

    SRC and DST are as in cp. Each source is deleted only after its copy has been written, verified and looked at, and
    only if the source is still what was copied. Exits with 7 when some were not moved.
    """
    _transfer(ctx, _request(ctx, sources, destination, {**options, "move": True}), destination)


def _request(ctx: click.Context, sources: tuple[str, ...], destination: str, options: dict[str, Any]) -> CopyRequest:
    from opsctl.transfer import CopyRequest

    runtime: Runtime = ctx.obj
    root, name = _placed(runtime, destination, recursive=options["recursive"], several=len(sources) > 1)
    return CopyRequest(
        sources=tuple(_named(runtime, source) for source in sources),
        destination=root,
        workspace=runtime.cwd,
        jobs=options["jobs"],
        options=runtime.store_options(),
        put=_put_options(options),
        rename=name,
        recursive=options["recursive"],
        filters=filters_of(ctx),
        move=options.get("move", False),
        create=options.get("if_none_match", False),
        limit=options["bwlimit"],
        dry_run=options["dry_run"],
    )


def _transfer(ctx: click.Context, request: CopyRequest, destination: str) -> None:
    from opsctl.transfer import CopyResult, TransferError, copy

    runtime: Runtime = ctx.obj
    if request.create and request.put:
        raise UsageError("--if-none-match keeps no metadata and no content type", hint="leave one of them out")
    word = "moved" if request.move else "copied"

    def summarize(result: CopyResult) -> None:
        facts = {word: result.copied, "bytes": result.bytes, "failed": result.count, "destination": destination}
        verb = f"would be {word}" if request.dry_run else word
        show_summary(runtime, facts, f"{amount(result.copied, result.bytes)} {verb} to {destination}")

    try:
        with working(runtime, "move" if request.move else "copy"):
            result = copy(request, sink=runtime.sink, span="transfer", each=printer(runtime, _line(runtime)))
    except TransferError as error:
        summarize(error.result)
        raise PartialError(error.summary) from error
    summarize(result)


def _line(runtime: Runtime) -> Callable[[Done], str | None]:
    def line(done: Done) -> str | None:
        wanted = done.status == "planned" or (done.status == "done" and runtime.settings.verbosity)
        return f"{done.action}  {done.key}" if wanted else None

    return line


def _named(runtime: Runtime, source: str) -> str:
    """Return a source as the engine takes it: without `..`, which only the user may go."""
    url = parse_url(source)
    return resolved(runtime, url) if url.scheme == "file" and outside(source) else source


def _placed(runtime: Runtime, destination: str, *, recursive: bool, several: bool) -> tuple[str, str]:
    """Return the directory that copies go below, and what the one copy is called there, "" for its own name."""
    from opsctl.storage.localfs import local_faults

    url = parse_url(destination, base=runtime.cwd)
    local = url.scheme == "file"
    with local_faults(destination):
        directory = local and (runtime.cwd / url.path).is_dir()
    directory = directory or destination.endswith("/") or not url.path.strip("/")
    if directory or recursive:
        return str(url), ""
    if several:
        raise UsageError(f"{destination!r} is not a directory", hint=f"copies go below it: write {destination + '/'!r}")
    root, name = url.split()
    return str(root), name


def _put_options(options: dict[str, Any]) -> PutOptions | None:
    kept = PutOptions(options["content_type"], options["cache_control"], options["metadata"])
    return None if kept == PutOptions() else kept


def _stream(runtime: Runtime, sources: tuple[str, ...], destination: str, options: dict[str, Any]) -> None:
    from opsctl.storage.listing import open_object
    from opsctl.transfer.streams import put_stream

    if len(sources) > 1 or sources[0] == destination or options["recursive"] or options["dry_run"]:
        raise UsageError("'-' is one stream, from or to one object", hint="for example: cp - s3://bucket/name")
    if destination == "-":
        _print_object(runtime, sources[0])
        return
    store, key = open_object(parse_url(destination, base=runtime.cwd), options=runtime.store_options())
    try:
        with working(runtime, "copy"):
            body = runtime.stdin.buffer
            written = put_stream(store, key, body, options=_put_options(options))
    finally:
        store.close()
    facts = {"copied": 1, "bytes": written.size, "failed": 0, "destination": destination}
    show_summary(runtime, facts, f"{amount(1, written.size)} copied to {destination}")


def _print_object(runtime: Runtime, source: str) -> None:
    from opsctl.storage.listing import open_object

    store, key = open_object(parse_url(source), options=runtime.store_options())
    try:
        with store.get(key) as body:
            while block := body.read(_BLOCK):
                runtime.write_bytes(block)
    finally:
        store.close()


@click.command("rm", cls=FilteredCommand)
@click.argument("urls", type=URL, nargs=-1, required=True, metavar="URL...")
@click.option("-r", "--recursive", is_flag=True, help="Delete everything below URL.")
@filtered
@dry_run
@jobs
@click.pass_context
def rm(ctx: click.Context, /, urls: tuple[str, ...], recursive: bool, dry_run: bool, jobs: int) -> None:
    """Delete objects.

    An object that is not there ends the command with exit code 4; what stands before it has been deleted. With -r
    everything below URL goes, as far as the filters mean it; the working directory, the home directory and what holds
    them are refused. Exits with 7 when some were not deleted.
    """
    from opsctl.transfer import CopyResult, RemoveRequest, TransferError, remove

    runtime: Runtime = ctx.obj
    filters = filters_of(ctx)
    if filters and not recursive:
        raise UsageError("--include and --exclude choose of what -r finds", hint="add -r, or leave them out")

    def line(done: Done) -> str | None:
        words = {"done": "deleted", "planned": "would delete"}
        return f"{words[done.status]} {done.url}" if done.status in words else None

    def summarize(result: CopyResult) -> None:
        if recursive or runtime.settings.output == "json":
            facts = {"deleted": result.copied, "failed": result.count}
            verb = "would be deleted" if dry_run else "deleted"
            show_summary(runtime, facts, f"{objects(result.copied)} {verb}")

    request = RemoveRequest(urls, recursive, filters, dry_run, jobs, runtime.store_options())
    try:
        result = remove(request, sink=runtime.sink, span="transfer", each=printer(runtime, line))
    except TransferError as error:
        summarize(error.result)
        raise PartialError(error.summary) from error
    summarize(result)
