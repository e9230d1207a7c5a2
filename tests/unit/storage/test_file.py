"""`file://` beyond the conformance suite: links, odd entries, kills, full disks, races, and what an etag is worth."""

import contextlib
import errno
import fcntl
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.errors import (
    ConflictError,
    DeniedError,
    LocalIOError,
    NotFoundError,
    OpsctlError,
    TransientError,
    UsageError,
)
from opsctl.storage import ObjectInfo, PendingUpload, PutOptions, open_store
from opsctl.storage.backends.file import FileStore
from opsctl.storage.localfs import TEMP_PREFIX, Draft, draft, local_fault, locks
from opsctl.storage.url import StoreURL


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(StoreURL("file", "", str(root)))


def put(store: FileStore, key: str, data: bytes = b"x", *, mtime: float | None = None) -> ObjectInfo:
    return store.put(key, io.BytesIO(data), size=len(data), options=PutOptions(mtime=mtime))


def keys(store: FileStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.scan(prefix)]


def temps(root: Path) -> list[Path]:
    return list(root.rglob(f"{TEMP_PREFIX}*"))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def outside(root: Path) -> Path:
    path = root.parent / "outside"
    path.mkdir()
    (path / "secret").write_bytes(b"secret")
    return path


# -- links


def test_no_operation_goes_through_a_directory_that_is_a_link(store: FileStore, root: Path) -> None:
    away = outside(root)
    (root / "door").symlink_to(away)
    (root / "real").mkdir()
    (root / "alias").symlink_to("real")
    put(store, "source")
    for key in ("door/secret", "alias/x"):
        attempts = [
            lambda key=key: put(store, key),
            lambda key=key: store.put_if(key, b"x", match=None),
            lambda key=key: store.get(key),
            lambda key=key: store.stat(key),
            lambda key=key: store.delete(key),
            lambda key=key: store.copy_from(store, "source", key),
            lambda key=key: store.copy_from(store, key, "target"),
        ]
        for attempt in attempts:
            with pytest.raises(UsageError, match="symbolic link"):
                attempt()
    assert {path.name: path.read_bytes() for path in away.iterdir()} == {"secret": b"secret"}
    assert keys(store) == ["source"]
    assert keys(store, "door/") == []
    assert temps(root) == []


def test_a_link_to_a_file_below_the_root_is_read_through_but_replaced_and_deleted_itself(
    store: FileStore, root: Path
) -> None:
    put(store, "dir/real", b"real")
    (root / "link").symlink_to("dir/real")
    (root / "dir" / "up").symlink_to("../link")
    assert keys(store) == ["dir/real", "dir/up", "link"]
    assert store.stat("link").size == 4
    assert store.stat("link").etag == store.stat("dir/real").etag
    assert store.get("dir/up").read() == b"real"
    put(store, "link", b"new")
    assert (root / "dir" / "real").read_bytes() == b"real"
    store.delete("dir/up")
    assert keys(store) == ["dir/real", "link"]


def test_links_to_nothing_to_themselves_out_of_the_root_and_to_directories_are_left_out_and_named(
    store: FileStore, root: Path
) -> None:
    away = outside(root)
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / "out").symlink_to(away / "secret")
    (root / "up").symlink_to("../outside/secret")
    (root / "dirlink").symlink_to(".")
    put(store, "kept")
    skipped: dict[str, str] = {}
    assert [info.key for info in store.scan(skip=skipped.__setitem__)] == ["kept"]
    assert skipped == {
        "dangling": "a symbolic link to nothing",
        "dirlink": "a symbolic link to a directory",
        "loop": "a symbolic link to nothing",
        "out": "a symbolic link that leads out of the directory",
        "up": "a symbolic link that leads out of the directory",
    }
    for key in ("out", "up"):
        with pytest.raises(UsageError, match="leads out"):
            store.get(key)
    for key in ("dangling", "dirlink"):
        with pytest.raises(NotFoundError):
            store.get(key)


