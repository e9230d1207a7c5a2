"""Secrets come from where their reference says, at the moment they are asked for, and no message holds a value."""

import os
from pathlib import Path

import pytest

from opsctl.config.scalars import SecretRef
from opsctl.config.secrets import MAX_BYTES, exposure, resolve
from opsctl.errors import DeniedError, MissingToolError, NotFoundError, OpsctlError, StepFailedError

ENV = {"PATH": os.environ["PATH"], "TOKEN": "hunter2", "EMPTY": ""}


def value(reference: str, cwd: Path) -> str:
    return resolve(SecretRef.parse(reference), env=ENV, cwd=cwd)


def test_a_variable(tmp_path: Path) -> None:
    assert value("env:TOKEN", tmp_path) == "hunter2"


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="secret env:GONE: the variable is not set") as caught:
        value("env:GONE", tmp_path)
    assert caught.value.hint == "export GONE=..."


@pytest.mark.parametrize("reference", ["env:EMPTY", "file:empty", "cmd:true"])
def test_an_empty_secret_is_a_mistake(reference: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(NotFoundError, match=f"secret {reference}: is empty"):
        value(reference, tmp_path)


def test_a_file_is_relative_to_the_project_and_loses_one_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"-----BEGIN\nabc\n-----END\n\n")
    assert value("file:key", tmp_path) == "-----BEGIN\nabc\n-----END\n"
    (tmp_path / "windows").write_bytes(b"abc\r\n")
    assert value("file:windows", tmp_path) == "abc"


def test_a_file_in_the_home_directory(tmp_path: Path, home: Path) -> None:
    (home / "token").write_text("abc")
    assert value("file:~/token", tmp_path) == "abc"


def test_a_command_runs_without_a_shell_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("from a file\n")
    assert value("cmd:cat 'a b'", tmp_path) == "from a file"
    assert value("cmd:echo $TOKEN '; id'", tmp_path) == "$TOKEN ; id"
    assert value("cmd:sh -c 'echo $TOKEN'", tmp_path) == "hunter2"


@pytest.mark.parametrize(
    ("reference", "kind", "message"),
    [
        ("file:gone", NotFoundError, "there is no such file"),
        ("file:.", StepFailedError, "cannot be read: Is a directory"),
        ("file:nul", StepFailedError, "holds a NUL character"),
        ("file:bytes", StepFailedError, "is not UTF-8 text"),
        ("file:large", StepFailedError, "is larger than 64 KiB"),
        ("cmd:no-such-program-anywhere", MissingToolError, "'no-such-program-anywhere' is not installed"),
        ("cmd:./nul", DeniedError, "'./nul' may not be run"),
        ("cmd:sh -c 'echo hunter2; echo hunter2 >&2; exit 3'", StepFailedError, "ended with exit code 3"),
    ],
)
def test_what_goes_wrong_names_the_reference_and_no_value(
    reference: str, kind: type[OpsctlError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "nul").write_bytes(b"hunter2\0")
    (tmp_path / "bytes").write_bytes(b"hunter2\xff")
    (tmp_path / "large").write_bytes(b"hunter2" * MAX_BYTES)
    with pytest.raises(kind) as caught:
        value(reference, tmp_path)
    assert caught.value.message.startswith(f"secret {reference}: ")
    assert message in caught.value.message
    assert "hunter2" not in caught.value.message.removeprefix(f"secret {reference}") + caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "key").touch(mode=0o000)
    with pytest.raises(DeniedError, match="secret file:key: the file may not be read"):
        value("file:key", tmp_path)


def test_a_file_that_everybody_can_read_is_pointed_out(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("abc")
    ref = SecretRef.parse("file:key")
    key.chmod(0o600)
    assert not exposure(ref, cwd=tmp_path)
    key.chmod(0o644)
    assert "every user of this machine can read the file" in exposure(ref, cwd=tmp_path)
    assert not exposure(SecretRef.parse("env:TOKEN"), cwd=tmp_path)
    assert not exposure(SecretRef.parse("file:gone"), cwd=tmp_path)
