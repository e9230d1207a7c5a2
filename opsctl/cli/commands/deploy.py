"""`opsctl deploy SERVICE` and its verbs: plan, status, history, rollback, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from opsctl.cli.groups import Command
from opsctl.cli.names import complete_environment, complete_service
from opsctl.cli.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from opsctl.config.project import LoadedProject

__all__ = ["deploy", "history", "plan", "rollback", "status", "unlock"]

F = TypeVar("F", bound="Callable[..., Any]")

_DOWN = 1
_PARTIAL = 7
"""Exit code when some of the targets that were asked for could not be asked."""


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    if ctx.resilient_parsing:
        return 0.0  # somebody presses TAB, and waits
    from opsctl.config.nodes import ScalarError
    from opsctl.config.scalars import Duration

    try:
        return float(Duration.parse(value))
    except ScalarError as error:
        raise click.BadParameter(f"{error} ({error.hint})" if error.hint else str(error), ctx, param) from error


def _where(command: F) -> F:
    """Add SERVICE and --env, both required."""
    option = click.option(
        "-e",
        "--env",
        metavar="ENV",
        required=True,
        shell_complete=complete_environment,
        help="Environment of opsctl.yaml.",
    )
    return click.argument("service", shell_complete=complete_service)(option(command))


def _lock_wait(command: F) -> F:
    return click.option(
        "--lock-wait",
        metavar="DURATION",
        default="0s",
        show_default=True,
        callback=_seconds,
        help="How long to wait for another deploy of the service to end.",
    )(command)


def _what(command: F) -> F:
    """Add what says which release."""
    force = "Deploy although nothing would change, and take over what another state store deployed."
    command = click.option("--force", is_flag=True, help=force)(command)
    name = "What people call it.  [default: tag or commit of the working tree]"
    command = click.option("--version", metavar="NAME", default="", help=name)(command)
    image = "An image that exists, to be deployed as it is: not built, tested or pushed."
    return click.option("--image", metavar="REF", default="", help=image)(command)


@click.command("deploy", cls=Command)
@_where
@_what
@click.option("--dry-run", is_flag=True, help="Only say what would be done; the same as `opsctl deploy plan`.")
@_lock_wait
@click.pass_obj
def deploy(runtime: Runtime, /, *, dry_run: bool, lock_wait: float, **options: Any) -> None:
    r"""Deploy a service: build, test, push, start, check its health, switch, retire what ran before.

    What runs already is left alone. When anything fails what ran before keeps serving, or serves again, and the exit
    code says so: 8 rolled back, 11 the way back failed too, 12 the target cannot be reached any more. A deploy that
    was killed is finished or undone first.

    \b
    opsctl deploy web --env prod
    opsctl deploy web --env prod --dry-run
    opsctl deploy web --env prod --image registry.example.com/acme/web:1.4.2 --version 1.4.2
    """
    from opsctl.cli.output import deploys
    from opsctl.deploy import service
    from opsctl.deploy.service import DeployRequest

    loaded = runtime.load_project()
    request = DeployRequest(**options, lock_wait=lock_wait)
    if dry_run:
        runtime.show(service.plan(loaded, request, sink=runtime.sink), text=deploys.plan)
        return
    runtime.show(service.deploy(loaded, request, sink=runtime.sink), text=deploys.result)


@click.command("plan", cls=Command)
@_where
@_what
@click.pass_obj
def plan(runtime: Runtime, /, **options: Any) -> None:
    """Say what a deploy would do and why, and touch nothing.

    Takes no lock, builds nothing and writes nothing. Differences show the names of secrets, never their values.
    """
    from opsctl.cli.output import deploys
    from opsctl.deploy import service
    from opsctl.deploy.service import DeployRequest

    loaded = runtime.load_project()
    runtime.show(service.plan(loaded, DeployRequest(**options), sink=runtime.sink), text=deploys.plan)


@click.command("rollback", cls=Command)
@_where
@click.option("--to", metavar="RELEASE", type=click.IntRange(min=1), help="Number of a kept release.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@_lock_wait
@click.pass_obj
def rollback(runtime: Runtime, /, *, to: int | None, dry_run: bool, lock_wait: float, **options: Any) -> None:
    r"""Make an earlier release serve again, behind the same health gate.

    Without --to it is the one that the serving release replaced, so a second rollback goes further back, and what
    was rolled back from is not returned to. Nothing is built, and the configuration of that release comes back with it.

    \b
    opsctl deploy rollback web --env prod
    opsctl deploy rollback web --env prod --to 41
    """
    from opsctl.cli.output import deploys
    from opsctl.deploy import service
    from opsctl.deploy.service import RollbackRequest

    loaded = runtime.load_project()
    request = RollbackRequest(**options, to=to or 0, lock_wait=lock_wait)
    if dry_run:
        runtime.show(service.plan_rollback(loaded, request, sink=runtime.sink), text=deploys.plan)
        return
    runtime.show(service.rollback(loaded, request, sink=runtime.sink), text=deploys.result)


@click.command("status", cls=Command)
@click.argument("service", required=False, default="", shell_complete=complete_service)
@click.option(
    "-e",
    "--env",
    metavar="ENV",
    default="",
    shell_complete=complete_environment,
    help="Environment of opsctl.yaml.  [default: all]",
)
@click.pass_obj
def status(runtime: Runtime, service: str, env: str) -> int:
    """Show what serves, where, and whether that is what the records say.

    Also shows a deploy that is under way or was killed, and who holds the lock. The exit code is 1 when something
    that should serve does not, and 7 when some target could not be asked.
    """
    from opsctl.cli.output import deploys
    from opsctl.deploy.status import status as look

    found = look(runtime.load_project(), service, env, sink=runtime.sink)
    runtime.show(found, text=deploys.statuses)
    if any(one.problem for one in found):
        return _PARTIAL
    return _DOWN if any(one.down for one in found) else 0


@click.command("history", cls=Command, formats=("text", "json", "csv"))
@_where
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, at most.")
@click.pass_obj
def history(runtime: Runtime, service: str, env: str, limit: int) -> None:
    """List the releases of a service, failed ones too, the latest first."""
    from opsctl.cli.output import deploys
    from opsctl.deploy.service import history as recall

    runtime.show(recall(_project(runtime), service, env, limit=limit), text=deploys.history)


@click.command("unlock", cls=Command)
@_where
@click.pass_obj
def unlock(runtime: Runtime, service: str, env: str) -> None:
    """Release the lock of a service by force.

    Needed only when a deploy died on another machine and you cannot wait half a minute for its lease to run out.
    A deploy that is still alive stops before its next step.
    """
    from opsctl.cli.output import deploys
    from opsctl.deploy.service import unlock as release

    runtime.show(release(_project(runtime), service, env), text=deploys.unlocked)


def _project(runtime: Runtime) -> LoadedProject:
    return runtime.load_project(targets=False)
