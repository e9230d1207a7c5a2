"""`opsctl doctor`: is everything there that opsctl needs?"""

from __future__ import annotations

import click

from opsctl.cli.doctor import NAMES, Check, Diagnosis, Surroundings, examine
from opsctl.cli.groups import Command
from opsctl.cli.output.ansi import clean, paint
from opsctl.cli.runtime import Runtime
from opsctl.errors import ConfigError

__all__ = ["doctor"]

_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor", cls=Command)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    help="Look at nothing else, and take it for needed. Can be repeated.",
)
@click.pass_obj
def doctor(runtime: Runtime, only: tuple[str, ...]) -> int:
    """Check engine, credentials, stores and tools.

    Nothing is changed. What the project does not need is a warning, not a failure. Exits with the code of the
    first failure: 1 disk, 3 configuration, 4 a bucket is not there, 5 credentials, 6 nobody answers, 9 a tool
    is missing; with 0 when there is none.
    """
    diagnosis = examine(_surroundings(runtime), only=only)
    runtime.show(diagnosis, text=_text)
    return diagnosis.exit_code


def _surroundings(runtime: Runtime) -> Surroundings:
    if not runtime.has_project():
        return Surroundings(runtime.cwd, runtime.env)
    try:
        return Surroundings(runtime.cwd, runtime.env, runtime.load_project())
    except ConfigError as error:
        return Surroundings(runtime.cwd, runtime.env, broken=error)


def _text(diagnosis: Diagnosis) -> str:
    lines = [line for check in diagnosis.checks for line in _lines(check)]
    return "\n".join(lines) or "nothing of this kind is in the project"


def _lines(check: Check) -> list[str]:
    subject = f"{clean(check.subject)}: " if check.subject else ""
    status = paint(f"{check.status:<4}", _COLORS[check.status])
    lines = [f"{status}  {check.name:<8}  {subject}{clean(check.detail)}"]
    return [*lines, f"{'':>16}{paint('cure:', 'cyan')} {clean(check.cure)}"] if check.cure else lines
