"""A sync that is interrupted or killed: nothing half written, nothing lost, and the same command completes it."""

import signal
from pathlib import Path

import pytest

from harness.program import Opsctl

FILES = 400
SIZE = 20_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "a"
    for number in range(FILES):
        path = root / f"{number % 7}" / f"{number:04}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number % 256]) * SIZE)
    return root


def whole(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".opsctl-tmp-")
    }


def stop(opsctl: Opsctl, number: signal.Signals, *args: str) -> int:
    """Start a command and signal it once it has done some of its items, as its standard output says."""
    child = opsctl.start(*args)
    assert child.stdout is not None
    for _ in range(20):
        assert child.stdout.readline(), "it ended too early"
    child.send_signal(number)
    child.communicate(timeout=60)
    return child.returncode


CODES = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGKILL: -9}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("command", [("sync", "--delete"), ("mv", "-r")])
def test_case_20_and_21_a_stopped_run_leaves_whole_files_only(
    opsctl: Opsctl, tree: Path, tmp_path: Path, command: tuple[str, ...], number: signal.Signals
) -> None:
    expected = whole(tree)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "extra").write_text("not deleted by half a sync")
    args = ("storage", *command, "-j2", "-o", "json", "a", "b")
    assert stop(opsctl, number, *args) == CODES[number]
    there, left = whole(tmp_path / "b"), whole(tree)
    there.pop("extra")
    assert 0 < len(there) < FILES
    assert all(expected[name] == data for name, data in there.items()), "no file is half written"
    assert {**left, **there} == expected, "nothing is lost"
    leftovers = list((tmp_path / "b").rglob(".opsctl-tmp-*"))
    assert number == signal.SIGKILL or leftovers == []
    opsctl(*args, check=True)
    opsctl("storage", "cleanup", "--older-than", "0s", "b", check=True)
    assert list((tmp_path / "b").rglob(".opsctl-tmp-*")) == []
    after = whole(tmp_path / "b")
    assert (after.pop("extra", None) is None) == (command[0] == "sync")
    assert after == expected


def test_a_reader_that_goes_away_ends_the_run(opsctl: Opsctl, tree: Path) -> None:
    child = opsctl.start("storage", "sync", "-o", "json", "a", "b")
    assert child.stdout is not None
    child.stdout.close()
    child.wait(timeout=60)
    assert child.returncode == 141
