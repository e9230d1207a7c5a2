"""`copy`: what lands where, what is refused before anything is written, and what one failure costs."""

import io
import os
import pickle
from pathlib import Path

import pytest

from opsctl.errors import (
    DeniedError,
    LocalIOError,
    NotFoundError,
    OpsctlError,
    PartialError,
    TransientError,
    UsageError,
)
from opsctl.events import Event, Message, Progress
from opsctl.storage import ObjectInfo, PutOptions, Store, open_store
from opsctl.storage.backends.memory import MemoryStore
from opsctl.transfer import CopyRequest, CopyResult, TransferError, copy, engine


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    for name in (
        "dist/app.whl",
        "dist/app.tar.gz",
        "out/unit/junit.xml",
        "out/e2e/junit.xml",
        "out/log.txt",
        "out/.env",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.fixture
def target(tmp_path: Path) -> Store:
    store = open_store(f"mem://{tmp_path.name}/run/1")
    store.make_bucket()
    return store


def run(workspace: Path, *sources: str, to: str | Store, **options: object) -> CopyResult:
    url = to if isinstance(to, str) else to.url
    return copy(CopyRequest(sources=sources, destination=url, workspace=workspace, **options))


def keys(store: Store) -> list[str]:
    return [info.key for info in store.scan()]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["dist"], ["app.tar.gz", "app.whl"]),
        (["dist/"], ["app.tar.gz", "app.whl"]),
        (["./dist/."], ["app.tar.gz", "app.whl"]),
        (["dist/app.whl"], ["app.whl"]),
        (["out"], [".env", "e2e/junit.xml", "log.txt", "unit/junit.xml"]),
        (["out/**/*.xml"], ["e2e/junit.xml", "unit/junit.xml"]),
        (["out/*"], ["e2e/junit.xml", "log.txt", "unit/junit.xml"]),
        (["*/*.[tw]*"], ["dist/app.tar.gz", "dist/app.whl", "out/log.txt"]),
        (["dist/*.whl", "out/unit"], ["app.whl", "junit.xml"]),
        (
            ["."],
            ["dist/app.tar.gz", "dist/app.whl", "out/.env", "out/e2e/junit.xml", "out/log.txt", "out/unit/junit.xml"],
        ),
    ],
)
def test_what_lands_where(workspace: Path, target: Store, sources: list[str], expected: list[str]) -> None:
    result = run(workspace, *sources, to=target)
    assert keys(target) == expected
    assert (result.copied, result.failed) == (len(expected), ())
    assert result.bytes == sum(info.size for info in target.scan())


def test_a_name_with_wildcards_that_exists_is_meant_literally(workspace: Path, target: Store) -> None:
    (workspace / "a[1].txt").write_bytes(b"x")
    run(workspace, "a[1].txt", to=target)
    assert keys(target) == ["a[1].txt"]


def test_absolute_sources_are_their_own_root(workspace: Path, target: Store, tmp_path: Path) -> None:
    run(workspace / "out", f"{workspace}/dist", f"file://{workspace}/out/log.txt", f"{workspace}/out/u*", to=target)
    assert keys(target) == ["app.tar.gz", "app.whl", "log.txt", "unit/junit.xml"]


def test_a_relative_destination_is_one_of_the_workspace(workspace: Path) -> None:
    run(workspace, "dist", to="file://.opsctl/copies")
    assert (workspace / ".opsctl/copies/app.whl").read_bytes() == b"dist/app.whl"


def test_files_keep_their_mtime_and_get_a_content_type(workspace: Path, target: Store) -> None:
    os.utime(workspace / "out/log.txt", ns=(0, 1_600_000_000_250_000_000))
    run(workspace, "out/log.txt", "dist", to=target)
    assert (target.stat("log.txt").mtime, target.stat("log.txt").content_type) == (1_600_000_000.25, "text/plain")
    assert target.stat("app.tar.gz").content_type == "application/gzip"


def test_options_overrule_what_is_guessed(workspace: Path, target: Store) -> None:
    options = PutOptions(content_type="text/x-log", metadata={"run": "1"}, mtime=1.0)
    run(workspace, "out/log.txt", to=target, put=options)
    found = target.stat("log.txt")
    assert (found.content_type, dict(found.metadata), found.mtime) == ("text/x-log", {"run": "1"}, 1.0)


def test_stores_are_sources_too(workspace: Path, target: Store, tmp_path: Path) -> None:
    run(workspace, "out", to=target)
    run(workspace, target.url, to=f"{target.url}-again")
    run(workspace, f"{target.url}/unit/", f"{target.url}/log.txt", to=f"file://{tmp_path}/back")
    assert keys(open_store(f"{target.url}-again")) == [".env", "e2e/junit.xml", "log.txt", "unit/junit.xml"]
    assert keys(open_store(f"file://{tmp_path}/back")) == ["junit.xml", "log.txt"]


