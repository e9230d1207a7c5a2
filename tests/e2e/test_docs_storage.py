"""docs/storage.md has an example of every option of every storage command (tests/e2e/test_docs.py runs them)."""

import re
from pathlib import Path

import click
import pytest

from opsctl.cli.app import COMMANDS
from opsctl.cli.groups import Branch, load
from opsctl.cli.options import GlobalOption

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()
STORAGE = COMMANDS["storage"]
assert isinstance(STORAGE, Branch)


@pytest.mark.parametrize("name", STORAGE.commands)
def test_every_option_has_an_example(name: str) -> None:
    assert isinstance(STORAGE, Branch)
    command = load(STORAGE.commands[name])
    examples = " ".join(re.findall(rf"opsctl storage {name} [^\n]*", PAGE))
    assert examples, f"{name} has no example"
    options = [param for param in command.params if isinstance(param, click.Option)]
    words = set(examples.replace("=", " ").split())
    missing = [
        option.opts for option in options if not isinstance(option, GlobalOption) and not words & set(option.opts)
    ]
    assert not missing
