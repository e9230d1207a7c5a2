"""s3:// keeps its promises on three servers, each of which gets something else right."""

import contextlib
import json
import os
import subprocess
import uuid
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from harness.faults import fault_proxy
from opsctl.storage import PutOptions, Store, open_store, parse_url
from opsctl.storage.backends.s3 import S3Options
from opsctl.storage.backends.s3.store import S3Store
from opsctl.storage.backends.s3.upload import Limits
from opsctl.testing.storage import (
    MIB,
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PresignConformance,
    PutIfConformance,
    StoreConformance,
    content,
    keys,
    put,
    read,
)
from servers.tools import TOOLS, missing_tool


class Server(NamedTuple):
    """An endpoint, who to be there, and what to tell the backend of it."""

    endpoint: str
    key: str = "test"
    secret: str = "test"
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


class S3Conformance(StoreConformance, CopyConformance, MultipartConformance, PresignConformance, BucketConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, server: Server) -> Iterator[str]:
        """One bucket for all tests, and credentials in the environment."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ACCESS_KEY_ID", server.key)
            environment.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
            url = f"s3://bucket-{uuid.uuid4().hex}"
            with contextlib.closing(S3Store(parse_url(url), S3Options(endpoint=server.endpoint))) as store:
                store.make_bucket()
            yield url

    @pytest.fixture
    def open_url(self, server: Server, bucket: str) -> Iterator[OpenAt]:
        options = {"endpoint": server.endpoint, **server.options}
        with contextlib.ExitStack() as stack:
            yield lambda url: stack.enter_context(contextlib.closing(open_store(url, options={url: options})))

    @pytest.fixture
    def open_at(self, open_url: OpenAt, bucket: str) -> OpenAt:
        place = f"{bucket}/{uuid.uuid4().hex}"
        return lambda name: open_url(f"{place}/{name}")

    @pytest.fixture
    def missing_bucket(self, open_url: OpenAt) -> Store:
        return open_url(f"s3://bucket-{uuid.uuid4().hex}/prefix")


class TestMoto(S3Conformance, PutIfConformance):
    """In PyPI, so always there."""

    deviations: ClassVar = {"test_an_aborted_upload_cannot_finish": "moto answers 500 to an unknown upload"}
    mangled_keys: ClassVar = {
        "newline": "no route of moto matches a newline: 404",
        "control": "moto writes start-after into the XML of its answer as it is: 500",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, moto_endpoint: str) -> Server:
        return Server(moto_endpoint)


class TestLocalStack(S3Conformance, PutIfConformance):
    """Closest to AWS."""

    deviations: ClassVar = {
        # https://github.com/localstack/localstack/pull/13746
        "test_a_scan_can_start_after_any_key": "4.13 compares start-after with keys that it has percent-encoded",
    }
    mangled_keys: ClassVar = {"control": "start-after is written into the XML of the answer as it is: 500"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, localstack_endpoint: str) -> Server:
        return Server(localstack_endpoint)


class TestRclone(S3Conformance):
    """Checks signatures; keeps objects as files; has no conditional writes, which the option `conditional` says."""

    page: ClassVar = 100  # the other two go over pages
    deviations: ClassVar = {
        "test_a_part_that_is_sent_again_replaces_the_first": "parts are streamed on and cannot be replaced: 501",
        "test_put_returns_what_stat_returns": "the etag of an upload in parts is another once it is finished",
        "test_a_key_can_also_be_the_directory_of_others": "a name is a file or a directory",
    }
    mangled_keys: ClassVar = {
        "control": "start-after is written into the XML of the answer as it is: 500",
        "double-slash": "not a path: 400",
        "slash-end": "a directory, listed as a file",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, rclone_s3: Any) -> Server:
        return Server(rclone_s3.endpoint, rclone_s3.key, rclone_s3.secret, {"conditional": False})


# -- what the suite does not ask of every store


@pytest.fixture
def moto_url(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket on moto."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    url = f"s3://bucket-{uuid.uuid4().hex}"
    with contextlib.closing(S3Store(parse_url(url), S3Options(endpoint=moto_endpoint))) as store:
        store.make_bucket()
    return url


def test_an_object_too_large_for_one_copy_is_copied_in_parts_with_its_metadata(
    moto_url: str, moto_endpoint: str
) -> None:
    limits = Limits(copy=6 * MIB, copy_part=5 * MIB)
    with contextlib.closing(S3Store(parse_url(moto_url), S3Options(endpoint=moto_endpoint), limits=limits)) as store:
        data = content(17 * MIB)
        options = PutOptions(content_type="text/x-log", metadata={"owner": "ops"}, mtime=1_600_000_000.25)
        put(store, "odd +%/ü", data, options=options)
        copied = store.copy_from(store, "odd +%/ü", "target")
        assert copied.etag.endswith("-4")
        assert read(store, "target") == data
        found = store.stat("target")
        assert (found.content_type, dict(found.metadata), found.mtime) == (
            "text/x-log",
            {"owner": "ops"},
            1_600_000_000.25,
        )


@pytest.mark.parametrize("size", [3, 17 * MIB])
def test_localstack_keeps_one_crc_of_the_whole_object_however_it_was_sent(
    size: int, localstack_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    url = parse_url(f"s3://bucket-{uuid.uuid4().hex}")
    with contextlib.closing(S3Store(url, S3Options(endpoint=localstack_endpoint))) as store:
        store.make_bucket()
        written = put(store, "key", content(size))
        expected = f"{zlib.crc32(content(size)):08x}"
        assert written.checksums["crc32"] == expected
        assert store.stat("key").checksums["crc32"] == expected


def test_servers_that_misread_checksums_are_sent_none(moto_url: str, moto_endpoint: str) -> None:
    with fault_proxy(moto_endpoint) as proxy:
        options = S3Options(endpoint=proxy.url, checksum="when_required")
        with contextlib.closing(S3Store(parse_url(moto_url), options)) as store:
            for size in (3, 17 * MIB):
                put(store, "key", content(size))
                assert read(store, "key") == content(size)
        sent = {name for headers in proxy.headers for name in headers}
        assert not [name for name in sent if name.startswith(("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer"))]


def test_requester_pays_is_said_with_every_request_for_objects(moto_url: str, moto_endpoint: str) -> None:
    with fault_proxy(moto_endpoint) as proxy:
        options = S3Options(endpoint=proxy.url, requester_pays=True)
        with contextlib.closing(S3Store(parse_url(moto_url), options)) as store:
            put(store, "key", content(17 * MIB))
            put(store, "small", b"x")
            read(store, "key")
            store.copy_from(store, "key", "copy")
            store.delete("copy")
            keys(store)
        assert len(proxy.headers) > 7
        assert {headers.get("x-amz-request-payer") for headers in proxy.headers} == {"requester"}


def test_rclone_and_opsctl_understand_each_other_s_mtime(moto_url: str, moto_endpoint: str, tmp_path: Path) -> None:
    if reason := missing_tool("rclone"):
        pytest.skip(f"rclone: {reason}")
    remote = f':s3,provider=Other,access_key_id=test,secret_access_key=test,endpoint="{moto_endpoint}":'
    bucket = moto_url.removeprefix("s3://")

    def rclone(*arguments: str) -> str:
        command = [str(TOOLS / "rclone/bin/rclone"), "--config", str(tmp_path / "none.conf"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with contextlib.closing(S3Store(parse_url(moto_url), S3Options(endpoint=moto_endpoint))) as store:
        put(store, "ours", b"x", options=PutOptions(mtime=1_600_000_000.125))
        listed = json.loads(rclone("lsjson", f"{remote}{bucket}/ours"))
        assert datetime.fromisoformat(listed[0]["ModTime"]).timestamp() == 1_600_000_000.125
        file = tmp_path / "theirs"
        file.write_text("y")
        os.utime(file, (1_500_000_000.5, 1_500_000_000.5))
        rclone("copyto", str(file), f"{remote}{bucket}/theirs")
        assert store.stat("theirs").mtime == 1_500_000_000.5
