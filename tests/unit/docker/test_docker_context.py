"""The build context: the same files make the same bytes and the same hash, and nothing odd gets in unseen."""

import io
import os
import socket
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.docker.context import Context, open_context
from opsctl.errors import ConfigError, LocalIOError, NotFoundError, StepFailedError

DOCKERFILE = Path("Dockerfile")


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    return root


def archive(context: Context) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(b"".join(context.stream())))


def names(context: Context) -> list[str]:
    return archive(context).getnames()


def test_the_stream_is_sorted_owned_by_root_and_complete(tmp_path: Path) -> None:
    tree(tmp_path, {"b/z": "1", "b/a": "2", "a": "3", "Dockerfile": "FROM scratch"})
    (tmp_path / "b").chmod(0o750)
    with archive(open_context(tmp_path, DOCKERFILE)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == ["Dockerfile", "a", "b", "b/a", "b/z"]
        assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
        assert [oct(member.mode) for member in members] == ["0o644", "0o644", "0o750", "0o644", "0o644"]
        inside = tar.extractfile("b/z")
        assert inside is not None
        assert inside.read() == b"1"


def test_the_same_files_elsewhere_and_later_make_the_same_hash_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    files = {"Dockerfile": "FROM scratch", "b": "1", "a/c": "2"}
    first, second = tree(tmp_path / "x", files), tree(tmp_path / "y", dict(reversed(files.items())))
    os.utime(second / "b", (1, 1))
    one, two = open_context(first, DOCKERFILE), open_context(second, DOCKERFILE)
    assert one.digest() == two.digest()
    assert b"".join(one.stream()) == b"".join(two.stream())


def test_times_are_sent_as_they_are_unless_they_are_fixed(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch"})
    os.utime(tmp_path / "Dockerfile", (1.7, 1234567890.7))
    assert archive(open_context(tmp_path, DOCKERFILE)).getmember("Dockerfile").mtime == 1234567890


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "new", "directory"])
def test_every_change_changes_the_hash(tmp_path: Path, change: str) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "a": "1"})
    (tmp_path / "l").symlink_to("a")
    before = open_context(tmp_path, DOCKERFILE).digest()
    match change:
        case "content":
            (tmp_path / "a").write_text("2")
        case "name":
            (tmp_path / "a").rename(tmp_path / "b")
        case "mode":
            (tmp_path / "a").chmod(0o755)
        case "link":
            (tmp_path / "l").unlink()
            (tmp_path / "l").symlink_to("b")
        case "new":
            (tmp_path / "n").touch()
        case "directory":
            (tmp_path / "d").mkdir()
    assert open_context(tmp_path, DOCKERFILE).digest() != before


trees = st.dictionaries(st.text("ab", min_size=1, max_size=3), st.text("ab0 ", max_size=3), max_size=3)


@given(trees, trees)
def test_two_trees_have_one_hash_only_if_they_are_the_same(first: dict[str, str], second: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        hashes = [
            open_context(tree(Path(root), {**files, "Dockerfile": ""}), DOCKERFILE).digest()
            for root, files in ((one, first), (two, second))
        ]
    assert (hashes[0] == hashes[1]) is (first == second)


def test_the_state_of_opsctl_itself_stays_behind(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "sub/.opsctl/kept": "1"})
    before = open_context(tmp_path, DOCKERFILE).digest()
    tree(tmp_path, {".opsctl/deploys/journal.json": "{}"})
    after = open_context(tmp_path, DOCKERFILE)
    assert after.digest() == before
    assert names(after) == ["Dockerfile", "sub", "sub/.opsctl", "sub/.opsctl/kept"]


def test_links_stay_links_wherever_they_lead(tmp_path: Path) -> None:
    root = tree(tmp_path / "c", {"Dockerfile": "FROM scratch"})
    targets = {"out": "../../etc/passwd", "abs": "/etc/passwd", "gone": "nowhere", "dir": "."}
    for name, target in targets.items():
        (root / name).symlink_to(target)
    with archive(open_context(root, DOCKERFILE)) as tar:
        assert {name: tar.getmember(name).linkname for name in targets} == targets
        assert all(tar.getmember(name).issym() for name in targets)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_special_files_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch"})
    if kind == "pipe":
        os.mkfifo(tmp_path / "odd")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(tmp_path / "odd"))
    with pytest.raises(ConfigError, match="odd"):
        open_context(tmp_path, DOCKERFILE)
    (tmp_path / ".dockerignore").write_text("odd")
    assert "odd" not in names(open_context(tmp_path, DOCKERFILE))


def test_a_directory_that_is_not_there_and_a_dockerfile_that_is_not_there_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="context"):
        open_context(tmp_path / "no", DOCKERFILE)
    with pytest.raises(NotFoundError, match="Dockerfile"):
        open_context(tmp_path, DOCKERFILE)