def test_metadata_goes_along_between_stores(workspace: Path, target: Store) -> None:
    options = PutOptions(content_type="text/x-log", metadata={"a": "b"}, mtime=5.0)
    target.put("key", io.BytesIO(b"x"), size=1, options=options)
    run(workspace, f"{target.url}/key", to=f"{target.url}-again", put=PutOptions(cache_control="no-cache"))
    found = open_store(f"{target.url}-again").stat("key")
    assert (found.content_type, dict(found.metadata), found.mtime) == ("text/x-log", {"a": "b"}, 5.0)


# -- refused before anything is written


@pytest.mark.parametrize(
    ("source", "error", "reason"),
    [
        ("dist/*.zip", NotFoundError, "'dist/\\*.zip' matches nothing"),
        ("nothing/*.zip", NotFoundError, "there is no .*/nothing"),
        ("missing", NotFoundError, "there is no .*/missing"),
        ("dist/app.whl/x", NotFoundError, "there is no"),
        ("empty", NotFoundError, "'empty' holds nothing"),
        ("../secret", UsageError, "must not contain '..'"),
        ("dist/../../secret", UsageError, "must not contain '..'"),
        ("door", UsageError, "'door' leads out of the workspace"),
        ("door/*", UsageError, "leads out of the workspace"),
        ("key", UsageError, "leads out"),
        ("dangling", OpsctlError, "dangling"),
        ("mem://no-such-bucket/x", NotFoundError, "mem://no-such-bucket"),
        ("file://missing", NotFoundError, "there is no"),
    ],
)
def test_a_source_that_is_not_there_or_leads_out_stops_everything(
    workspace: Path, target: Store, source: str, error: type[OpsctlError], reason: str
) -> None:
    (workspace.parent / "secret").mkdir()
    (workspace.parent / "secret" / "key").write_bytes(b"secret")
    (workspace / "empty").mkdir()
    (workspace / "door").symlink_to("../secret")
    (workspace / "key").symlink_to("../secret/key")
    (workspace / "dangling").symlink_to("nowhere")
    with pytest.raises(error, match=reason) as caught:
        run(workspace, "dist", source, to=target)
    assert type(caught.value) is not TransferError
    assert keys(target) == []


def test_a_missing_object_of_a_store_is_not_found(workspace: Path, target: Store) -> None:
    with pytest.raises(NotFoundError, match="/missing"):
        run(workspace, f"{target.url}/missing", to=f"{target.url}-again")


def test_a_directory_is_not_copied_into_itself(workspace: Path, target: Store) -> None:
    run(workspace, "out", to=target)
    before = keys(target)
    for source, to in [
        (".", "file://out/new"),
        ("out", "out"),
        ("out/*", "out/deep"),
        (target.url, f"{target.url}/sub"),
    ]:
        with pytest.raises(UsageError, match="holds the destination"):
            run(workspace, source, to=to)
    run(workspace, "out/log.txt", to="out/copies")
    assert (workspace / "out/copies/log.txt").exists()
    assert keys(target) == before


# -- links and odd entries inside a source


def test_what_a_link_in_a_directory_leads_to_decides(workspace: Path, target: Store) -> None:
    (workspace.parent / "secret").write_bytes(b"secret")
    (workspace / "dist" / "inside").symlink_to("../out/log.txt")
    (workspace / "dist" / "outside").symlink_to("../../secret")
    (workspace / "dist" / "dangling").symlink_to("nowhere")
    (workspace / "dist" / "directory").symlink_to("../out")
    events: list[Event] = []
    with pytest.raises(TransferError) as caught:
        copy(CopyRequest(("dist",), target.url, workspace), sink=events.append)
    assert keys(target) == ["app.tar.gz", "app.whl", "inside"]
    assert target.get("inside").read() == b"out/log.txt"
    failed = {failure.name.rpartition("/")[2]: failure.error.message for failure in caught.value.result.failed}
    assert failed.keys() == {"outside", "dangling", "directory"}
    assert failed["outside"].endswith("/dist/outside is not copied: a symbolic link that leads out of the directory")
    assert {event.text for event in events if isinstance(event, Message)} == set(failed.values())


def test_links_that_a_pattern_does_not_mean_do_no_harm(workspace: Path, target: Store) -> None:
    (workspace / "dist" / "outside").symlink_to("/etc/passwd")
    assert run(workspace, "dist/*.whl", to=target).copied == 1


