"""`opsctl storage ls|cat|cp|stat|rm`: objects on every kind of store."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click
import msgspec

from opsctl.cli.groups import Command
from opsctl.cli.output.table import describe
from opsctl.cli.output.units import size, timestamp
from opsctl.cli.runtime import Runtime
from opsctl.errors import UsageError
from opsctl.storage import ObjectInfo, StoreOptions, StoreURL, parse_url
from opsctl.storage.listing import Listed, list_url, open_object

__all__ = ["cat", "cp", "ls", "rm", "stat"]

_BLOCK = 1024 * 1024


def _parse(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...]) -> Any:
    del ctx, param
    return parse_url(value) if isinstance(value, str) else tuple(map(parse_url, value))


@click.command("ls", cls=Command, formats=("text", "json", "csv"))
@click.argument("url", type=click.Path(), callback=_parse)
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
@click.argument("url", type=click.Path(), callback=_parse)
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
@click.argument("url", type=click.Path(), callback=_parse)
@click.pass_obj
def stat(runtime: Runtime, url: StoreURL) -> None:
    """Show what is known of one object."""
    store, key = open_object(url, options=runtime.store_options())
    with closing(store):
        runtime.show(store.stat(key), text=_facts)


@click.command("cp", cls=Command)
@click.argument("sources", type=click.Path(), nargs=-1, required=True, metavar="SOURCE...")
@click.argument("destination", type=click.Path(), metavar="DIRECTORY")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=8, show_default=True, help="Objects at once.")
@click.pass_obj
def cp(runtime: Runtime, sources: tuple[str, ...], destination: str, jobs: int) -> None:
    """Copy objects to below a directory.

    A SOURCE is a file, a directory (what it holds is copied), a pattern ('dist/*.whl', with quotes) or the URL of an
    object or of a folder. DIRECTORY is a local directory, or a URL that ends with '/'. Every copy is verified.
    Objects of the same name are replaced, others there are left alone. Exits with 7 when some were not copied.
    """
    from opsctl.docker.spans import span
    from opsctl.transfer import CopyRequest, copy

    request = CopyRequest(sources, _directory(runtime, destination), runtime.cwd, jobs, options=runtime.store_options())
    with span(runtime.sink, "transfer", "copy") as outcome:
        result = copy(request, sink=runtime.sink, span="transfer")
        outcome.detail = f"{_objects(result.copied)}, {size(result.bytes)}"
    copied = {"copied": result.copied, "bytes": result.bytes, "destination": destination}
    runtime.show(copied, text=lambda _: f"copied {outcome.detail} to {destination}")


def _directory(runtime: Runtime, destination: str) -> str:
    url = parse_url(destination)
    if destination.endswith("/") or not url.path or (url.scheme == "file" and (runtime.cwd / url.path).is_dir()):
        return destination
    raise UsageError(f"{destination!r} is not a directory", hint=f"copies go below it: write {destination + '/'!r}")


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


@click.command("rm", cls=Command)
@click.argument("urls", type=click.Path(), callback=_parse, nargs=-1, required=True, metavar="URL...")
@click.pass_obj
def rm(runtime: Runtime, urls: tuple[StoreURL, ...]) -> None:
    """Delete objects.

    An object that is not there ends the command with exit code 4; what stands before it has been deleted.
    """
    deleted = (_delete(url, runtime.store_options()) for url in urls)
    runtime.show_items(deleted, line=lambda item: f"deleted {item['deleted']}", columns=(), row=list)


def _delete(url: StoreURL, options: StoreOptions) -> dict[str, str]:
    store, key = open_object(url, options=options)
    with closing(store):
        store.stat(key)  # the contract calls deleting an absent object no error; a person wants to know
        store.delete(key)
    return {"deleted": str(url)}


def _line(found: Listed) -> str:
    length = "-" if found.size is None else size(found.size)
    time = "-" if found.modified is None else timestamp(found.modified)
    return f"{length:>8}  {time:>19}  {found.name}"


def _facts(found: ObjectInfo) -> str:
    facts = msgspec.to_builtins(found)
    facts["size"] = f"{found.size} ({size(found.size)})" if found.size >= _BLOCK else found.size
    for name in ("mtime", "written"):
        facts[name] = timestamp(facts[name]) if facts.get(name) else ""
    nested = {f"{name}.{key}": value for name in ("checksums", "metadata") for key, value in facts.pop(name).items()}
    return describe({name: value for name, value in {**facts, **nested}.items() if value not in ("", False)})