def test_a_root_whose_name_begins_like_another_is_still_apart(tmp_path: Path) -> None:
    (tmp_path / "root-secret").mkdir()
    (tmp_path / "root-secret" / "x").write_bytes(b"x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../root-secret/x")
    with pytest.raises(UsageError, match="leads out"):
        open_store(f"file://{tmp_path}/root").get("link")


def test_nothing_is_ever_written_outside_while_a_directory_is_swapped_for_a_link(store: FileStore, root: Path) -> None:
    away = outside(root)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                (root / "d").rename(root / "aside")
                (root / "d").symlink_to(away)
                (root / "d").unlink()
                (root / "aside").rename(root / "d")

    (root / "d").mkdir()
    (root / "d" / "keep").write_bytes(b"")
    thread = threading.Thread(target=swap)
    thread.start()
    for number in range(100):
        with contextlib.suppress(OpsctlError):
            put(store, f"d/{number}")
    stop.set()
    thread.join()
    assert [path.name for path in away.iterdir()] == ["secret"]


def test_the_root_itself_may_be_a_link(tmp_path: Path, root: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    store = open_store(f"file://{tmp_path}/alias")
    store.put("a/b", io.BytesIO(b"x"), size=1)
    (root / "link").symlink_to("a/b")
    assert [info.key for info in store.scan()] == ["a/b", "link"]


# -- entries that are no objects


def test_fifos_sockets_and_names_that_are_not_utf8_are_no_objects(store: FileStore, root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
    (root / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    (root / os.fsdecode(b"dir\xff")).mkdir()
    (root / os.fsdecode(b"dir\xff") / "below").write_bytes(b"x")
    put(store, "café")
    skipped: dict[str, str] = {}
    assert [info.key for info in store.scan(skip=skipped.__setitem__)] == ["café"]
    assert skipped == {
        "fifo": "not a regular file",
        "socket": "not a regular file",
        "caf\\xe9": "not UTF-8",
        "dir\\xff/": "not UTF-8",
    }
    for key in ("fifo", "socket"):
        with pytest.raises(OpsctlError):
            store.get(key)
        with pytest.raises(NotFoundError):
            store.stat(key)
    with pytest.raises(UsageError, match="cannot hold the key"):
        store.get(os.fsdecode(b"caf\xe9"))


def test_keys_that_no_file_can_have_are_refused(store: FileStore) -> None:
    for key in ("a//b", "a/", "x" * 256, "ü" * 128, f"{TEMP_PREFIX}1", f"a/{TEMP_PREFIX}1/b"):
        with pytest.raises(UsageError, match="cannot hold the key"):
            put(store, key)
    put(store, "ü" * 127)


def test_a_name_is_either_a_file_or_a_directory(store: FileStore) -> None:
    put(store, "file")
    put(store, "dir/file")
    with pytest.raises(UsageError, match="a directory has this name"):
        put(store, "dir")
    with pytest.raises(UsageError, match="is a file, not a directory"):
        put(store, "file/below")
    for key in ("dir", "file/below"):
        with pytest.raises(NotFoundError):
            store.stat(key)
        with pytest.raises(OpsctlError):
            store.get(key)
        store.delete(key)
    assert keys(store) == ["dir/file", "file"]


def test_a_root_that_is_a_file_is_refused(root: Path) -> None:
    (root / "file").write_bytes(b"x")
    with pytest.raises(UsageError, match="not a directory"):
        list(open_store(f"file://{root}/file").scan())


def test_roots_beside_each_other_are_apart(tmp_path: Path) -> None:
    for name in ("root", "root2", "roo"):
        put(FileStore(StoreURL("file", "", f"{tmp_path}/{name}")), name)
    assert [info.key for info in open_store(f"file://{tmp_path}/root").scan()] == ["root"]


def test_a_scan_opens_only_directories_that_can_hold_the_prefix(
    store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a/1", "b/c/1", "b/cd/2", "b/d/3", "bb/4"):
        put(store, key)
    opened: list[str] = []
    real = os.scandir

    def scandir(descriptor: int) -> object:
        opened.append(str(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root)))
        return real(descriptor)

    monkeypatch.setattr("opsctl.storage.localfs.tree.os.scandir", scandir)
    assert keys(store, "b/c") == ["b/c/1", "b/cd/2"]
    assert opened == ["b", "b/c", "b/cd"]


def test_a_scan_that_is_given_up_leaves_no_descriptor_open(store: FileStore) -> None:
    put(store, "a/b/c/d")
    before = descriptors()
    scan = store.scan()
    next(scan)
    scan.close()
    assert descriptors() == before


def test_what_vanishes_during_a_scan_is_left_out(store: FileStore, root: Path) -> None:
    for key in ("a", "b", "c/d", "e"):
        put(store, key)
    scan = store.scan()
    assert next(scan).key == "a"
    store.delete("b")
    store.delete("c/d")
    assert [info.key for info in scan] == ["e"]


# -- writing


def test_a_relative_root_does_not_move_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("file://state/dir")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put("key", io.BytesIO(b"x"), size=1)
    assert (tmp_path / "state" / "dir" / "key").read_bytes() == b"x"
    assert store.url == "file://state/dir"


def test_new_files_have_the_mode_that_the_umask_leaves(store: FileStore, root: Path) -> None:
    before = os.umask(0o027)
    try:
        put(store, "key")
    finally:
        os.umask(before)
    assert (root / "key").stat().st_mode & 0o777 == 0o640


def test_deleting_removes_emptied_directories_up_to_the_root_and_no_further(store: FileStore, root: Path) -> None:
    put(store, "a/b/c/file")
    put(store, "a/other")
    store.delete("a/b/c/file")
    assert sorted(path.name for path in (root / "a").iterdir()) == ["other"]
    store.delete("a/other")
    assert list(root.iterdir()) == []
    assert root.is_dir()


def test_writes_and_deletes_in_one_directory_do_not_trip_over_each_other(store: FileStore, root: Path) -> None:
    """A delete removes the emptied directory that a put has just made or opened."""
    errors: list[Exception] = []

    def work(name: str) -> None:
        try:
            for _ in range(150):
                put(store, f"deep/er/{name}")
                store.delete(f"deep/er/{name}")
        except Exception as error:  # noqa: BLE001 - any is a failure
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(root.iterdir()) == []


WRITER = """
    import io, os, signal, sys
    from opsctl.storage import open_store

    class Body(io.BytesIO):
        def read(self, amount=-1):
            if self.tell() >= 1_000_000:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().read(min(amount, 100_000))

    open_store(sys.argv[1]).put("dir/key", Body(bytes(2_000_000)), size=2_000_000)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file_and_nothing_that_is_listed(
    store: FileStore, root: Path
) -> None:
    put(store, "dir/key", b"old")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(WRITER), store.url], check=False)
    assert done.returncode == -signal.SIGKILL
    assert store.get("dir/key").read() == b"old"
    assert keys(store) == ["dir/key"]
    assert len(temps(root)) == 1, "found by its name, to be cleaned up"


def mounted(where: Path, *options: str) -> contextlib.AbstractContextManager[None]:
    @contextlib.contextmanager
    def mount() -> Iterator[None]:
        done = subprocess.run(["mount", *options, str(where)], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount a file system: {done.stderr.strip().splitlines()[0]}")
        try:
            yield
        finally:
            subprocess.run(["umount", str(where)], check=True)

    return mount()


def test_a_full_disk_leaves_the_old_file_intact_and_says_so(store: FileStore, root: Path) -> None:
    with mounted(root, "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
        put(store, "key", b"old")
        for attempt in (
            lambda: put(store, "key", bytes(1 << 20)),
            lambda: store.put_if("key", bytes(1 << 20), match=store.stat("key").etag),
        ):
            with pytest.raises(LocalIOError, match="key: No space left on device") as caught:
                attempt()
            assert caught.value.hint == "the disk is full: free some space or choose another directory"
        assert store.get("key").read() == b"old"
        assert temps(root) == []


def test_a_read_only_file_system_is_said_so(store: FileStore, root: Path) -> None:
    put(store, "key", b"old")
    with mounted(root, "--bind", str(root)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        for attempt in (lambda: put(store, "key"), lambda: store.delete("key"), lambda: put(store, "new/key")):
            with pytest.raises(LocalIOError, match="Read-only file system") as caught:
                attempt()
            assert "mounted read-only" in caught.value.hint
        assert keys(store) == ["key"]


def test_where_no_file_can_be_made_the_system_is_quoted() -> None:
    for key in ("opsctl-none", "opsctl-none/below"):
        with pytest.raises(LocalIOError, match="No such file or directory") as caught:
            put(FileStore(StoreURL("file", "", "/proc")), key)
        assert "choose another directory" in caught.value.hint


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_the_user_may_not_is_denied_and_says_what_to_look_at(number: int) -> None:
    found = local_fault(OSError(number, os.strerror(number)), what="file://x")
    assert (type(found), found.message) == (DeniedError, f"file://x: {os.strerror(number)}")
    assert "owne" in found.hint


LIMITED = """
    import io, resource, sys
    from opsctl.errors import LocalIOError
    from opsctl.storage import open_store
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        open_store(sys.argv[1]).put("key", io.BytesIO(bytes(5000)), size=5000)
    except LocalIOError as error:
        print(error.message, "|", error.hint)
"""


def test_a_file_larger_than_allowed_is_an_error_not_a_signal(store: FileStore, root: Path) -> None:
    argv = [sys.executable, "-c", textwrap.dedent(LIMITED), store.url]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert (
        done.stdout
        == f"{store.url}/key: File too large | the file is larger than the file system or `ulimit -f` allows\n"
    )
    assert list(root.iterdir()) == []


# -- reading


def test_a_file_that_shrinks_while_it_is_read_is_an_error_not_a_short_read(store: FileStore, root: Path) -> None:
    put(store, "key", bytes(1_000_000))
    with store.get("key") as body:
        body.read(10)
        os.truncate(root / "key", 500_000)
        with pytest.raises(TransientError, match="key became shorter"):
            body.read()


def test_a_body_can_seek_within_its_range(store: FileStore) -> None:
    put(store, "key", b"0123456789")
    with store.get("key", start=2, length=5) as body:
        assert body.read(2) == b"23"
        assert body.seek(0) == 0
        assert body.read() == b"23456"
        assert body.seek(-2, os.SEEK_END) == 3
        assert body.read() == b"56"
        assert body.seek(100) == 100
        assert body.read() == b""


# -- etags and conditions


def test_an_etag_differs_also_where_inode_size_and_mtime_are_the_same(store: FileStore) -> None:
    first = put(store, "key", b"1", mtime=1000)
    store.delete("key")
    second = put(store, "key", b"2", mtime=1000)
    assert second.etag != first.etag
    with pytest.raises(ConflictError):
        store.put_if("key", b"3", match=first.etag)


def test_the_mtime_of_conditional_writes_only_goes_forward(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    info = store.put_if("key", b"0", match=None)
    seen = {info.etag}
    for number in range(1, 20):
        later = store.put_if("key", b"%d" % (number % 2), match=info.etag)
        assert round(later.mtime * 1e9) > round(info.mtime * 1e9) - 500
        info = later
        seen.add(info.etag)
    assert len(seen) == 20
    assert Path(store.root, "key").stat().st_mtime_ns == 1_000_000_019


def test_a_plain_write_is_never_lost_between_check_and_write_of_a_conditional_one(
    store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.put_if("key", b"first", match=None)
    other = FileStore(StoreURL("file", "", str(root)))
    order: list[str] = []
    real = Draft.set_mtime
    thread = threading.Thread(target=lambda: (put(other, "key", b"plain"), order.append("plain")))

    def set_mtime(self: Draft, nanoseconds: int) -> None:
        if not thread.ident:  # inside the section of put_if, after its check
            thread.start()
            thread.join(0.1)
        real(self, nanoseconds)

    monkeypatch.setattr(Draft, "set_mtime", set_mtime)
    store.put_if("key", b"second", match=first.etag)
    order.append("conditional")
    thread.join()
    assert store.get("key").read() == b"plain", "it came after, and it is there"


def test_a_directory_that_somebody_keeps_locked_is_an_error_after_a_while(
    store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.01)
    descriptor = os.open(root, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(TransientError, match="keeps the directory locked"):
            put(store, "key")
    finally:
        os.close(descriptor)
    assert list(root.iterdir()) == []


def test_a_file_system_without_locks_holds_data_but_no_state(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(9, "Bad file descriptor")  # what NFS says of a directory

    monkeypatch.setattr("opsctl.storage.localfs.locks.fcntl.flock", flock)
    with pytest.raises(UsageError, match="cannot lock a directory"):
        store.put_if("key", b"x", match=None)
    put(store, "dir/key", b"data")
    store.copy_from(store, "dir/key", "copy")
    store.delete("dir/key")
    assert [info.key for info in store.scan()] == ["copy"]


def test_what_killed_writers_leave_is_found_and_removed_but_not_what_is_being_written(
    store: FileStore, root: Path
) -> None:
    """Case 21: leftovers of SIGKILL."""
    put(store, "dir/key", b"data")
    dead = root / "dir" / "deep" / f"{TEMP_PREFIX}999999999-abc"
    dead.parent.mkdir()
    dead.write_bytes(b"half")
    (root / f"{TEMP_PREFIX}{os.getpid()}-def").write_bytes(b"")
    found = {pending.key: pending for pending in store.uploads()}
    assert set(found) == {f"dir/deep/{dead.name}", f"{TEMP_PREFIX}{os.getpid()}-def"}
    assert [info.key for info in store.scan()] == ["dir/key"]
    with pytest.raises(ConflictError, match="being written"):
        store.discard_upload(found[f"{TEMP_PREFIX}{os.getpid()}-def"])
    for _ in range(2):
        store.discard_upload(found[f"dir/deep/{dead.name}"])
    assert not dead.parent.exists()
    assert (root / "dir" / "key").read_bytes() == b"data"
    with pytest.raises(UsageError, match="not a temporary file"):
        store.discard_upload(PendingUpload("dir/key", "", 0.0))


@given(st.floats(-1e9, 4e9))
@settings(max_examples=50, deadline=None)
def test_an_mtime_comes_back_to_the_last_digit_that_it_can_have(mtime: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = FileStore(StoreURL("file", "", name))
        written = put(store, "key", mtime=mtime)
        assert written.mtime == pytest.approx(mtime, abs=1e-9, rel=2e-16)
        assert put(store, "again", mtime=written.mtime).mtime == written.mtime


# -- copies


@pytest.mark.parametrize("refused_by_kernel", [(), (errno.EXDEV,)], ids=["kernel", "by hand"])
def test_a_copy_keeps_bytes_and_mtime_to_the_nanosecond(
    store: FileStore, root: Path, refused_by_kernel: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if refused_by_kernel:

        def refuse(*_: object) -> int:
            raise OSError(*refused_by_kernel, "Invalid cross-device link")

        monkeypatch.setattr(draft.os, "copy_file_range", refuse)
    data = os.urandom(3_000_000)
    put(store, "source", data)
    os.utime(root / "source", ns=(1, 1_234_567_890_123_456_789))
    store.copy_from(store, "source", "dir/target")
    assert (root / "dir" / "target").read_bytes() == data
    assert (root / "dir" / "target").stat().st_mtime_ns == 1_234_567_890_123_456_789


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_source_that_changes_while_it_is_copied_is_never_published(
    store: FileStore, root: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "source", bytes(1000))
    real = Draft.fill_from

    def fill_from(self: Draft, source: int, *, size: int) -> None:
        if change == "touch":
            os.utime(root / "source", (0, 0))
        else:
            os.truncate(root / "source", 2000 if change == "grow" else 10)
        real(self, source, size=size)

    monkeypatch.setattr(Draft, "fill_from", fill_from)
    with pytest.raises(LocalIOError, match=r"source (changed|ended)"):
        store.copy_from(store, "source", "target")
    assert keys(store) == ["source"]
    assert temps(root) == []


# -- opening


def test_options_and_empty_urls_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown option 'fsink'"):
        open_store("file:///x", options={"file:///x": {"fsink": True}})
    with pytest.raises(UsageError, match="names no directory"):
        open_store("file://")