def test_a_link_to_a_directory_of_the_workspace_can_be_named(workspace: Path, target: Store) -> None:
    (workspace / "latest").symlink_to("out/unit")
    run(workspace, "latest/", to=target)
    assert keys(target) == ["junit.xml"]


def test_fifos_are_left_out_with_a_warning(workspace: Path, target: Store) -> None:
    os.mkfifo(workspace / "dist" / "fifo")
    events: list[Event] = []
    copy(CopyRequest(("dist",), target.url, workspace), sink=events.append, span="step:publish")
    [warning] = [event for event in events if isinstance(event, Message)]
    assert (warning.span, warning.level) == ("step:publish", "warning")
    assert warning.text.endswith("/dist/fifo is left out: not a regular file")


def test_the_second_of_two_sources_for_one_key_is_refused(workspace: Path, target: Store) -> None:
    with pytest.raises(TransferError, match=r"'out/unit' has a 'junit\.xml' too"):
        run(workspace, "out/unit", "out/e2e", to=target)
    assert target.get("junit.xml").read() == b"out/unit/junit.xml"


# -- failures


def test_one_failure_leaves_the_others_copied(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "to" / "app.whl").mkdir(parents=True)
    with pytest.raises(
        TransferError, match=r"1 of 2 objects were not copied to file://.*: a directory has this name"
    ) as caught:
        run(workspace, "dist", to=f"file://{tmp_path}/to")
    assert caught.value.exit_code == PartialError.exit_code
    assert caught.value.result.copied == 1
    assert (tmp_path / "to" / "app.tar.gz").exists()
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (again.message, again.result.copied) == (caught.value.message, 1)


def test_where_nothing_was_copied_the_reason_itself_is_raised(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "to").write_bytes(b"a file")
    with pytest.raises(UsageError, match="not a directory"):
        run(workspace, "dist", to=f"file://{tmp_path}/to")


class Faulty(MemoryStore):
    """A store that fails as often as it is told."""

    error: OpsctlError = TransientError("503")
    times = 0
    asked = 0

    def put(self, key: str, body: io.BytesIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        self.asked += 1
        if self.asked <= self.times:
            body.read(3)
            raise self.error
        return super().put(key, body, size=size, options=options)


@pytest.fixture
def faulty(target: Store, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    store = Faulty(target._root.url)
    monkeypatch.setattr("opsctl.transfer.copying.open_store", lambda *_, **__: store)
    monkeypatch.setattr("opsctl.transfer.engine.time.sleep", lambda _: None)
    return store


def test_what_may_pass_is_tried_again(workspace: Path, faulty: Faulty) -> None:
    faulty.times = 2
    run(workspace, "dist/app.whl", to="mem://x")
    assert faulty.get("app.whl").read() == b"dist/app.whl"


def test_what_does_not_pass_is_given_up(workspace: Path, faulty: Faulty) -> None:
    faulty.times = 99
    with pytest.raises(TransientError, match="503"):
        run(workspace, "dist/app.whl", to="mem://x")
    assert faulty.asked == engine.ATTEMPTS


def test_where_everything_fails_it_does_not_go_on_for_ever(workspace: Path, faulty: Faulty) -> None:
    for number in range(200):
        (workspace / "dist" / f"{number}").touch()
    faulty.times, faulty.error = 999, DeniedError("no access")
    with pytest.raises(DeniedError, match="no access"):
        run(workspace, "dist", to="mem://x", jobs=2)
    assert faulty.asked <= engine.GIVE_UP + 4


def test_a_listing_that_fails_is_an_error_and_not_the_end_of_the_list(
    workspace: Path, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace, "out", to=target)

    def scan(self: MemoryStore, prefix: str = "", *, start_after: str = "") -> object:
        yield self.stat("log.txt")
        raise TransientError("page 2")

    monkeypatch.setattr(MemoryStore, "scan", scan)
    with pytest.raises(TransientError, match="page 2"):
        run(workspace, target.url, to="mem://elsewhere")


def test_progress_counts_every_byte_and_object(workspace: Path, target: Store) -> None:
    (workspace / "dist" / "large").write_bytes(bytes(5_000_000))
    events: list[Event] = []
    result = copy(CopyRequest(("dist",), target.url, workspace), sink=events.append)
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.done, last.items, last.unit) == (result.bytes, 3, "bytes")


def test_the_hint_of_the_first_failure_is_the_hint_of_all(target: Store) -> None:
    failing = LocalIOError("full", hint="free some space")
    error = TransferError(CopyResult(1, 5, (engine.Failure("file://x", failing),)), target.url)
    assert error.message == f"1 of 2 objects were not copied to {target.url}; full"
    assert error.hint == "free some space"
