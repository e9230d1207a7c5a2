"""`opsctl config`: what the project file says, where each value came from, and how the file is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from opsctl.cli.groups import Command
from opsctl.cli.runtime import Runtime
from opsctl.words import counted

if TYPE_CHECKING:
    from opsctl.cli.output.table import Table
    from opsctl.config.nodes import Origin
    from opsctl.config.project import LoadedProject

__all__ = ["check", "schema", "show"]


class Setting(NamedTuple):
    """One value and where it came from.

    Args:
        key: dotted path.
        value: plain value; a reference for a secret.
        source: file as the user gave it, "env NAME", "flag --set KEY" or "default".
        line: from 1; 0 where there is none.
        column: from 1; 0 where there is none.
    """

    key: str
    value: Any
    source: str
    line: int
    column: int

    @property
    def origin(self) -> str:
        """The place as one word: `file:line:column` or the source."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Checked(NamedTuple):
    """What `config check` found in a file that is right.

    Args:
        file: path of the file.
        services: their names.
        environments: their names.
    """

    file: str
    services: list[str]
    environments: list[str]


@click.command("check", cls=Command)
@click.pass_obj
def check(runtime: Runtime) -> None:
    """Check the project file without touching anything else.

    Every problem is reported with its place. No secret is resolved, no store or engine is asked.
    """
    loaded = runtime.load_project()
    services, environments = sorted(loaded.project.services), sorted(loaded.project.environments)
    runtime.show(Checked(loaded.name, services, environments)._asdict(), text=_checked)


@click.command("schema", cls=Command)
@click.pass_obj
def schema(runtime: Runtime) -> None:
    r"""Print the JSON Schema of opsctl.yaml.

    Editors with a YAML language server complete and check the file with it:

    \b
    opsctl config schema > opsctl.v1.schema.json
    # yaml-language-server: $schema=opsctl.v1.schema.json   (first line of opsctl.yaml)
    """
    from opsctl.config.schema import project_schema
    from opsctl.plugins import DEPLOY_TARGETS

    targets = {kind: DEPLOY_TARGETS.load(kind).options for kind in DEPLOY_TARGETS.names()}
    runtime.print(json.dumps(project_schema(targets), indent=2, ensure_ascii=False))


@click.command("show", cls=Command, formats=("text", "json", "csv"))
@click.option("--origin", is_flag=True, help="List every value with the place that it came from.")
@click.pass_obj
def show(runtime: Runtime, origin: bool) -> None:
    """Show the project as opsctl sees it, defaults included.

    Without --origin it is a complete opsctl.yaml. Secrets are shown as the references they are.
    """
    from opsctl.config.yaml import dump

    loaded = runtime.load_project()
    if origin or runtime.settings.output == "csv":
        settings = [setting._asdict() for setting in _settings(loaded)]
        runtime.show(settings, text=lambda _: _table(loaded))
    else:
        runtime.show(loaded.values, text=lambda values: dump(values).rstrip("\n"))


def _checked(found: dict[str, Any]) -> str:
    counts = (counted(len(found["services"]), "service"), counted(len(found["environments"]), "environment"))
    return f"{found['file']} is right: {', '.join(counts)}"


def _settings(loaded: LoadedProject) -> Iterator[Setting]:
    for path, origin in loaded.origins.items():
        yield _setting(loaded, path, origin)


def _setting(loaded: LoadedProject, path: tuple[str | int, ...], origin: Origin) -> Setting:
    value: Any = loaded.values
    for part in path:
        value = value[part]
    return Setting(".".join(map(str, path)), value, origin.source, origin.line, origin.column)


def _table(loaded: LoadedProject) -> Table:
    from opsctl.cli.output.table import Column, Table

    columns = (Column("key"), Column("value", text=_value_text, shrink=True), Column("origin"))
    return Table(columns, [(item.key, item.value, item.origin) for item in _settings(loaded)])


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
