"""That a program which cannot be started is an error with a cure, never a traceback."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from opsctl import process
from opsctl.errors import DeniedError, MissingToolError, OpsctlError, StepFailedError


def _start(argv: list[str], cwd: Path | None = None) -> object:
    files = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    try:
        return process.start(argv, cwd=cwd, env=dict(os.environ), files=(files[0], files[1], files[2]))
    finally:
        for file in files:
            os.close(file)


WAYS: list[Callable[..., object]] = [process.run, process.spawn, _start]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file on PATH that is no program."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    path = directory / "odd-tool"
    path.write_text("no program\n")
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by_path", [False, True], ids=["by-name", "by-path"])
def test_a_file_that_may_not_be_run_is_denied(tool: Path, way: Callable[..., object], by_path: bool) -> None:  # noqa: FBT001 - a parameter
    name = str(tool) if by_path else tool.name
    with pytest.raises(DeniedError) as caught:
        way([name, "get"])
    assert caught.value.message == f"{name!r} may not be run"
    assert "chmod +x" in caught.value.hint


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_no_program_is_named(tool: Path, way: Callable[..., object]) -> None:
    tool.chmod(0o755)
    with pytest.raises(MissingToolError) as caught:
        way([tool.name])
    assert caught.value.message == "'odd-tool' is no program that this machine can run"
    assert "#!" in caught.value.hint


@pytest.mark.parametrize("way", WAYS)
def test_a_program_that_is_not_there_is_named(tool: Path, way: Callable[..., object]) -> None:
    with pytest.raises(MissingToolError, match="'gone-tool' is not installed"):
        way(["gone-tool"])


@pytest.mark.parametrize("way", WAYS)
def test_only_path_is_searched_for_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[..., object]
) -> None:
    here = tmp_path / "here-tool"
    here.write_text("#!/bin/sh\n")
    here.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingToolError):
        way([here.name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("")], ids=["gone", "file"])
def test_a_working_directory_that_is_none_is_named(
    tmp_path: Path, way: Callable[..., object], make: Callable[[Path], object]
) -> None:
    make(tmp_path / "x")
    with pytest.raises(StepFailedError, match=r"working directory .*/x' does not exist"):
        way(["true"], cwd=tmp_path / "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter everything")
@pytest.mark.parametrize("way", WAYS)
def test_a_working_directory_that_may_not_be_entered_is_named(tmp_path: Path, way: Callable[..., object]) -> None:
    tmp_path.chmod(0)
    with pytest.raises(OpsctlError, match="working directory"):
        way(["true"], cwd=tmp_path)
