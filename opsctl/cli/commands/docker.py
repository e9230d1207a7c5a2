"""`opsctl docker build|test|push|prune`: images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from opsctl.cli.groups import Command
from opsctl.cli.names import complete_environment, complete_service
from opsctl.cli.output.table import Column, Table
from opsctl.cli.output.units import size
from opsctl.cli.runtime import Runtime
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.config.models import TestCheck
    from opsctl.docker.build import BuildRequest, BuildResult
    from opsctl.docker.prune import PruneResult
    from opsctl.docker.push import PushResult
    from opsctl.docker.test import TestRequest, TestResult

__all__ = ["build", "prune", "push", "test"]

F = TypeVar("F", bound=Callable[..., Any])


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Split `NAME=VALUE`; a build argument without `=` takes its value from the environment, as with docker."""
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not name or (not equals and param.name != "args"):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", ctx, param)
        if equals or name in ctx.obj.env:
            pairs[name] = text if equals else ctx.obj.env[name]
    return pairs


def _on_engine(command: F) -> F:
    """Add the options that say which engine and which service."""
    env = click.option(
        "--env",
        "env",
        metavar="ENV",
        default="",
        shell_complete=complete_environment,
        help="Environment of the service.",
    )
    service = click.option(
        "-s", "--service", metavar="NAME", shell_complete=complete_service, help="A service of opsctl.yaml."
    )
    return _engine_option(service(env(command)))


def _engine_option(command: F) -> F:
    return click.option(
        "--engine",
        metavar="URL",
        default="",
        help="Address of the engine; by default DOCKER_HOST, then the current docker context.",
    )(command)


@click.command("build", cls=Command)
@click.argument("context", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="Dockerfile.  [default: CONTEXT/Dockerfile]")
@click.option("-t", "--tag", "tags", metavar="NAME[:TAG]", multiple=True, help="Name of the image. Can be repeated.")
@click.option("--build-arg", "args", metavar="NAME[=VALUE]", multiple=True, callback=_pairs, help="Build argument.")
@click.option("--label", "labels", metavar="NAME=VALUE", multiple=True, callback=_pairs, help="Label of the image.")
@click.option("--target", metavar="STAGE", default="", help="Stage to build.  [default: the last one]")
@click.option("--pull", is_flag=True, help="Fetch the base images anew.")
@click.option("--force", is_flag=True, help="Build although nothing has changed, and without cached layers.")
@click.option(
    "--builder",
    type=click.Choice(["auto", "classic", "buildx"]),
    default="auto",
    help="auto takes buildx where it is installed.",
)
@_on_engine
@click.pass_obj
def build(runtime: Runtime, /, **options: Any) -> None:
    r"""Build an image, unless the engine has it already.

    An image of the same content (files, Dockerfile, arguments, labels, target, base images) is only tagged. CONTEXT
    is the directory whose files the Dockerfile can use. Build arguments stay in the image's history: no secrets.

    \b
    opsctl docker build . -t web:1 --build-arg VERSION=1.4.2
    opsctl docker build . -f docker/prod.Dockerfile --target prod -t registry.example.com/acme/web:1
    opsctl docker build --service web
    """
    from opsctl.docker.build import build as build_image
    from opsctl.docker.engine import connect

    request = _build_request(runtime, **options)
    with connect(options["engine"]) as engine:
        runtime.show(build_image(request, engine, runtime.sink), text=_built)


@click.command("test", cls=Command, formats=("text", "json", "csv"))
@click.argument("image", required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="YAML file with a list of checks.")
@click.option("--run", "commands", metavar="COMMAND", multiple=True, help="Check that a shell command succeeds.")
@click.option("--http", "paths", metavar="PATH", multiple=True, help="Check that a path is answered with status 200.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port for HTTP checks that name none.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JUnit XML too.")
@_on_engine
@click.pass_obj
def test(runtime: Runtime, /, **options: Any) -> int:
    r"""Test an image in containers.

    The checks are those of a service, of a file with the same form as `test:` in opsctl.yaml, and of the command
    line. All of them are made; if one does not hold the exit code is 1.

    \b
    opsctl docker test --service web --junit out/web.xml
    opsctl docker test web:1 --run 'pytest -q' --http /up --port 8000
    opsctl docker test web:1 -f checks.yaml
    """
    from opsctl import junit
    from opsctl.docker.engine import connect
    from opsctl.docker.test import run, suite

    request = _test_request(runtime, **options)
    with connect(options["engine"]) as engine:
        result = run(request, engine, runtime.sink)
    if options["junit"]:
        junit.write(options["junit"], [suite(result)])
    runtime.show(result, text=_checks)
    return 1 if result.failed else 0


