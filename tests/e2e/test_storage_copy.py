"""`opsctl storage cp|mv|rm|du|mb|rb|cleanup`: what lands where, what stays, what goes."""

import json
import os
from pathlib import Path

import pytest

from harness.program import Opsctl


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.log", "sub/c.txt", "sub/deep/d.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1e9, 1e9))
    return tmp_path / "data"


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_cp_names_the_copy_or_the_directory_that_it_goes_to(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    done = opsctl("storage", "cp", "data/a.txt", "renamed.txt", check=True)
    assert done.stdout == "1 object, 5 B copied to renamed.txt\n"
    assert (tmp_path / "renamed.txt").read_text() == "a.txt"
    assert (tmp_path / "renamed.txt").stat().st_mtime == 1e9
    opsctl("storage", "cp", "data/a.txt", "new/", check=True)
    opsctl("storage", "cp", "data/a.txt", "data/b.log", "new", check=True)
    opsctl("storage", "cp", "data/sub/*.txt", "new", check=True)
    assert names(tmp_path / "new") == ["a.txt", "b.log", "c.txt"]


def test_cp_r_puts_the_contents_below_whatever_the_slashes(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    for number, (source, target) in enumerate([("data", "t"), ("data/", "t"), ("data", "t/"), ("./data/.", "t/x/..")]):
        place = target.replace("t", f"t{number}")
        (tmp_path / f"t{number}").mkdir() if number % 2 else None
        opsctl("storage", "cp", "-r", source, place, check=True)
        assert names(tmp_path / f"t{number}") == names(data)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("data", "x"), "'data' is a directory"),
        (("data/a.txt", "data/b.log", "x"), "'x' is not a directory"),
        (("data/*", "x"), "more than one object"),
        (("-r", "data", "data/sub"), "holds the destination"),
        (("data/a.txt", "data/a.txt"), "is the destination itself"),
        (("data/a.txt", "data/"), "is the destination itself"),
        (("-", "-"), "is one stream"),
        (("-r", "-", "x"), "is one stream"),
        (("data/a.txt", "x", "--metadata", "bad"), "is not NAME=VALUE"),
        (("data/a.txt", "x", "--if-none-match", "--content-type", "text/x"), "keeps no metadata"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_happens(
    opsctl: Opsctl, data: Path, tmp_path: Path, args: tuple[str, ...], told: str
) -> None:
    before = names(tmp_path)
    for command in ("cp",) if {"-", "--if-none-match"} & set(args) else ("cp", "mv"):
        done = opsctl("storage", command, *args)
        assert (done.code, told in done.stderr) == (2, True), done
    assert names(tmp_path) == before


def test_cp_takes_filters_and_a_dry_run(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    args = ("-r", "--exclude", "deep/", "--include", "*.txt", "data", "to")
    done = opsctl("storage", "cp", "-n", *args, check=True)
    assert done.stdout.splitlines() == ["copy  a.txt", "copy  sub/c.txt", "2 objects, 14 B would be copied to to"]
    assert not (tmp_path / "to").exists()
    done = opsctl("storage", "cp", "-o", "json", *args, check=True)
    assert [json.loads(line).get("key") for line in done.stdout.splitlines()] == ["a.txt", "sub/c.txt", None]
    assert names(tmp_path / "to") == ["a.txt", "sub/c.txt"]


def test_cp_leaves_the_working_directory_upwards(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    opsctl.cwd = tmp_path / "in"
    opsctl("storage", "cp", "../data/a.txt", "../data/sub/../b.log", ".", check=True)
    opsctl("storage", "cp", "-r", "../data/sub/..", "all", check=True)
    assert names(tmp_path / "in/all") == names(data)
    assert {"a.txt", "b.log"} <= set(names(tmp_path / "in"))


@pytest.mark.parametrize(
    "command", ["cp -r {} to", "cp {}/a.txt to/a.txt", "cp -r --content-type text/x {} to", "mv -r {} to", "sync {} to"]
)
@pytest.mark.parametrize("mode", [0o755, 0o600, 0o444, 0o4755])
def test_copies_of_files_keep_the_mode(opsctl: Opsctl, data: Path, tmp_path: Path, command: str, mode: int) -> None:
    (data / "a.txt").chmod(mode)
    opsctl("storage", *command.format("data").split(), check=True)
    assert (tmp_path / "to/a.txt").stat().st_mode & 0o7777 == mode & 0o777


def test_streams_go_both_ways(opsctl: Opsctl, tmp_path: Path) -> None:
    opsctl("storage", "cp", "-", "dir/object", input="from a pipe", check=True)
    assert (tmp_path / "dir/object").read_text() == "from a pipe"
    assert opsctl("storage", "cp", "dir/object", "-", check=True).stdout == "from a pipe"
    large = "x" * (20 << 20)
    opsctl("storage", "cp", "-", "large", input=large, check=True)
    assert (tmp_path / "large").stat().st_size == 20 << 20
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".opsctl")] == []


def test_if_none_match_never_replaces(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    opsctl("storage", "cp", "--if-none-match", "data/a.txt", "x", check=True)
    done = opsctl("storage", "cp", "--if-none-match", "data/b.log", "x")
    assert done.code == 1
    assert (tmp_path / "x").read_text() == "a.txt"


def test_case_41_mv_deletes_what_has_arrived_and_nothing_else(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    (tmp_path / "to" / "sub" / "c.txt").mkdir(parents=True)
    done = opsctl("storage", "mv", "-r", "data", "to")
    assert done.code == 7, done
    assert "3 objects, 24 B moved to to" in done.stdout
    assert names(data) == ["sub/c.txt"], "what could not be written is still here"
    assert names(tmp_path / "to") == ["a.txt", "b.log", "sub/deep/d.txt"]
    opsctl("storage", "mv", "to/a.txt", "to/z.txt", check=True)
    assert names(tmp_path / "to") == ["b.log", "sub/deep/d.txt", "z.txt"]
    assert (tmp_path / "to/z.txt").stat().st_mtime == 1e9


def test_rm_r_takes_filters_and_a_dry_run(opsctl: Opsctl, data: Path) -> None:
    done = opsctl("storage", "rm", "-r", "-n", "--include", "*.txt", "data", check=True)
    assert done.stdout.splitlines()[-1] == "3 objects would be deleted"
    assert len(names(data)) == 4
    done = opsctl("storage", "rm", "-r", "--exclude", "sub/", "data", "-o", "json", check=True)
    *items, last = map(json.loads, done.stdout.splitlines())
    assert {item["url"] for item in items} == {"file://data/a.txt", "file://data/b.log"}
    assert last == {"summary": {"deleted": 2, "failed": 0}}
    opsctl("storage", "rm", "-r", "data/sub/c.txt", check=True)
    assert names(data) == ["sub/deep/d.txt"]
    for args in (("-r", "none"), ("-r", "--include", "*.none", "data"), ("none",)):
        assert opsctl("storage", "rm", *args).code == 4
    for args in (("-r", "/"), ("--exclude", "x", "data/a.txt")):
        assert opsctl("storage", "rm", *args).code == 2


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (".", "it is the working directory"),
        ("..", "the working directory"),
        ("../", "the working directory"),
        ("file://../work/..", "the working directory"),
        ("door", "the working directory"),
        ("door/..", "it is the working directory"),
        ("/", "it is everything on this machine"),
        ("../home", "it is your home directory"),
        ("../people", "your home directory"),
    ],
)
def test_rm_r_refuses_where_one_works_and_lives(
    opsctl: Opsctl, data: Path, tmp_path: Path, url: str, told: str
) -> None:
    work = tmp_path / "work"
    for path in (work, tmp_path / "home", tmp_path / "people/me"):
        path.mkdir(parents=True)
        (path / "kept").touch()
    (work / "door").symlink_to("..")
    before = names(tmp_path)
    opsctl.cwd = work
    home = tmp_path / ("people/me" if url == "../people" else "home")
    for flags in (("-r",), ("-r", "-n"), ("-r", "--exclude", "data/")):
        done = opsctl("storage", "rm", *flags, "../data", url, env={"HOME": str(home)})
        assert (done.code, told in done.stderr, "hint: name what is in it" in done.stderr) == (2, True, True), done
    assert names(tmp_path) == before
    opsctl("storage", "rm", "-r", "../data", env={"HOME": str(home)}, check=True)
    assert not (tmp_path / "data/a.txt").exists()


def test_rm_r_does_not_follow_links(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    (data / "out").symlink_to("../kept")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("x")
    opsctl("storage", "rm", "-r", "data", check=True)
    assert names(tmp_path / "kept") == ["x"]


def test_du_adds_up(opsctl: Opsctl, data: Path) -> None:
    assert opsctl("storage", "du", "data", check=True).stdout == "    33 B         4  data\n"
    done = opsctl("storage", "du", "data", "--depth", "2", "-o", "json", check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"name": "sub/deep/", "objects": 1, "bytes": 14},
        {"name": "sub/", "objects": 2, "bytes": 23},
        {"name": "", "objects": 4, "bytes": 33},
    ]
    assert opsctl("storage", "du", "none").code == 4


def test_buckets_are_made_and_removed_when_empty(opsctl: Opsctl, data: Path, tmp_path: Path) -> None:
    for _ in range(2):
        opsctl("storage", "mb", "fresh", check=True)
    assert (tmp_path / "fresh").is_dir()
    assert opsctl("storage", "rb", "fresh", check=True).stdout == "removed file://fresh\n"
    done = opsctl("storage", "rb", "data")
    assert (done.code, "is not empty" in done.stderr) == (1, True)
    assert opsctl("storage", "mb", "s3://bucket/prefix").code == 2


def test_case_21_cleanup_removes_what_killed_processes_left(opsctl: Opsctl, data: Path) -> None:
    (data / "sub" / ".opsctl-tmp-999999999-ab").write_text("half")
    (data / f".opsctl-tmp-{os.getpid()}-cd").write_text("being written")
    assert opsctl("storage", "cleanup", "data", check=True).stdout == "removed 0 objects, 0 B\n"
    done = opsctl("storage", "cleanup", "--older-than", "0s", "-n", "data", check=True)
    assert "would remove sub/.opsctl-tmp-999999999-ab" in done.stdout
    done = opsctl("storage", "cleanup", "--older-than", "0s", "data", check=True)
    assert done.stdout.splitlines()[-1] == "removed 1 object, 4 B"
    assert "is being written" in done.stderr
    assert names(data) == [f".opsctl-tmp-{os.getpid()}-cd", "a.txt", "b.log", "sub/c.txt", "sub/deep/d.txt"]


def test_a_directory_cannot_be_presigned(opsctl: Opsctl, data: Path) -> None:
    done = opsctl("storage", "presign", "data/a.txt")
    assert (done.code, "cannot make such URLs" in done.stderr) == (2, True)
