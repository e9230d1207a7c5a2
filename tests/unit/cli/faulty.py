"""Commands that fail in every way a command can; `program` runs them as the real program runs its own."""

import errno
import logging
import sys
import threading
import warnings

import click

from opsctl import errors
from opsctl.cli import app, main
from opsctl.cli.groups import Branch, Command, Entry
from opsctl.cli.output.table import Column, Table
from opsctl.cli.runtime import Runtime
from opsctl.events import Message, Output, SpanStarted

PROBLEMS = [
    errors.Problem("opsctl.yaml", 9, 1, "duplicate key 'env'"),
    errors.Problem("opsctl.yaml", 3, 5, "unknown key 'need'", "did you mean 'needs'?"),
]
RAISED: dict[str, BaseException] = {
    "bug": RuntimeError("token hunter2hunter2 of https://me:hunter2hunter2@host/x?sig=abcdef"),
    "config": errors.ConfigError(PROBLEMS),
    "denied": errors.DeniedError("s3://b: denied", hint="check AWS_PROFILE"),
    "disk": OSError(errno.ENOSPC, "No space left on device", "/srv/x"),
    "exit": SystemExit(5),
    "interrupt": KeyboardInterrupt(),
    "missing-file": FileNotFoundError(errno.ENOENT, "No such file or directory", "/srv/x"),
    "not-found": errors.NotFoundError("there is no service 'stats'"),
    "recursion": RecursionError("maximum recursion depth exceeded"),
    "socket": BrokenPipeError(errno.EPIPE, "Broken pipe"),
}


@click.command("fail", cls=Command)
@click.argument("how")
@click.pass_obj
def fail(runtime: Runtime, how: str) -> None:
    """Fail."""
    runtime.sink(Message("", "about to fail"))
    raise RAISED[how]


@click.command("show", cls=Command, formats=("text", "json", "csv"))
@click.option("--lines", type=int, default=1)
@click.pass_obj
def show(runtime: Runtime, lines: int) -> int:
    """Show a table and return 7."""
    runtime.sink(SpanStarted("a", "a"))
    runtime.sink(Output("a", "child"))
    rows = [("web\n\x1b[2J", number) for number in range(lines)]
    runtime.show({"rows": rows}, text=lambda result: Table((Column("name"), Column("n")), result["rows"]))
    return 7


@click.command("wait", cls=Command, formats=("text",))
@click.pass_obj
def wait(runtime: Runtime) -> None:
    """Wait for a signal."""
    runtime.print("ready")
    runtime.stdout.flush()
    threading.Event().wait()


@click.command("stray", cls=Command)
@click.pass_obj
def stray(runtime: Runtime) -> None:
    """Let a library talk and a thread die."""

    def die() -> None:
        raise RAISED["bug"]

    warnings.warn("old API", FutureWarning, stacklevel=1)
    logging.getLogger("urllib3").warning("Retrying https://host/x?sig=abcdef")
    logging.getLogger("botocore").info("not told")
    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    runtime.print("done")


@click.command("where", cls=Command)
@click.pass_obj
def where(runtime: Runtime) -> None:
    """Show the working directory."""
    runtime.print(str(runtime.cwd))


@click.command("settings", cls=Command)
@click.argument("words", nargs=-1)
@click.option("--env")
@click.pass_obj
def settings(runtime: Runtime, words: tuple[str, ...], env: str | None) -> None:
    """Show the settings."""
    values = {name: getattr(runtime.settings, name) for name in runtime.settings.__slots__}
    runtime.show({**values, "words": words, "env": env}, text=str)


@click.command("verb", cls=Command)
@click.pass_obj
def verb(runtime: Runtime) -> None:
    """Be a command of a group."""
    runtime.show({"verb": True, "output": runtime.settings.output}, text=str)


@click.command("give-up", cls=Command)
@click.argument("word")
def give_up(word: str) -> None:
    """Say what was meant."""
    raise errors.NotFoundError("there is no service 'x'", hint="services: web")


HERE = f"{__name__}:"
TABLE = {
    "fail": Entry(f"{HERE}fail", "Fail."),
    "roll": Branch(
        "Settings or verb.",
        {"verb": Entry(f"{HERE}verb", "Be a command of a group."), "status": Entry(f"{HERE}give_up", "x")},
        default=Entry(f"{HERE}settings", "Show the settings."),
    ),
    "sail": Branch("Nothing.", {"verb": Entry(f"{HERE}verb", "x")}, default=Entry(f"{HERE}give_up", "x")),
    "settings": Entry(f"{HERE}settings", "Show the settings."),
    "show": Entry(f"{HERE}show", "Show a table and return 7."),
    "stray": Entry(f"{HERE}stray", "Let a library talk and a thread die."),
    "where": Entry(f"{HERE}where", "Show the working directory."),
    "wait": Entry(f"{HERE}wait", "Wait for a signal."),
}


def program() -> int:
    """Run the program with these commands beside its own."""
    app.COMMANDS = {**app.COMMANDS, **TABLE}
    return main.main()


if __name__ == "__main__":
    sys.exit(program())
