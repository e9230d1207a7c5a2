"""`opsctl storage` between files and a real S3 server: round trips, odd keys, listings, what a dry run asks for."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.program import Finished, Opsctl


@pytest.fixture
def s3(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=moto_endpoint)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any, moto_endpoint: str, tmp_path: Path) -> str:
    name = f"sync-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    (tmp_path / "opsctl.yaml").write_text(
        f"opsctl: 1\nproject: x\nstores:\n  's3://{name}': {{endpoint: '{moto_endpoint}'}}\n"
    )
    return name


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for number, name in enumerate(["index.html", "css/main.css", "empty", "a b+c%2F#?.txt"]):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)
        os.utime(path, ns=(0, 1_600_000_000_123_456_000 + number))
    return tmp_path / "site"


def counts(done: Finished) -> tuple[int, int, int]:
    found = json.loads(done.stdout.splitlines()[-1])["summary"]
    return found["copied"], found["deleted"], found["unchanged"]


def keys(s3: Any, bucket: str) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


def test_a_round_trip_keeps_bytes_and_mtimes_and_twice_is_nothing(
    opsctl: Opsctl, s3: Any, bucket: str, site: Path, tmp_path: Path
) -> None:
    up = ("storage", "sync", "site", f"s3://{bucket}/web", "--delete", "-o", "json")
    down = ("storage", "sync", f"s3://{bucket}/web", "back", "--delete", "-o", "json")
    for args in (up, down):
        assert counts(opsctl(*args, check=True)) == (4, 0, 0)
        assert counts(opsctl(*args, check=True)) == (0, 0, 4)
        checksum = (*args, "--compare", "checksum")
        assert counts(opsctl(*checksum, check=True)) == (0, 0, 4)
    for path in site.rglob("*"):
        if path.is_file():
            back = tmp_path / "back" / path.relative_to(site)
            assert back.read_bytes() == path.read_bytes()
            assert abs(back.stat().st_mtime_ns - path.stat().st_mtime_ns) < 1000
    assert s3.head_object(Bucket=bucket, Key="web/css/main.css")["ContentType"] == "text/css"
    (site / "index.html").write_bytes(b"new")
    (site / "empty").unlink()
    for args in (up, down):
        assert counts(opsctl(*args, check=True)) == (1, 1, 2)
    assert opsctl("storage", "check", "site", f"s3://{bucket}/web").code == 0
    assert opsctl("storage", "check", f"s3://{bucket}/web", "back").code == 0


def test_case_29_a_file_replaced_by_an_older_one_is_seen(opsctl: Opsctl, s3: Any, bucket: str, site: Path) -> None:
    sync = ("storage", "sync", "site", f"s3://{bucket}", "-o", "json")
    opsctl(*sync, check=True)
    (site / "older").write_bytes(b"y")
    os.utime(site / "older", (1e9, 1e9))
    (site / "older").replace(site / "css/main.css")
    assert counts(opsctl(*sync, check=True)) == (1, 0, 3)
    assert s3.get_object(Bucket=bucket, Key="css/main.css")["Body"].read() == b"y"


def test_what_other_tools_wrote_is_not_copied_for_ever(opsctl: Opsctl, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for source, target in [(f"s3://{bucket}", "down"), ("down", f"s3://{bucket}")]:
        first = counts(opsctl("storage", "sync", source, target, "-o", "json", check=True))
        assert first == ((1, 0, 0) if target == "down" else (0, 0, 1))
        assert counts(opsctl("storage", "sync", source, target, "-o", "json", check=True)) == (0, 0, 1)


def test_case_40_a_dry_run_and_a_plan_write_nothing(opsctl: Opsctl, s3: Any, bucket: str, site: Path) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    sync = ("storage", "sync", "--delete", "site", f"s3://{bucket}", "-o", "json")
    assert counts(opsctl(*sync, "--dry-run", check=True)) == (4, 1, 0)
    assert counts(opsctl(*sync, "--plan", "p", check=True)) == (4, 1, 0)
    assert keys(s3, bucket) == {"old"}
    s3.put_object(Bucket=bucket, Key="old", Body=b"y")
    refused = opsctl("storage", "sync", "--apply", "p")
    assert (refused.code, keys(s3, bucket)) == (1, {"old"})
    opsctl(*sync, "--plan", "p", check=True)
    opsctl("storage", "sync", "--apply", "p", check=True)
    assert keys(s3, bucket) == {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}


def test_case_33_keys_that_lead_out_are_refused_and_the_rest_arrives(
    opsctl: Opsctl, s3: Any, bucket: str, tmp_path: Path
) -> None:
    for key in ("in/ok", "in/../../etc/evil", "in/a//b", "in//abs", "in/./dot"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    done = opsctl("storage", "sync", f"s3://{bucket}/in", "deep/down", "--manifest", "failed")
    assert done.code == 7, done
    assert sorted(path.name for path in (tmp_path / "deep").rglob("*")) == ["down", "ok"]
    failed = [json.loads(line)["key"] for line in (tmp_path / "failed").read_text().splitlines()[1:]]
    assert {"../../etc/evil", "a//b"} <= set(failed)
    done = opsctl("storage", "cp", "-r", f"s3://{bucket}/in", "deep/copy")
    assert done.code == 7
    assert sorted(path.name for path in (tmp_path / "deep" / "copy").rglob("*")) == ["ok"]


def test_case_30_markers_stay_where_they_are(opsctl: Opsctl, s3: Any, bucket: str, tmp_path: Path) -> None:
    for key in ("dir/", "dir/x"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"x")
    opsctl("storage", "sync", f"s3://{bucket}", "down", check=True)
    assert (tmp_path / "down/dir").is_dir()
    done = opsctl("storage", "sync", "--delete", "down", f"s3://{bucket}", "-o", "json", check=True)
    assert counts(done) == (0, 0, 1)
    assert keys(s3, bucket) == {"dir/", "dir/x"}


def test_case_6_more_than_a_page_is_copied_and_deleted_whole(opsctl: Opsctl, s3: Any, bucket: str) -> None:
    for number in range(1001):
        s3.put_object(Bucket=bucket, Key=f"many/{number:04}", Body=b"")
    assert json.loads(opsctl("storage", "du", f"s3://{bucket}", "-o", "json", check=True).stdout)["objects"] == 1001
    done = opsctl("storage", "sync", f"s3://{bucket}/many", f"s3://{bucket}/copy", "-j16", "-o", "json", check=True)
    assert counts(done) == (1001, 0, 0)
    done = opsctl("storage", "rm", "-r", "-j16", f"s3://{bucket}/many", "-o", "json", check=True)
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["deleted"] == 1001
    done = opsctl("storage", "sync", "--delete", f"s3://{bucket}/many", f"s3://{bucket}/copy")
    assert (done.code, "holds nothing" in done.stderr) == (1, True)
    assert len(keys(s3, bucket)) == 1000


def test_case_41_mv_between_files_and_a_bucket(
    opsctl: Opsctl, s3: Any, bucket: str, site: Path, tmp_path: Path
) -> None:
    opsctl("storage", "mv", "-r", "site", f"s3://{bucket}/web/", check=True)
    assert [path for path in site.rglob("*") if path.is_file()] == []
    opsctl("storage", "mv", f"s3://{bucket}/web/index.html", f"s3://{bucket}/index.html", check=True)
    assert "index.html" in keys(s3, bucket)
    opsctl("storage", "mv", "-r", f"s3://{bucket}", "all", check=True)
    assert keys(s3, bucket) == set()
    assert (tmp_path / "all/web/css/main.css").read_bytes() == b"x"


def test_what_is_written_beside_the_bytes(opsctl: Opsctl, s3: Any, bucket: str, site: Path) -> None:
    options = (
        "--content-type",
        "text/x-log",
        "--cache-control",
        "no-cache",
        "--metadata",
        "Owner=ops",
        "--metadata=a=b=c",
    )
    opsctl("storage", "cp", "site/index.html", f"s3://{bucket}/k", *options, check=True)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["CacheControl"]) == ("text/x-log", "no-cache")
    assert {"owner": "ops", "a": "b=c"}.items() <= head["Metadata"].items()
    opsctl("storage", "cp", "-", f"s3://{bucket}/stream", "--content-type", "text/csv", input="a,b", check=True)
    assert s3.head_object(Bucket=bucket, Key="stream")["ContentType"] == "text/csv"
    assert opsctl("storage", "cp", f"s3://{bucket}/stream", "-", check=True).stdout == "a,b"
    done = opsctl("storage", "cp", "--if-none-match", "site/index.html", f"s3://{bucket}/k")
    assert done.code == 1


def test_a_presigned_url_works_without_credentials(opsctl: Opsctl, s3: Any, bucket: str) -> None:
    import urllib.request

    s3.put_object(Bucket=bucket, Key="k", Body=b"signed")
    url = opsctl("storage", "presign", f"s3://{bucket}/k", "--expires", "5m", check=True).stdout.strip()
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of our own server
        assert answer.read() == b"signed"
    found = json.loads(
        opsctl("storage", "presign", f"s3://{bucket}/k", "--method", "PUT", "-o", "json", check=True).stdout
    )
    assert (found["method"], found["expires"]) == ("PUT", 3600)


def test_buckets_are_made_and_removed(opsctl: Opsctl, s3: Any, bucket: str, tmp_path: Path) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert opsctl("storage", "rb", f"s3://{bucket}").code == 1
    opsctl("storage", "rm", "-r", f"s3://{bucket}", check=True)
    opsctl("storage", "rb", f"s3://{bucket}", check=True)
    assert opsctl("storage", "ls", f"s3://{bucket}").code == 4
    opsctl("storage", "mb", f"s3://{bucket}", check=True)
    assert opsctl("storage", "sync", "--delete", "missing", f"s3://{bucket}").code == 4
