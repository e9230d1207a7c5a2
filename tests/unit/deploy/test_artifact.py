"""The files of a release: exactly those that were named, with a digest that tells any difference."""

import os
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.config.models import Artifact as Config
from opsctl.deploy.artifact import Artifact, FileEntry, collect, digest_of
from opsctl.errors import NotFoundError, StepFailedError

FILES = ["index.html", "assets/app.js", "assets/img/logo.svg", "docs/a.md", "docs/b.txt", "manifest.json"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


def paths(base: Path, *include: str, exclude: tuple[str, ...] = ()) -> list[str]:
    found = collect(Config(root="dist", include=list(include), exclude=list(exclude)), base)
    return [entry.path for entry in found.files]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["."], [], FILES),
        (["**"], [], FILES),
        (["assets"], [], ["assets/app.js", "assets/img/logo.svg"]),
        (["assets/"], [], ["assets/app.js", "assets/img/logo.svg"]),
        (["./index.html"], [], ["index.html"]),
        (["*.html", "*.json"], [], ["index.html", "manifest.json"]),
        (["*"], ["*.json"], sorted(set(FILES) - {"manifest.json"})),
        (["assets/*.js"], [], ["assets/app.js"]),
        (["assets/**/*.svg"], [], ["assets/img/logo.svg"]),
        (["**/*.js"], [], ["assets/app.js"]),
        (["docs/?.md"], [], ["docs/a.md"]),
        (["docs/**"], ["**/*.txt"], ["docs/a.md"]),
        (["."], ["assets", "docs/b.txt"], ["docs/a.md", "index.html", "manifest.json"]),
    ],
)
def test_patterns_name_files(base: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    assert paths(base, *include, exclude=tuple(exclude)) == sorted(expected)


@pytest.mark.parametrize("pattern", ["nothing", "*.exe", "assets/nothing/**", "index.html/x"])
def test_a_pattern_that_matches_nothing_is_an_error(base: Path, pattern: str) -> None:
    """A release without its files would look fine."""
    with pytest.raises(NotFoundError, match="matches no file"):
        paths(base, ".", pattern)


def test_a_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not a directory"):
        collect(Config(root="dist", include=["."]), tmp_path)


def test_the_state_of_opsctl_and_git_is_never_released(base: Path) -> None:
    """`root: .` must not put all earlier releases into the next one."""
    for name in (".opsctl/releases/web/x", ".git/config"):
        path = base / "dist" / name
        path.parent.mkdir(parents=True)
        path.write_text("x")
    assert paths(base, ".") == sorted(FILES)


def test_links_to_files_are_files_and_others_are_refused(base: Path) -> None:
    (base / "dist/same.html").symlink_to("index.html")
    assert "same.html" in paths(base, ".")
    (base / "dist/linked").symlink_to("assets")
    with pytest.raises(StepFailedError, match="'linked' is not a file"):
        paths(base, ".")
    assert "same.html" in paths(base, ".", exclude=("linked",))


def test_what_leads_outside_is_refused(base: Path) -> None:
    (base / "secret").write_text("do not publish")
    (base / "dist/leak").symlink_to("../secret")
    with pytest.raises(StepFailedError, match="leads outside"):
        paths(base, ".")


def test_what_is_no_file_is_refused(base: Path) -> None:
    os.mkfifo(base / "dist/pipe")
    with pytest.raises(StepFailedError, match="'pipe' is not a file"):
        paths(base, ".")


def test_a_name_that_is_not_text_is_refused(base: Path) -> None:
    (base / "dist" / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    with pytest.raises(StepFailedError, match="not UTF-8"):
        paths(base, ".")


def test_the_digest_covers_names_and_contents(base: Path) -> None:
    def digest() -> str:
        return collect(Config(root="dist", include=["."]), base).record.digest

    first = digest()
    os.utime(base / "dist/index.html", (1, 1))
    assert digest() == first
    (base / "dist/index.html").write_text("other")
    assert digest() != first
    (base / "dist/index.html").write_text("content of index.html")
    (base / "dist/docs/a.md").rename(base / "dist/docs/c.md")
    assert digest() != first


names = st.text(string.ascii_letters + "/-. é", min_size=1, max_size=8)


@given(st.dictionaries(names, st.sampled_from(["1" * 64, "2" * 64]), max_size=5), st.randoms())
def test_the_order_of_files_does_not_matter_and_every_difference_does(files: dict[str, str], random: object) -> None:
    entries = [FileEntry(name, 1, digest) for name, digest in files.items()]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert digest_of(tuple(entries)) == digest_of(tuple(shuffled))
    for index, entry in enumerate(entries):
        changed = [*entries[:index], FileEntry(entry.path, 1, "3" * 64), *entries[index + 1 :]]
        assert digest_of(tuple(changed)) != digest_of(tuple(entries))
        assert digest_of(tuple(entries[:index] + entries[index + 1 :])) != digest_of(tuple(entries))


def test_an_empty_file_is_a_file() -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "empty").touch()
        found = collect(Config(root=".", include=["empty"]), Path(directory))
        assert isinstance(found, Artifact)
        assert (found.record.files, found.record.bytes) == (1, 0)
