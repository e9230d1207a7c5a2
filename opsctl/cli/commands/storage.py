"""`opsctl storage ls|cat|stat|du|presign|mb|rb|cleanup`: looks at stores and keeps them."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Protocol, cast

import click
import msgspec

from opsctl.cli.groups import Command
from opsctl.cli.output.ansi import spell
from opsctl.cli.output.table import describe
from opsctl.cli.output.units import size, timestamp
from opsctl.cli.runtime import Runtime
from opsctl.cli.scalars import URL, as_duration
from opsctl.errors import UsageError
from opsctl.storage import CanPresign, HasBuckets, ObjectInfo, Store, StoreURL, open_store, parse_url
from opsctl.storage.listing import Listed, list_url, open_object

__all__ = ["cat", "cleanup", "du", "ls", "mb", "presign", "rb", "stat"]

_BLOCK = 1024 * 1024


def _parse(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...]) -> Any:
    del ctx, param
    return parse_url(value) if isinstance(value, str) else tuple(map(parse_url, value))


@click.command("ls", cls=Command, formats=("text", "json", "csv"))
@click.argument("url", type=URL, callback=_parse)
@click.option("-r", "--recursive", is_flag=True, help="List every object below, not only the first level.")
@click.pass_obj
def ls(runtime: Runtime, url: StoreURL, recursive: bool) -> None:
    """List objects.

    URL is file://DIR, s3://BUCKET/PREFIX, gs://..., az://..., or a local path. With -o json every object is one
    JSON document on a line of its own; sizes are bytes, times seconds since 1970.
    """
    runtime.show_items(
        list_url(url, options=runtime.store_options(), recursive=recursive),
        line=_line,
        columns=("kind", "name", "size", "modified", "etag"),
        row=lambda found: (found.kind, found.name, found.size, found.modified, found.etag),
    )


@click.command("cat", cls=Command, formats=("text",))
@click.argument("url", type=URL, callback=_parse)
@click.option("--start", type=click.IntRange(min=0), default=0, metavar="BYTES", help="Skip so many bytes.")
@click.option("--length", type=click.IntRange(min=0), metavar="BYTES", help="Print at most so many bytes.")
@click.pass_obj
def cat(runtime: Runtime, url: StoreURL, start: int, length: int | None) -> None:
    """Print the bytes of an object."""
    store, key = open_object(url, options=runtime.store_options())
    with closing(store), store.get(key, start=start, length=length) as body:
        while block := body.read(_BLOCK):
            runtime.write_bytes(block)


@click.command("stat", cls=Command)
@click.argument("url", type=URL, callback=_parse)
@click.pass_obj
def stat(runtime: Runtime, url: StoreURL) -> None:
    """Show what is known of one object."""
    store, key = open_object(url, options=runtime.store_options())
    with closing(store):
        runtime.show(store.stat(key), text=_facts)


@click.command("du", cls=Command, formats=("text", "json", "csv"))
@click.argument("url", type=URL)
@click.option("--depth", type=click.IntRange(min=0), default=0, show_default=True, help="Folders so deep as well.")
@click.pass_obj
def du(runtime: Runtime, url: str, depth: int) -> None:
    """Add up how much is below a place.

    One line for each folder down to --depth, and one for everything at the end. With -o json each is a JSON document on
    a line of its own, the last with an empty name.
    """
    from opsctl.transfer import measure

    runtime.show_items(
        measure(url, depth=depth, options=runtime.store_options()),
        line=lambda found: f"{size(found.bytes):>8}  {found.objects:>8}  {spell(found.name) or url}",
        columns=("name", "objects", "bytes"),
        row=lambda found: (found.name, found.objects, found.bytes),
    )


@click.command("presign", cls=Command)
@click.argument("url", type=URL, callback=_parse)
@click.option("--method", type=click.Choice(["GET", "PUT"]), default="GET", show_default=True, help="What it allows.")
@click.option(
    "--expires",
    callback=as_duration,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="For how long, for example 15m.",
)
@click.pass_obj
def presign(runtime: Runtime, url: StoreURL, method: str, expires: float) -> None:
    """Make a URL that works without credentials.

    Whoever has it can read the object, or with --method PUT write it, until it expires.
    """
    store, key = open_object(url, options=runtime.store_options())
    with closing(store):
        if not isinstance(store, CanPresign):
            raise UsageError(f"{store.url} cannot make such URLs", hint="S3, Google Cloud Storage and Azure can")
        made = store.presign(key, method=method, seconds=round(expires))
    runtime.show({"url": made, "method": method, "expires": expires}, text=lambda _: made)


@click.command("mb", cls=Command)
@click.argument("url", type=URL, callback=_parse)
@click.pass_obj
def mb(runtime: Runtime, url: StoreURL) -> None:
    """Make a bucket.

    A container on Azure, a directory on file://. One that is there already, and ours, is no error.
    """
    with closing(_bucket(runtime, url)) as store:
        store.make_bucket()
    runtime.show({"made": str(url)}, text=lambda found: f"made {found['made']}")


@click.command("rb", cls=Command)
@click.argument("url", type=URL, callback=_parse)
@click.pass_obj
def rb(runtime: Runtime, url: StoreURL) -> None:
    """Remove an empty bucket.

    Exits with 1 when it holds anything: `opsctl storage rm -r` empties it.
    """
    with closing(_bucket(runtime, url)) as store:
        store.remove_bucket()
    runtime.show({"removed": str(url)}, text=lambda found: f"removed {found['removed']}")


class _BucketStore(Store, HasBuckets, Protocol):
    """What `mb` and `rb` need."""


def _bucket(runtime: Runtime, url: StoreURL) -> _BucketStore:
    if url.scheme != "file" and url.path.strip("/"):
        raise UsageError(f"{url} names more than a bucket", hint=f"{url.scheme}://{url.bucket}")
    store = open_store(url, options=runtime.store_options())
    if not isinstance(store, HasBuckets):
        raise UsageError(f"{url.scheme}:// has no buckets")
    return cast("_BucketStore", store)


@click.command("cleanup", cls=Command)
@click.argument("url", type=URL)
@click.option(
    "--older-than",
    callback=as_duration,
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Leave what is younger alone.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.pass_obj
def cleanup(runtime: Runtime, url: str, older_than: float, dry_run: bool) -> None:
    """Remove what killed transfers have left.

    Temporary files of file://, and uploads in parts that nobody finished, where the store can list them. What a running
    process of this machine still writes is never touched.
    """
    from opsctl.cli.transfers import amount, printer, show_summary
    from opsctl.transfer import clean

    verb = "would remove" if dry_run else "removed"
    result = clean(
        url,
        older_than=older_than,
        dry_run=dry_run,
        options=runtime.store_options(),
        sink=runtime.sink,
        each=printer(runtime, lambda done: f"{verb} {done.key}"),
    )
    facts = {"removed": result.copied, "bytes": result.bytes, "planned": dry_run}
    show_summary(runtime, facts, f"{verb} {amount(result.copied, result.bytes)}")


def _line(found: Listed) -> str:
    length = "-" if found.size is None else size(found.size)
    time = "-" if found.modified is None else timestamp(found.modified)
    return f"{length:>8}  {time:>19}  {spell(found.name)}"


def _facts(found: ObjectInfo) -> str:
    facts = msgspec.to_builtins(found)
    facts["size"] = f"{found.size} ({size(found.size)})" if found.size >= _BLOCK else found.size
    for name in ("mtime", "written"):
        facts[name] = timestamp(facts[name]) if facts.get(name) else ""
    nested = {f"{name}.{key}": value for name in ("checksums", "metadata") for key, value in facts.pop(name).items()}
    return describe({name: value for name, value in {**facts, **nested}.items() if value not in ("", False)})
