"""The journal: whole lines, private files, a clear error when the disk refuses."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from opsctl.errors import LocalIOError
from opsctl.pipeline.journal import Journal, new_run_id


def test_lines_are_there_at_once_and_logs_are_plain(tmp_path: Path) -> None:
    with Journal(tmp_path / "runs" / "r1") as journal:
        journal.write("step.started", step="a")
        journal.log("a", ["\x1b[31mred\x1b[0m", "two \udcff"])
        assert json.loads(journal.path.read_text())["step"] == "a"
        log = Path(journal.end_log("a"))
        assert log.read_text() == "red\ntwo ?\n"
        assert journal.end_log("b") == ""
    assert stat.S_IMODE((tmp_path / "runs" / "r1").stat().st_mode) == 0o700
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_a_disk_that_refuses_is_an_error_with_the_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalIOError, match=r"cannot write .*file"):
        Journal(tmp_path / "file" / "r1")
    with Journal(tmp_path / "r1") as journal:
        (tmp_path / "r1" / "logs").rmdir()
        with pytest.raises(LocalIOError, match=r"logs/a\.log"):
            journal.log("a", ["x"])


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_run_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [name[:15] for name in ids] == sorted(name[:15] for name in ids)