def test_a_file_that_changes_while_it_is_sent_ends_the_build(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "log": "line\n"})
    for text in ("line\nline\n", "l"):
        context = open_context(tmp_path, DOCKERFILE)
        (tmp_path / "log").write_text(text)
        with pytest.raises(StepFailedError, match="log changed"):
            list(context.stream())
        (tmp_path / "log").write_text("line\n")


def test_a_file_that_vanishes_is_an_error_with_its_name(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "gone": ""})
    context = open_context(tmp_path, DOCKERFILE)
    (tmp_path / "gone").unlink()
    with pytest.raises(LocalIOError, match="gone"):
        context.digest()


def test_an_ignored_directory_is_sent_only_for_what_is_kept_in_it(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM scratch", "docs/a.md": "", "docs/b/c.md": "", "docs/b/d.md": "", "src/x": ""}
    tree(tmp_path, {**files, ".dockerignore": "docs\n!docs/b/c.md\nsrc\n"})
    assert names(open_context(tmp_path, DOCKERFILE)) == [".dockerignore", "Dockerfile", "docs", "docs/b", "docs/b/c.md"]


def test_an_exception_with_a_wildcard_reaches_into_ignored_directories(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "", "keys/a.pub": "", "keys/a": "", ".dockerignore": "keys\n!**/*.pub\n"})
    assert "keys/a.pub" in names(open_context(tmp_path, DOCKERFILE))
    assert "keys/a" not in names(open_context(tmp_path, DOCKERFILE))


def test_an_ignored_dockerfile_is_sent_with_the_file_that_ignores_it(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "a": "", ".dockerignore": "*\n!a\n"})
    context = open_context(tmp_path, DOCKERFILE)
    assert context.inside == "Dockerfile"
    assert sorted(names(context)) == [".dockerignore", "Dockerfile", "a"]


def test_a_dockerfile_outside_travels_under_a_name_of_its_own_that_the_builder_takes_out(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "c/a": "", "c/Dockerfile": "FROM other"})
    context = open_context(tmp_path / "c", Path("../Dockerfile"))
    with archive(context) as tar:
        assert sorted(tar.getnames()) == sorted([context.inside, ".dockerignore", "Dockerfile", "a"])
        ignored, sent = tar.extractfile(".dockerignore"), tar.extractfile(context.inside)
        assert ignored is not None
        assert ignored.read().decode().split() == [".dockerignore", context.inside]
        assert sent is not None
        assert sent.read() == b"FROM scratch"


def test_a_dockerfile_outside_keeps_the_lines_of_the_ignore_file(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "c/a": "", "c/.dockerignore": "b"})
    context = open_context(tmp_path / "c", tmp_path / "Dockerfile")
    with archive(context) as tar:
        ignored = tar.extractfile(".dockerignore")
        assert ignored is not None
        assert ignored.read().decode().split() == ["b", context.inside]
        assert tar.getnames().count(".dockerignore") == 1


def test_a_linked_dockerfile_is_read_through_the_link(tmp_path: Path) -> None:
    tree(tmp_path, {"c/a": "", "real": "FROM scratch"})
    (tmp_path / "c/Dockerfile").symlink_to("../real")
    context = open_context(tmp_path / "c", DOCKERFILE)
    with archive(context) as tar:
        sent = tar.extractfile(context.inside)
        assert sent is not None
        assert sent.read() == b"FROM scratch"
        assert tar.getmember("Dockerfile").issym()


def test_the_ignore_file_of_the_dockerfile_decides_alone(tmp_path: Path) -> None:
    files = {"Dockerfile": "", "Dockerfile.dockerignore": "a", ".dockerignore": "b\nDockerfile", "a": "", "b": ""}
    context = open_context(tree(tmp_path, files), DOCKERFILE)
    assert "a" not in names(context)
    assert "b" in names(context)
    # The builder obeys the `.dockerignore` in the stream, which would take the Dockerfile away.
    assert context.inside != "Dockerfile"


def test_names_of_any_bytes_and_length_survive(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "é\nü ☺": "1", "d" * 200 + "/" + "f" * 200: "2"})
    raw = os.fsdecode(b"\xff\xfe")
    (tmp_path / raw).write_text("3")
    assert {"é\nü ☺", "d" * 200 + "/" + "f" * 200, raw} <= set(names(open_context(tmp_path, DOCKERFILE)))


def test_a_very_deep_tree_is_walked(tmp_path: Path) -> None:
    tree(tmp_path, {"Dockerfile": "FROM scratch", "/".join(["d"] * 500) + "/f": "x"})
    assert len(open_context(tmp_path, DOCKERFILE).entries) == 502
