"""`opsctl init`: the first files of a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from opsctl.cli.groups import Command
from opsctl.cli.output.ansi import clean, paint
from opsctl.cli.runtime import Runtime
from opsctl.cli.starter import HOW_TO_INSTALL, Planted, make_files, plant, survey
from opsctl.cli.starter.survey import to_name
from opsctl.errors import UsageError
from opsctl.events import Message

__all__ = ["init"]


@click.command("init", cls=Command)
@click.argument("directory", type=click.Path(path_type=Path), default=".")
@click.option("--name", help="Name of the project.  [default: made from the directory's]")
@click.pass_obj
def init(runtime: Runtime, directory: Path, name: str | None) -> None:
    """Write opsctl.yaml, pipelines and a GitHub workflow.

    They are made from what is found: a Dockerfile, a Python project, tests. Files that are there already stay as
    they are. Only on a terminal, without --name, you are asked for the name of the project.
    """
    root = runtime.cwd / directory
    found = survey(root)
    chosen = name if name is not None else _ask(runtime, found.name)
    if chosen != to_name(chosen):
        raise UsageError(f"{chosen!r} is no name for a project", hint=f"for example {to_name(chosen)!r}")
    planted = plant(root, make_files(replace(found, name=chosen)), project=chosen)
    runtime.show(planted, text=_text)
    if any(name.startswith(".github/") for name in planted.written):
        runtime.sink(Message("", f"before the workflow can run: {HOW_TO_INSTALL}"))
    runtime.sink(Message("", "next: opsctl config check, opsctl doctor, opsctl run pipelines/ci.yaml"))


def _ask(runtime: Runtime, default: str) -> str:
    if not runtime.interactive:
        return default
    answer: str = click.prompt("Name of the project", default=default, err=True)
    return answer


def _text(planted: Planted) -> str:
    lines = [f"{paint('wrote', 'green')}  {clean(name)}" for name in planted.written]
    return "\n".join([*lines, *(f"{paint('kept ', 'dim')}  {clean(name)}" for name in planted.kept)])
