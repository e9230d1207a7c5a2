"""The journal: whole lines, private files, a clear error when the disk refuses."""

from __future__ import annotations

import calendar
import json
import stat
from pathlib import Path

import pytest

from opsctl.errors import LocalIOError
from opsctl.pipeline.journal import KEPT, Journal, forget_old_runs, new_run_id


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


def test_old_runs_are_forgotten_but_not_those_of_today_nor_what_is_no_run(tmp_path: Path) -> None:
    old = [f"20200101-000000-{number:06x}" for number in range(5)]
    recent = [f"20300101-000000-{number:06x}" for number in range(KEPT - 2)]
    for name in [*old, *recent, "notes"]:
        (tmp_path / name / "logs").mkdir(parents=True)
    now = calendar.timegm((2030, 1, 1, 12, 0, 0))
    forget_old_runs(tmp_path, now=now)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*old[-2:], *recent, "notes"])
    forget_old_runs(tmp_path / "nowhere", now=now)


def test_more_runs_than_are_kept_stay_while_they_are_of_today(tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        (tmp_path / f"20300101-000000-{number:06x}").mkdir()
    forget_old_runs(tmp_path, now=calendar.timegm((2030, 1, 1, 12, 0, 0)))
    assert len(list(tmp_path.iterdir())) == KEPT + 5
