"""What the start of the program may import; every entry of the command table holds what it says.

Each import on the way to `--help` is paid by every TAB that somebody presses (benchmarks/start.py measures it).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import click
import pytest

from opsctl.cli.app import COMMANDS
from opsctl.cli.groups import Branch, Entry, load

START = {
    "opsctl",
    "opsctl.cli",
    "opsctl.cli.app",
    "opsctl.cli.boundary",
    "opsctl.cli.groups",
    "opsctl.cli.main",
    "opsctl.cli.options",
    "opsctl.cli.runtime",
}
"""All that `--help`, TAB and a wrong name need of opsctl."""

SDKS = frozenset({"boto3", "botocore", "google", "azure", "docker", "dask", "distributed", "rich"})
HEAVY = SDKS | frozenset(
    {
        *("yaml", "msgspec"),
        *("asyncio", "concurrent", "email", "http", "json", "logging", "multiprocessing", "socket", "sqlite3", "ssl"),
        *("subprocess", "tempfile", "urllib3", "requests", "pydantic", "attrs"),
    }
)

DUMP = """
import sys
before = set(sys.modules)
from opsctl.cli.main import main
code = main({args!r})
sys.stdout.flush()
print(file=sys.stderr)
print(*sorted(set(sys.modules) - before), file=sys.stderr)
sys.exit(code)
"""


@cache
def imported(args: tuple[str, ...], completing: str = "") -> frozenset[str]:
    """Return the modules that a run of the program imports in a fresh interpreter."""
    env = dict(os.environ)
    if completing:
        env |= {"_OPSCTL_COMPLETE": "bash_complete", "COMP_WORDS": completing, "COMP_CWORD": str(completing.count(" "))}
    argv = [sys.executable, "-c", DUMP.format(args=args)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    return frozenset(done.stderr.splitlines()[-1].split())


def ours(modules: frozenset[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "opsctl"}


def others(modules: frozenset[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules} - {"opsctl"}
    return {top for top in tops if top not in sys.stdlib_module_names}


def test_version_imports_nothing_but_itself() -> None:
    modules = imported(("--version",))
    assert ours(modules) == {"opsctl", "opsctl.cli", "opsctl.cli.main"}
    assert not others(modules)
    assert len(modules) <= 5


COMMAND = "opsctl.cli.commands."
BRANCHES = {name for name, found in COMMANDS.items() if isinstance(found, Branch)}
DEFAULTS = {name for name, found in COMMANDS.items() if isinstance(found, Branch) and found.default is not None}
STARTS = [
    pytest.param(("--help",), "", id="--help"),
    pytest.param((), "opsctl ", id="TAB"),
    pytest.param((), "opsctl sto", id="TAB in a word"),
    pytest.param((), "opsctl storage ", id="TAB in a group"),
    pytest.param((), "opsctl --", id="TAB in options"),
    *(pytest.param((name, "--help"), "", id=f"{name} --help") for name in sorted(BRANCHES - DEFAULTS)),
]


@pytest.mark.parametrize(("args", "completing"), STARTS)
def test_help_and_completion_import_no_command(args: tuple[str, ...], completing: str) -> None:
    modules = imported(args, completing)
    assert ours(modules) == START
    assert others(modules) == {"click"}
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) <= 130, "the start imports more and more"


@pytest.mark.parametrize("words", ["opsctl deploy ", "opsctl deploy web --env ", "opsctl docker build --service "])
def test_names_of_the_project_cost_its_command_and_yaml(words: str) -> None:
    modules = imported((), words)
    assert "opsctl.cli.names" in modules
    assert not {name for name in ours(modules) if name.startswith(("opsctl.config", "opsctl.deploy", "opsctl.docker"))}
    assert not others(modules) & {*SDKS, "msgspec"}


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_help_of_a_default_command_imports_only_that_one(name: str) -> None:
    """`opsctl deploy --help` shows the options of `opsctl deploy SERVICE`."""
    branch = COMMANDS[name]
    assert isinstance(branch, Branch)
    assert branch.default is not None
    modules = imported((name, "--help"))
    assert {module for module in modules if module.startswith(COMMAND)} == {branch.default.target.partition(":")[0]}
    assert not others(modules) & SDKS


@pytest.mark.parametrize("args", [("strorage",), ("storage", "lls"), ("storage", "ls", "--nope")])
def test_a_wrong_name_costs_its_message_only(args: tuple[str, ...]) -> None:
    modules = imported(args)
    commands = {name for name in ours(modules) if name.startswith(COMMAND)}
    assert commands <= ({"opsctl.cli.commands.storage"} if "ls" in args else set())
    assert "rich" not in others(modules)


def entries() -> Iterator[tuple[str, Entry]]:
    for name, found in COMMANDS.items():
        if isinstance(found, Entry):
            yield name, found
            continue
        yield from ((f"{name} {below}", entry) for below, entry in found.commands.items())
        if found.default is not None:
            yield f"{name} {name}", found.default


@pytest.mark.parametrize(("words", "entry"), [pytest.param(*pair, id=pair[0]) for pair in entries()])
def test_every_entry_is_the_command_it_says(words: str, entry: Entry) -> None:
    command = load(entry)
    assert command.name == words.rpartition(" ")[2]
    assert entry.summary.rstrip(".") == command.get_short_help_str(limit=200).rstrip(".")
    assert len(entry.summary) <= 100


@pytest.mark.parametrize(("words", "entry"), [pytest.param(*pair, id=pair[0]) for pair in entries()])
def test_no_command_declares_a_global_option_again(words: str, entry: Entry) -> None:
    command = load(entry)
    params = command.get_params(click.Context(command))
    names = [name for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("-")]
    assert sorted(names) == sorted(set(names))


def test_commands_import_no_sdk() -> None:
    """An SDK costs up to half a second; a command imports it with the store or engine that it opens, not before."""
    script = "import importlib, sys\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    names = sorted({entry.target.partition(":")[0] for _, entry in entries()})
    argv = [sys.executable, "-c", script.format(names=names)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert not tops & SDKS
