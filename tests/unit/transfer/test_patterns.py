"""Patterns match what a shell would, and never what is hidden."""

import glob
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.transfer.patterns import Pattern, is_pattern


@pytest.mark.parametrize(
    ("pattern", "directory", "matching", "other"),
    [
        ("dist/*.whl", "dist/", ["a.whl", "a.whl/in/it"], ["a.txt", "sub/a.whl", ".a.whl", ".whl"]),
        ("**/*.xml", "", ["a.xml", "d/a.xml", "d/e/a.xml"], ["a.txt", ".d/a.xml", "d/.a.xml", "d/.e/a.xml"]),
        ("out/**", "out/", ["a", "d/a", "d/e/a"], [".a", "d/.a", ".d/a"]),
        ("*", "", ["a", "d/a"], [".env", ".git/config", "d/.env"]),
        ("a/b/*/c", "a/b/", ["x/c", "x/c/d"], ["c", "x/y/c", "x/cc"]),
        ("[ab]?.txt", "", ["ax.txt", "by.txt"], ["cx.txt", "a.txt"]),
        ("[!a]", "", ["b"], ["a", ".", "bb"]),
        (".git*/x", "", [".github/x", ".git/x"], ["git/x"]),
        ("src/**/.env", "src/", [".env", "a/.env"], ["env", ".a/.env", ".env/.hidden"]),
        ("**/d/**/f", "", ["d/f", "x/d/f", "d/y/f", "x/d/y/z/f"], ["f", "x/f", "d"]),
        ("a*\nb", "", ["ax\nb"], ["ax\nbc"]),
    ],
)
def test_examples(pattern: str, directory: str, matching: list[str], other: list[str]) -> None:
    compiled = Pattern(pattern)
    assert compiled.directory == directory
    assert [path for path in matching if not compiled.matches(path)] == []
    assert [path for path in other if compiled.matches(path)] == []


names = st.text(alphabet="ab", min_size=1, max_size=2)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
pattern_names = st.one_of(names, st.text(alphabet="ab*?", min_size=1, max_size=3), st.sampled_from(["*", "**", "[a]*"]))
patterns = st.lists(pattern_names, min_size=1, max_size=4).map("/".join)


@given(st.lists(paths, max_size=8), patterns)
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_the_glob_of_python(tree: list[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path in tree:
            place = root / path
            if not place.is_dir() and not any(parent.is_file() for parent in place.parents):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        # Python takes "file/**" to mean the file too, as "file/".
        found = [
            Path(path)
            for path in glob.glob(text, root_dir=name, recursive=True)  # noqa: PTH207 - Path.glob differs in "**"
            if not (path.endswith("/") and (root / path.rstrip("/")).is_file())
        ]
        files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        expected = {str(path) for path in files if any(one in {path, *path.parents} for one in found)}
        pattern = Pattern(text)
        below = [str(path) for path in files if str(path).startswith(pattern.directory)]
        matched = {path for path in below if pattern.matches(path.removeprefix(pattern.directory))}
        if is_pattern(text):
            assert matched == expected
        for path in matched:
            parents = [str(parent) for parent in Path(path.removeprefix(pattern.directory)).parents][:-1]
            assert all(pattern.may_enter(f"{parent}/") for parent in parents)


def test_directories_that_cannot_hold_a_match_are_not_entered() -> None:
    pattern = Pattern("src/*/test/*.py")
    assert [path for path in ("a/", "a/test/", "a/lib/", "a/test/deep/", ".a/") if pattern.may_enter(path)] == [
        "a/",
        "a/test/",
    ]
