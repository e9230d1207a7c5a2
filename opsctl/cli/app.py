"""The tree of commands: one static table, from which the lazy groups are made.

A command is one line here and one `click.Command` in `opsctl.cli.commands`, made with
`@click.command(cls=Command)` (see `opsctl.cli.groups`); `@click.pass_obj` hands it the `Runtime`. A listed
command must work: the line is added with the command. The summary is the first sentence of the command's help
(a test compares them). A branch with a `default` runs that command for a first word that is no command:
`opsctl deploy web` beside `opsctl deploy status`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from opsctl import __version__
from opsctl.cli.groups import Branch, Entry, LazyGroup

__all__ = ["COMMANDS", "make_app"]

_AT = "opsctl.cli.commands"

COMMANDS: Mapping[str, Entry | Branch] = {
    "init": Entry(f"{_AT}.init:init", "Write opsctl.yaml, pipelines and a GitHub workflow."),
    "doctor": Entry(f"{_AT}.doctor:doctor", "Check engine, credentials, stores and tools."),
    "run": Entry(f"{_AT}.pipeline:run", "Run a pipeline."),
    "pipeline": Branch(
        "Run, check and look at pipelines.",
        {
            "run": Entry(f"{_AT}.pipeline:run", "Run a pipeline."),
            "validate": Entry(f"{_AT}.pipeline:validate", "Check a pipeline file without touching anything else."),
            "plan": Entry(f"{_AT}.pipeline:plan", "Show what a run would do, in order."),
            "graph": Entry(f"{_AT}.pipeline:graph", "Draw which step needs which."),
            "schema": Entry(f"{_AT}.pipeline:schema", "Print the JSON Schema of pipeline files."),
        },
    ),
    "deploy": Branch(
        "Deploy services, show what runs, roll back.",
        {
            "plan": Entry(f"{_AT}.deploy:plan", "Say what a deploy would do and why, and touch nothing."),
            "status": Entry(
                f"{_AT}.deploy:status", "Show what serves, where, and whether that is what the records say."
            ),
            "history": Entry(
                f"{_AT}.deploy:history", "List the releases of a service, failed ones too, the latest first."
            ),
            "rollback": Entry(
                f"{_AT}.deploy:rollback", "Make an earlier release serve again, behind the same health gate."
            ),
            "unlock": Entry(f"{_AT}.deploy:unlock", "Release the lock of a service by force."),
        },
        default=Entry(
            f"{_AT}.deploy:deploy",
            "Deploy a service: build, test, push, start, check its health, switch, retire what ran before.",
        ),
    ),
    "docker": Branch(
        "Build, test, push and prune images.",
        {
            "build": Entry(f"{_AT}.docker:build", "Build an image, unless the engine has it already."),
            "test": Entry(f"{_AT}.docker:test", "Test an image in containers."),
            "push": Entry(f"{_AT}.docker:push", "Push images and prove that the registry has them."),
            "prune": Entry(f"{_AT}.docker:prune", "Remove images that opsctl built and nobody needs."),
        },
    ),
    "storage": Branch(
        "Work with objects in S3, Google Cloud, Azure and local stores.",
        {
            "ls": Entry(f"{_AT}.storage:ls", "List objects."),
            "cat": Entry(f"{_AT}.storage:cat", "Print the bytes of an object."),
            "cp": Entry(f"{_AT}.storage_copy:cp", "Copy objects."),
            "mv": Entry(f"{_AT}.storage_copy:mv", "Move objects."),
            "rm": Entry(f"{_AT}.storage_copy:rm", "Delete objects."),
            "sync": Entry(f"{_AT}.storage_sync:sync", "Make DST equal to SRC."),
            "check": Entry(f"{_AT}.storage_sync:check", "Compare two places by checksum."),
            "du": Entry(f"{_AT}.storage:du", "Add up how much is below a place."),
            "stat": Entry(f"{_AT}.storage:stat", "Show what is known of one object."),
            "presign": Entry(f"{_AT}.storage:presign", "Make a URL that works without credentials."),
            "mb": Entry(f"{_AT}.storage:mb", "Make a bucket."),
            "rb": Entry(f"{_AT}.storage:rb", "Remove an empty bucket."),
            "cleanup": Entry(f"{_AT}.storage:cleanup", "Remove what killed transfers have left."),
        },
    ),
    "config": Branch(
        "Show and check opsctl.yaml.",
        {
            "check": Entry(f"{_AT}.config:check", "Check the project file without touching anything else."),
            "schema": Entry(f"{_AT}.config:schema", "Print the JSON Schema of opsctl.yaml."),
            "show": Entry(f"{_AT}.config:show", "Show the project as opsctl sees it, defaults included."),
        },
    ),
    "completion": Entry(f"{_AT}.completion:completion", "Print the completion script of a shell."),
}

_HELP = """Build, test, ship, roll out and watch services from one command line.

Results go to standard output, everything else to standard error.
"""

_EPILOG = """Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 not found, 5 denied, 6 transient, 7 partial,
8 rolled back, 9 tool missing, 10 lock or approval timed out, 11 rollback failed, 12 state unknown, 70 bug,
130 interrupted, 141 closed pipe.
"""


def make_app() -> LazyGroup:
    """Make the root command."""
    version = click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
    )
    settings = {"max_content_width": 100}
    return LazyGroup("opsctl", COMMANDS, help=_HELP, epilog=_EPILOG, params=[version], context_settings=settings)


def _version(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    del param
    if value and not ctx.resilient_parsing:
        ctx.obj.print(f"opsctl {__version__}")
        ctx.exit()
