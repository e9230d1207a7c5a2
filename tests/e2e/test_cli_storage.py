"""`opsctl storage` as people use it, on files and on a real S3 server."""

import json
import os
import uuid
from pathlib import Path

import pytest

from harness.program import Opsctl


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with objects: plain, nested, oddly named."""
    for name, data in {"a.txt": b"alpha\n", "sub/b.bin": b"\0\xff" * 1000, "sub/c d.txt": b"", "e\nvil": b"x"}.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1e9, 1e9))
    return tmp_path / "data"


def test_ls_shows_the_first_level(opsctl: Opsctl, tree: Path) -> None:
    text = opsctl("storage", "ls", "data", check=True, env={"TZ": "UTC"}).stdout
    assert text.splitlines() == [
        "     6 B  2001-09-09 01:46:40  a.txt",
        "     1 B  2001-09-09 01:46:40  e\\nvil",
        "       -                    -  sub/",
    ]


def test_ls_prints_one_json_object_per_item(opsctl: Opsctl, tree: Path) -> None:
    lines = opsctl("storage", "ls", "-r", "file://data", "-o", "json", check=True).stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["a.txt", "e\nvil", "sub/b.bin", "sub/c d.txt"]
    first = json.loads(lines[0])
    assert (first["kind"], first["size"], first["modified"]) == ("object", 6, 1e9)


def test_ls_prints_csv(opsctl: Opsctl, tree: Path) -> None:
    lines = opsctl("storage", "ls", "data/sub", "-o", "csv", check=True).stdout.splitlines()
    assert lines[0] == "kind,name,size,modified,etag"
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["object", "b.bin", "2000", "1000000000.0"],
        ["object", "c d.txt", "0", "1000000000.0"],
    ]


@pytest.mark.parametrize("url", [".", "./", "data/..", "file://."])
def test_ls_of_the_working_directory(opsctl: Opsctl, tree: Path, url: str) -> None:
    assert opsctl("storage", "ls", url, check=True).stdout == "       -                    -  data/\n"


def test_ls_of_an_object_shows_it(opsctl: Opsctl, tree: Path) -> None:
    assert opsctl("storage", "ls", "data/a.txt", check=True).stdout.endswith("  a.txt\n")


def test_cat_gives_the_bytes_and_ranges_of_them(opsctl: Opsctl, tree: Path) -> None:
    assert opsctl("storage", "cat", "data/a.txt", check=True).stdout == "alpha\n"
    assert opsctl("storage", "cat", "data/a.txt", "--start", "2", "--length", "2", check=True).stdout == "ph"
    opsctl("storage", "cat", "data/sub/b.bin", check=True)


def test_stat_tells_what_is_known(opsctl: Opsctl, tree: Path) -> None:
    found = json.loads(opsctl("storage", "stat", "data/sub/b.bin", "-o", "json", check=True).stdout)
    assert (found["key"], found["size"]) == ("b.bin", 2000)
    text = opsctl("storage", "stat", "data/sub/b.bin", check=True, env={"TZ": "UTC"}).stdout
    assert ["size", "2000"] in [line.split() for line in text.splitlines()]
    assert ["mtime", "2001-09-09", "01:46:40"] in [line.split() for line in text.splitlines()]


def test_rm_deletes_and_says_so(opsctl: Opsctl, tree: Path) -> None:
    done = opsctl("storage", "rm", "data/a.txt", "data/sub/b.bin", check=True)
    assert done.stdout == "deleted file://data/a.txt\ndeleted file://data/sub/b.bin\n"
    assert not (tree / "a.txt").exists()


@pytest.mark.parametrize(
    "args", [("ls", "data/none"), ("ls", "none"), ("cat", "data/none"), ("stat", "data/none"), ("rm", "none")]
)
def test_what_is_not_there_is_exit_4(opsctl: Opsctl, tree: Path, args: tuple[str, ...]) -> None:
    done = opsctl("storage", *args)
    assert done.code == 4
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "none" in done.stderr


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("s3://", 2, "names no bucket"),
        ("ftp://x/y", 4, "unknown store 'ftp'"),
        ("data/", 2, "names no object"),
        ("", 2, "not a store URL"),
    ],
)
def test_a_wrong_url_is_told(opsctl: Opsctl, tree: Path, url: str, code: int, told: str) -> None:
    done = opsctl("storage", "cat", url)
    assert done.code == code
    assert told in done.stderr


def test_options_of_stores_are_checked_with_the_project(opsctl: Opsctl, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text("opsctl: 1\nproject: x\nstores: {'file://data': {bogus: 1}}\n")
    done = opsctl("storage", "ls", "data")
    assert done.code == 3
    assert done.stderr.startswith("error: opsctl.yaml:3:26: unknown key 'bogus'")


def test_a_broken_project_is_told_before_anything_happens(opsctl: Opsctl, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text("opsctl: 1\nproject: x\nstorse: {}\n")
    done = opsctl("storage", "rm", "data/a.txt")
    assert done.code == 3
    assert done.stderr.startswith("error: opsctl.yaml:3:1: unknown key 'storse'")
    assert (tree / "a.txt").exists()


@pytest.fixture
def bucket(moto_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a bucket of our own; the endpoint is in the project, the credentials in the environment."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"cli-{uuid.uuid4().hex[:12]}"
    client = boto3.client("s3", endpoint_url=moto_endpoint)
    client.create_bucket(Bucket=name)
    for key in ("logs/2026/a.log", "logs/2026/b.log", "logs/readme", "logs2"):
        client.put_object(Bucket=name, Key=key, Body=key.encode())
    client.close()
    (tmp_path / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: x\nstores:\n"
        f"  's3://{name}': &lab {{endpoint: '{moto_endpoint}'}}\n  's3://none-such': *lab\n"
    )
    return f"s3://{name}"


def test_a_bucket_reads_like_a_directory(opsctl: Opsctl, bucket: str) -> None:
    def names(url: str, *options: str) -> list[str]:
        lines = opsctl("storage", "ls", url, "-o", "json", *options, check=True).stdout.splitlines()
        return [json.loads(line)["name"] for line in lines]

    assert names(bucket) == ["logs/", "logs2"]
    assert names(f"{bucket}/logs") == names(f"{bucket}/logs/") == ["2026/", "readme"]
    assert names(f"{bucket}/logs", "--recursive") == ["2026/a.log", "2026/b.log", "readme"]
    assert opsctl("storage", "cat", f"{bucket}/logs/readme", check=True).stdout == "logs/readme"
    opsctl("storage", "cp", "-r", f"{bucket}/logs", f"{bucket}/copy/", check=True)
    assert names(f"{bucket}/copy") == ["2026/", "readme"]
    opsctl("storage", "rm", f"{bucket}/logs/readme", check=True)
    assert names(f"{bucket}/logs") == ["2026/"]


def test_an_endpoint_that_does_not_answer_is_exit_6(opsctl: Opsctl, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: x\nstores: {'s3://gone': {endpoint: 'http://127.0.0.1:1'}}\n"
    )
    done = opsctl("storage", "ls", "s3://gone")
    assert done.code == 6, done
    assert "cannot reach 127.0.0.1:1" in done.stderr


def test_what_a_bucket_has_not_is_exit_4(opsctl: Opsctl, bucket: str) -> None:
    for url in (f"{bucket}/none", f"{bucket}/logs/2026/none", "s3://none-such/x"):
        done = opsctl("storage", "ls", url)
        assert (done.code, done.stdout) == (4, ""), done
        assert done.stderr.count("\n") <= 2, done
