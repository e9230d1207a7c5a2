"""The walk of a tree lists like a bucket: any tree, any prefix, any place to start."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.storage.localfs import TEMP_PREFIX, walk

# Characters that sort before and after "/", on both sides of the surrogates of UTF-16, and of other lengths.
names = st.text(alphabet="a!.-0/~é\uffee\U0001f680", min_size=1, max_size=3).filter(
    lambda name: "/" not in name and name not in {".", ".."}
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
trees = st.lists(paths, max_size=14)
fragments = st.text(alphabet="a!.-0/~é\uffee\U0001f680", max_size=6)


def plant(root: Path, tree: list[str]) -> list[str]:
    """Make the files that fit beside each other and return their keys in the order of their bytes."""
    for path in tree:
        place = root / path
        if not any(parent.is_file() for parent in place.parents) and not place.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"")
    files = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return sorted(files, key=str.encode)


@given(trees, fragments, fragments)
@settings(max_examples=150, deadline=None)
def test_it_lists_what_a_sorted_list_would(tree: list[str], prefix: str, start_after: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        expected = plant(Path(name), tree)
        for wanted, after in ((prefix, start_after), ("", start_after), (prefix, ""), *((key, "") for key in expected)):
            found = [key for key, _ in walk(name, prefix=wanted, start_after=after)]
            assert found == [key for key in expected if key.startswith(wanted) and key.encode() > after.encode()]


def test_a_directory_that_is_not_wanted_is_not_entered(tmp_path: Path) -> None:
    plant(tmp_path, ["a/1", "b/2", "b/c/3"])
    asked: list[str] = []

    def enter(key: str) -> bool:
        asked.append(key)
        return key != "b/c/"

    assert [key for key, _ in walk(str(tmp_path), enter=enter)] == ["a/1", "b/2"]
    assert sorted(asked) == ["a/", "b/", "b/c/"]


def test_unfinished_files_are_never_listed(tmp_path: Path) -> None:
    (tmp_path / f"{TEMP_PREFIX}1").write_bytes(b"")
    (tmp_path / f"{TEMP_PREFIX}d").mkdir()
    assert list(walk(str(tmp_path))) == []
