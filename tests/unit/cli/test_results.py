"""Results on standard output: what a terminal would act on never reaches one, and a pipe gets every byte."""

import io
from pathlib import Path

import pytest

from opsctl.cli.output.table import Column, Table
from opsctl.cli.runtime import Runtime

NAME = 'a\x1b[2J\r\x9b,"b"\n\tc\u202e'
KEPT = '"a\x1b[2J\r\x9b,""b""\n\tc\u202e"'
SHOWN = '"a\\x1b[2J\\r\\x9b,""b""\n\tc\\u202e"'


class Terminal(io.StringIO):
    """A terminal that keeps what it is sent."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def printed(stdout: io.StringIO, *, one_by_one: bool) -> str:
    runtime = Runtime(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), env={}, cwd=Path("/"))
    runtime.settings.output = "csv"
    if one_by_one:
        runtime.show_items([NAME], line=str, columns=["name"], row=lambda name: [name])
    else:
        runtime.show([NAME], text=lambda names: Table((Column("name"),), [(name,) for name in names]))
    return stdout.getvalue()


@pytest.mark.parametrize("one_by_one", [False, True])
def test_csv_cannot_act_on_a_terminal(one_by_one: bool) -> None:  # noqa: FBT001 - a parameter
    assert printed(Terminal(), one_by_one=one_by_one) == f"name\n{SHOWN}\n"


@pytest.mark.parametrize("one_by_one", [False, True])
def test_csv_in_a_pipe_keeps_every_byte(one_by_one: bool) -> None:  # noqa: FBT001 - a parameter
    assert printed(io.StringIO(), one_by_one=one_by_one) == f"name\n{KEPT}\n"