@click.command("push", cls=Command)
@click.argument("references", nargs=-1, metavar="[NAME[:TAG]]...")
@_on_engine
@click.pass_obj
def push(runtime: Runtime, references: tuple[str, ...], service: str | None, env: str, engine: str) -> None:
    r"""Push images and prove that the registry has them.

    Credentials are those of `docker login`. Prints the name and digest of each, which nobody can move.

    \b
    opsctl docker push registry.example.com/acme/web:1 registry.example.com/acme/web:latest
    opsctl docker push --service web
    """
    from opsctl.docker.engine import connect
    from opsctl.docker.push import PushRequest
    from opsctl.docker.push import push as push_images
    from opsctl.docker.service import to_push

    if service and references:
        raise UsageError("give images or --service, not both")
    request = PushRequest(references=references)
    if service:
        request = to_push(runtime.load_project(targets=False), service, env=env)
    with connect(engine) as connected:
        runtime.show(push_images(request, connected, runtime.sink), text=_pushed)


@click.command("prune", cls=Command, formats=("text", "json", "csv"))
@click.option(
    "--keep", type=click.IntRange(min=0), default=10, show_default=True, help="Newest images of every name that stay."
)
@click.option("-y", "--yes", is_flag=True, help="Remove them; without it they are only listed.")
@_engine_option
@click.pass_obj
def prune(runtime: Runtime, keep: int, yes: bool, engine: str) -> None:
    r"""Remove images that opsctl built and nobody needs.

    What a container uses, what a release can be rolled back to and the newest of every name stays, and so does
    whatever others built. Containers that killed tests have left go too.

    \b
    opsctl docker prune                  list what would go
    opsctl docker prune --keep 3 --yes   remove it
    """
    from opsctl.docker.engine import connect
    from opsctl.docker.prune import PruneRequest
    from opsctl.docker.prune import prune as prune_images

    with connect(engine) as connected:
        result = prune_images(PruneRequest(keep=keep, dry_run=not yes), connected, runtime.sink)
    runtime.show(result, text=_leftovers)


def _build_request(
    runtime: Runtime,
    *,
    context: Path | None,
    file: Path | None,
    tags: tuple[str, ...],
    args: dict[str, str],
    labels: dict[str, str],
    service: str | None,
    env: str,
    engine: str,
    **options: Any,
) -> BuildRequest:
    from opsctl.docker.build import BuildRequest
    from opsctl.docker.service import to_build

    del engine
    options = {name: value for name, value in options.items() if value}
    if service is None:
        if context is None:
            raise UsageError("name a directory to build, or --service", hint="for example: opsctl docker build .")
        dockerfile = file.absolute() if file else Path("Dockerfile")
        return BuildRequest(context=context, dockerfile=dockerfile, tags=tags, args=args, labels=labels, **options)
    if context or file:
        raise UsageError("give a directory or --service, not both")
    request = to_build(runtime.load_project(targets=False), service, env=env)
    return replace(
        request,
        tags=(*request.tags, *tags),
        args={**request.args, **args},
        labels={**request.labels, **labels},
        **options,
    )


def _test_request(
    runtime: Runtime,
    *,
    image: str | None,
    file: Path | None,
    commands: tuple[str, ...],
    paths: tuple[str, ...],
    port: int | None,
    service: str | None,
    env: str,
    **options: Any,
) -> TestRequest:
    from opsctl.config.models import HttpCheck, TestCheck
    from opsctl.docker.service import to_test
    from opsctl.docker.test import TestRequest

    del options
    extra = [*(TestCheck(run=command) for command in commands), *(TestCheck(http=HttpCheck(path=it)) for it in paths)]
    checks = [*(_read_checks(file) if file else ()), *extra]
    if service:
        request = to_test(runtime.load_project(targets=False), service, image=image or "", env=env)
        return replace(request, checks=[*request.checks, *checks], port=port or request.port)
    if image is None:
        raise UsageError("name an image to test, or --service", hint="for example: opsctl docker test web:1 --http /")
    if not checks:
        raise UsageError("there is nothing to check", hint="add --run, --http, -f FILE or --service")
    return TestRequest(image=image, checks=checks, port=port)


def _read_checks(file: Path) -> list[TestCheck]:
    from opsctl.config import yaml
    from opsctl.config.binder import Binder
    from opsctl.config.models import TestCheck

    binder = Binder(yaml.read(file))
    checks = binder.bind(binder.root, list[TestCheck])
    binder.finish()
    return list(checks or ())


def _built(result: BuildResult) -> str:
    return "\n".join([result.image_id, *result.tags])


def _checks(result: TestResult) -> Table:
    columns = (
        Column("check", shrink=True),
        Column("result", color=lambda value: "green" if value == "passed" else "red"),
        Column("seconds", text=lambda value: f"{value:.1f}", align="right"),
        Column("message", shrink=True),
    )
    rows = [
        (check.name, "passed" if check.passed else "failed", check.seconds, check.message) for check in result.checks
    ]
    return Table(columns, rows, empty="no checks")


def _pushed(result: PushResult) -> str:
    return "\n".join(item.pinned for item in result.pushed)


def _leftovers(result: PruneResult) -> Table:
    columns = (Column("kind"), Column("id", text=_short), Column("names", shrink=True), Column("size", text=size))
    rows = [(item.kind, item.id, " ".join(item.names), item.size) for item in result.removed]
    return Table(columns, rows, empty="nothing to remove")


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]
