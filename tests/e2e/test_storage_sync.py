"""`opsctl storage sync|check` as people use them, on files; the edge cases that a sync must get right."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.program import Finished, Opsctl


def write(root: Path, files: Mapping[str, str], *, mtime: float = 1e9) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (mtime, mtime))


def read(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def lines(done: Finished) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(done: Finished) -> dict[str, object]:
    found = lines(done)[-1]["summary"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def a(tmp_path: Path) -> Path:
    write(tmp_path / "a", {"index.html": "new!", "d/x.txt": "x", "same": "="})
    return tmp_path / "a"


@pytest.fixture
def b(tmp_path: Path) -> Path:
    write(tmp_path / "b", {"index.html": "old", "gone": "g", "same": "="})
    return tmp_path / "b"


def test_sync_copies_what_differs_and_leaves_the_rest(opsctl: Opsctl, a: Path, b: Path) -> None:
    done = opsctl("storage", "sync", "a", "b", check=True)
    assert done.stdout == "2 objects, 5 B copied, 0 deleted, 1 unchanged\n"
    assert read(b) == {**read(a), "gone": "g"}
    assert (b / "d/x.txt").stat().st_mtime == 1e9


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("a/", "b"), ("a", "b/"), ("./a/.", "file://b")])
def test_a_slash_at_the_end_changes_nothing(opsctl: Opsctl, a: Path, b: Path, source: str, target: str) -> None:
    opsctl("storage", "sync", "--delete", source, target, check=True)
    assert read(b) == read(a)


def test_json_is_one_object_per_item_and_a_summary(opsctl: Opsctl, a: Path, b: Path) -> None:
    done = opsctl("storage", "sync", "--delete", "a", "b", "-j1", "-o", "json", check=True)
    *items, last = lines(done)
    assert items == [
        {"action": "copy", "key": "d/x.txt", "status": "done", "size": 1, "reason": "new"},
        {"action": "copy", "key": "index.html", "status": "done", "size": 4, "reason": "size"},
        {"action": "delete", "key": "gone", "status": "done", "size": 1, "reason": "extra"},
    ]
    counts = {"copied": 2, "deleted": 1, "unchanged": 1, "bytes": 5, "failed": 0, "held_back": 0, "planned": False}
    assert last == {"summary": counts}


def test_progress_is_told_on_standard_error(opsctl: Opsctl, a: Path, b: Path) -> None:
    done = opsctl("storage", "sync", "a", "b", "--log-format", "json", check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert events, done
    assert any("progress" in str(event).lower() for event in events), events


def test_case_40_a_dry_run_writes_nothing(opsctl: Opsctl, a: Path, b: Path) -> None:
    before = {path: path.stat().st_ctime_ns for path in [b, *b.rglob("*")]}
    done = opsctl("storage", "sync", "--delete", "--dry-run", "a", "b", check=True)
    assert done.stdout.splitlines() == [
        "copy    d/x.txt  (new)",
        "delete  gone  (extra)",
        "copy    index.html  (size)",
        "2 objects, 5 B would be copied, 1 would be deleted, 1 unchanged",
    ]
    assert before == {path: path.stat().st_ctime_ns for path in [b, *b.rglob("*")]}
    opsctl("storage", "sync", "--dry-run", "a", "none", check=True)
    assert not (b.parent / "none").exists()


def test_a_plan_is_applied_as_it_is_or_not_at_all(opsctl: Opsctl, a: Path, b: Path) -> None:
    opsctl("storage", "sync", "--delete", "--plan", "plan.jsonl", "a", "b", check=True)
    write(a, {"index.html": "NEW!"})
    done = opsctl("storage", "sync", "--apply", "plan.jsonl")
    assert (done.code, done.stdout) == (1, "")
    assert "a/index.html has changed since the plan was made" in done.stderr
    assert "hint: make a new plan" in done.stderr
    assert read(b)["gone"] == "g"
    opsctl("storage", "sync", "--delete", "--plan", "plan.jsonl", "a", "b", check=True)
    for words, told in [
        (("a", "c"), "is for file://"),
        (("--dry-run",), "does what its file says"),
    ]:
        refused = opsctl("storage", "sync", "--apply", "plan.jsonl", *words)
        assert (refused.code, told in refused.stderr) == (2, True), refused
    done = opsctl("storage", "sync", "--apply", "plan.jsonl", "a", "b/", check=True)
    assert done.stdout == "2 objects, 5 B copied, 1 deleted, 0 unchanged\n"
    assert read(b) == read(a)


def test_case_3_a_failed_item_holds_deletions_back_until_a_retry(opsctl: Opsctl, a: Path, b: Path) -> None:
    (a / "link").symlink_to("/etc/passwd")
    done = opsctl("storage", "sync", "--delete", "--manifest", "failed.jsonl", "a", "b", "-o", "json")
    assert done.code == 7, done
    assert summary(done)["failed"] == summary(done)["held_back"] == 1
    assert "a symbolic link that leads out of the directory" in done.stderr
    assert read(b) == {**read(a.parent / "b"), "gone": "g"}
    head, *items = (json.loads(line) for line in (a.parent / "failed.jsonl").read_text().splitlines())
    assert head["opsctl_manifest"] == 1
    assert {(item["key"], item["status"]) for item in items} == {("link", "failed"), ("gone", "held_back")}
    (a / "link").unlink()
    write(a, {"link": "file", "later": "not retried"})
    done = opsctl(
        "storage", "sync", "--delete", "--retry-from", "failed.jsonl", "--manifest", "failed.jsonl", check=True
    )
    assert done.stdout == "1 object, 4 B copied, 1 deleted, 0 unchanged\n"
    assert "later" not in read(b)
    assert len((a.parent / "failed.jsonl").read_text().splitlines()) == 1, "nothing is left to retry"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_case_3_an_unreadable_file_or_directory_fails_alone(opsctl: Opsctl, a: Path, b: Path) -> None:
    (a / "same").chmod(0)
    (a / "d").chmod(0)
    done = opsctl("storage", "sync", "--delete", "--compare", "checksum", "a", "b")
    (a / "d").chmod(0o755)
    assert done.code == 7
    assert read(b)["gone"] == "g"


@pytest.mark.parametrize("target", ["..", "/", "../home"])
def test_delete_never_empties_what_one_works_or_lives_in(opsctl: Opsctl, tmp_path: Path, target: str) -> None:
    for name in ("work/x", "home/x"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    opsctl.cwd = tmp_path / "work"
    home = {"HOME": str(tmp_path / "home")}
    for flags in ((), ("--dry-run",)):
        done = opsctl("storage", "sync", "--delete", "--allow-empty-source", *flags, "mem://x", target, env=home)
        assert (done.code, "is no target for --delete" in done.stderr) == (2, True), done
    assert (tmp_path / "home/x").exists()


def test_delete_may_tidy_the_working_directory(opsctl: Opsctl, a: Path, b: Path) -> None:
    opsctl.cwd = b
    opsctl("storage", "sync", "--delete", a, ".", check=True)
    assert read(b) == read(a)


@pytest.mark.parametrize("filters", [(), ("--include", "*.none")])
def test_case_2_an_empty_or_missing_source_deletes_nothing(
    opsctl: Opsctl, b: Path, tmp_path: Path, filters: tuple[str, ...]
) -> None:
    done = opsctl("storage", "sync", "--delete", *filters, "a", "b")
    assert (done.code, read(b)["gone"]) == (4, "g")
    (tmp_path / "a").mkdir()
    done = opsctl("storage", "sync", "--delete", *filters, "a", "b")
    assert (done.code, read(b)["gone"]) == (1, "g")
    assert "holds nothing: --delete would empty the destination" in done.stderr
    opsctl("storage", "sync", "--delete", "--allow-empty-source", "a", "b", check=True)
    assert read(b) == {}


@pytest.mark.parametrize(("limit", "code"), [("0", 1), ("1", 0), ("33%", 1), ("34%", 0), ("100%", 0)])
def test_case_4_max_delete(opsctl: Opsctl, a: Path, b: Path, limit: str, code: int) -> None:
    done = opsctl("storage", "sync", "--delete", "--max-delete", limit, "a", "b")
    assert done.code == code, done
    assert ("gone" in read(b)) == bool(code)


@pytest.mark.parametrize("limit", ["-1", "x", "101%", "1.5", ""])
def test_a_limit_that_makes_no_sense_is_usage(opsctl: Opsctl, a: Path, b: Path, limit: str) -> None:
    assert opsctl("storage", "sync", "--delete", "--max-delete", limit, "a", "b").code == 2


def test_case_7_empty_files_are_copied_once(opsctl: Opsctl, tmp_path: Path) -> None:
    write(tmp_path / "a", {"empty": ""})
    assert "1 object, 0 B copied" in opsctl("storage", "sync", "a", "b", check=True).stdout
    assert "0 objects, 0 B copied, 0 deleted, 1 unchanged" in opsctl("storage", "sync", "a", "b", check=True).stdout


def test_case_29_what_changed_is_seen_also_when_it_is_older(opsctl: Opsctl, tmp_path: Path) -> None:
    write(tmp_path / "a", {"f": "1"}, mtime=1e9)
    opsctl("storage", "sync", "a", "b", check=True)
    for text, mtime in (("2", 1e9 - 5), ("3", 4e9), ("4", 1e9 + 1)):
        write(tmp_path / "a", {"f": text}, mtime=mtime)
        opsctl("storage", "sync", "a", "b", check=True)
        assert read(tmp_path / "b") == {"f": text}
    write(tmp_path / "a", {"f": "5"}, mtime=1e9 + 1)
    assert "0 objects" in opsctl("storage", "sync", "a", "b", check=True).stdout, "size and mtime are the same"
    assert "1 object" in opsctl("storage", "sync", "--compare", "checksum", "a", "b", check=True).stdout
    write(tmp_path / "a", {"f": "6"}, mtime=1e9 + 3)
    assert "0 obj" in opsctl("storage", "sync", "--compare", "size", "a", "b", check=True).stdout
    assert "0 obj" in opsctl("storage", "sync", "--modify-window", "2s", "a", "b", check=True).stdout
    assert "1 obj" in opsctl("storage", "sync", "a", "b", check=True).stdout


def test_case_32_a_file_becomes_a_directory_and_back(opsctl: Opsctl, tmp_path: Path) -> None:
    write(tmp_path / "a", {"x": "file", "y/1": "1", "y/2": "2"})
    write(tmp_path / "b", {"x/1": "1", "x/deep/2": "2", "y": "file"})
    done = opsctl("storage", "sync", "a", "b")
    assert done.code == 7, "nothing may be deleted, so nothing gives way"
    opsctl("storage", "sync", "--delete", "a", "b", check=True)
    assert read(tmp_path / "b") == read(tmp_path / "a")


NAMES = [
    "cr\r",
    "new\nline",
    "tab\t",
    "a%2Fb",
    "plus+",
    "sp ace",
    "#",
    "?q=1&r",
    "'\"`$(id)",
    "back\\slash",
    "🚀",
    "-rf",
    "*",
    "é",
]


def test_case_34_and_35_odd_names_arrive_and_are_shown_escaped(opsctl: Opsctl, tmp_path: Path) -> None:
    names = [*NAMES, "\x1b[31mred", "caf\u00e9", "cafe\u0301", "\u202ertl"]
    write(tmp_path / "a", {name: name for name in names})
    done = opsctl("storage", "sync", "a", "b", "--dry-run", check=True)
    assert len(done.stdout.splitlines()) == len(names) + 1
    assert not {"\x1b", "\u202e", "\t"} & set(done.stdout)
    for shown in ("cr\\r", "new\\nline", "tab\\t", "\\x1b[31mred", "\\u202ertl"):
        assert f"copy    {shown}  (new)\n" in done.stdout
    done = opsctl("storage", "sync", "a", "b", "-o", "json", check=True)
    assert {item["key"] for item in lines(done)[:-1]} == set(names)
    assert not {"\x1b", "\u202e", "\t"} & set(done.stdout)
    assert read(tmp_path / "b") == read(tmp_path / "a")
    opsctl("storage", "check", "a", "b", check=True)


def test_names_that_are_no_text_are_told_and_fail(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Path(os.fsdecode(bytes(tmp_path / "a") + b"/\xff\xfe")).write_text("x")
    done = opsctl("storage", "sync", "a", "b")
    assert done.code == 7
    assert "not UTF-8" in done.stderr
    assert "\\xff" in done.stderr


def test_case_38_links_and_odd_files(opsctl: Opsctl, a: Path, b: Path) -> None:
    for name, target in {"up": "../secret", "none": "nowhere", "dir": "d", "loop": "loop", "ok": "d/x.txt"}.items():
        (a / name).symlink_to(target)
    (a.parent / "secret").write_text("secret")
    os.mkfifo(a / "fifo")
    os.link(a / "same", a / "hard")
    done = opsctl("storage", "sync", "a", "b")
    assert done.code == 7
    assert "fifo is left out: not a regular file" in done.stderr
    assert {"ok": "x", "hard": "="}.items() <= read(b).items()
    assert not {"up", "none", "dir", "loop", "fifo"} & read(b).keys()


def test_a_link_at_the_destination_is_never_followed_out(opsctl: Opsctl, a: Path, b: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"x.txt": "untouched"})
    (b / "d").symlink_to("../outside")
    (b / "link").symlink_to("../outside/x.txt")
    done = opsctl("storage", "sync", "--delete", "a", "b")
    assert done.code == 7
    assert "symbolic link" in done.stderr
    assert read(tmp_path / "outside") == {"x.txt": "untouched"}


@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "a/sub"), ("a/d", "a"), ("a", "link"), (".", "a")])
def test_case_39_overlap_is_refused(opsctl: Opsctl, a: Path, source: str, target: str) -> None:
    (a.parent / "link").symlink_to("a")
    done = opsctl("storage", "sync", "--delete", source, target)
    assert (done.code, "overlap" in done.stderr) == (2, True)
    assert len(read(a)) == 3


def test_filters_are_ordered_and_hide_both_sides(opsctl: Opsctl, tmp_path: Path) -> None:
    write(tmp_path / "a", {"keep.tmp": "1", "a.tmp": "2", "b.txt": "3", "cache/x": "4"})
    write(tmp_path / "b", {"old.tmp": "5", "old.txt": "6", "cache/y": "7"})
    rules = ("--include", "keep.tmp", "--exclude=*.tmp", "--exclude", "cache/")
    opsctl("storage", "sync", "--delete", *rules, "a", "b", check=True)
    assert read(tmp_path / "b") == {"keep.tmp": "1", "b.txt": "3", "old.tmp": "5", "cache/y": "7"}
    rules = ("--exclude=*.tmp", "--include", "keep.tmp")
    done = opsctl("storage", "sync", "--dry-run", *rules, "a", "c", check=True)
    assert "0 objects" in done.stdout, "the first match decides, and what no rule means is not included"


def test_excluded_directories_are_not_walked(opsctl: Opsctl, tmp_path: Path) -> None:
    write(tmp_path / "a", {"x": "1"})
    (tmp_path / "a" / "node_modules").mkdir()
    (tmp_path / "a" / "node_modules" / "link").symlink_to("/nowhere")
    done = opsctl("storage", "sync", "--exclude", "node_modules/", "a", "b", check=True)
    assert done.stdout.startswith("1 object")


def test_a_filter_that_makes_no_sense_is_usage(opsctl: Opsctl, a: Path, b: Path) -> None:
    assert opsctl("storage", "sync", "--exclude", "[x", "a", "b").code == 2
    assert opsctl("storage", "sync", "--exclude", "", "a", "b").code == 2


def test_the_bandwidth_can_be_limited(opsctl: Opsctl, a: Path, b: Path) -> None:
    opsctl("storage", "sync", "--bwlimit", "1MiB", "a", "b", check=True)
    assert opsctl("storage", "sync", "--bwlimit", "fast", "a", "b").code == 2


def test_sync_needs_both_places(opsctl: Opsctl, a: Path) -> None:
    for words in ((), ("a",)):
        done = opsctl("storage", "sync", *words)
        assert (done.code, "needs SRC and DST" in done.stderr) == (2, True)


def test_check_lists_what_differs_and_copies_nothing(opsctl: Opsctl, a: Path, b: Path) -> None:
    write(b, {"index.html": "NEW!"})
    before = read(b)
    done = opsctl("storage", "check", "a", "b", "-j1")
    assert done.code == 1
    assert done.stdout.splitlines() == [
        "missing  d/x.txt",
        "extra    gone",
        "differ   index.html",
        "1 object the same, 1 differ, 1 missing, 1 extra",
    ]
    assert read(b) == before
    found = lines(opsctl("storage", "check", "a", "b", "-o", "json"))
    assert {(item["key"], item["reason"]) for item in found[:-1]} == {
        ("d/x.txt", "missing"),
        ("gone", "extra"),
        ("index.html", "differ"),
        ("same", "same"),
    }
    opsctl("storage", "sync", "--compare", "checksum", "a", "b", check=True)
    assert opsctl("storage", "check", "a", "b").code == 1
    opsctl("storage", "check", "--one-way", "a", "b", check=True)
