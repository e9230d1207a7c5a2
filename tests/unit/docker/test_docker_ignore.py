"""`.dockerignore` by Docker's rules: the table of Docker's own matcher, and properties over random patterns.

What the docker command does with the same files is compared in tests/conformance/test_docker_ignore.py.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.docker import ignore
from opsctl.docker.ignore import NOTHING, PatternError, parse
from opsctl.errors import ConfigError, LocalIOError

MATCHES = [
    *[("**", "file"), ("**/", "file"), ("**", "dir/file"), ("**/**", "dir/file"), ("dir/**", "dir/file")],
    *[("dir/**", "dir/dir2/file"), ("**/dir", "dir"), ("**/dir", "dir/file"), ("**/dir2/*", "dir/dir2/file")],
    *[("**/dir2/**", "dir/dir2/dir3/file"), ("**file", "file"), ("**file", "dir/otherfile"), ("**/file", "a/b/file")],
    *[("**/file*", "dir/dir/file.txt"), ("**/**/*.txt", "file.txt"), ("a**/*.txt", "a/file.txt")],
    *[("a**/*.txt", "a/dir/dir/file.txt"), ("a/*.txt**", "a/file.txt"), ("a[b-d]e", "ace"), ("a[^b-d]e", "aze")],
    *[(".*", ".foo"), ("abc?def", "abcZdef"), ("**/foo/bar", "foo/bar"), ("**/foo/bar", "dir/dir2/foo/bar")],
    *[("a(b)c/def", "a(b)c/def"), ("a.|)$(}+{bc", "a.|)$(}+{bc"), (r"a\*b", "a*b"), (r"a\\", "a\\"), ("a?b", "a☺b")],
    *[("[a-ζ]*", "δ"), (r"[\]a]", "]"), (r"[x\-]", "-"), ("*", "abc"), ("a*", "ab/c"), ("a*/b", "abc/b")],
    *[("/a/b", "a/b"), ("//a", "a"), ("./a", "a"), ("a/", "a"), ("a/./b/../c", "a/c"), ("  a  ", "a"), ("a^", "a^")],
]

MISSES = [
    *[("**/**/*.txt2", "file.txt"), ("a/*.txt", "a/dir/file.txt"), ("a[b-d]e", "ae"), ("a[b-d]e", "aae")],
    *[(".*", "foo"), ("abc.def", "abcZdef"), ("abc?def", "abcdef"), ("abc/**", "abc"), ("**/.foo", "bar.foo")],
    *[("a*b*c*d*e*/f", "axbxcxdxe/xxx/f"), (r"a\*b", "axb"), ("*[a-ζ]", "A"), ("a?b", "a/b"), ("a*b", "a/b")],
    *[("../a", "a"), (".", "a"), ("/", "a"), ("A", "a"), ("a", "ab"), ("**/file", "otherfile"), ("a\n#b", "#b")],
]

BROKEN = ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "[z-a]", "[x\\", "!", "! "]


@pytest.mark.parametrize(("pattern", "path"), MATCHES)
def test_a_pattern_matches_what_docker_says_it_matches(pattern: str, path: str) -> None:
    assert parse(pattern).ignores(path)


@pytest.mark.parametrize(("pattern", "path"), MISSES)
def test_a_pattern_matches_no_more_than_that(pattern: str, path: str) -> None:
    assert not parse(pattern).ignores(path)


@pytest.mark.parametrize("pattern", BROKEN)
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (["*.md", "!README.md"], "README.md", False),
        (["!README.md", "*.md"], "README.md", True),  # the last one that matches decides
        (["docs", "!docs/a.md"], "docs/a.md", False),
        (["docs/", "!docs/a.md"], "docs/b.md", True),
        (["**", "!util/web"], "util/web/foo", False),
        (["**", "!util/web", "util/web/foo"], "util/web/foo", True),
        (["# comment", "a"], "# comment", False),
        ([" # no comment"], "# no comment", True),
        (["*/secret", "!a"], "a/secret", True),  # Docker's walk had not looked at `!a` when it came by
    ],
)
def test_patterns_work_in_the_order_of_the_file(lines: list[str], path: str, *, ignored: bool) -> None:
    assert parse("\n".join(lines)).ignores(path) is ignored


def test_white_space_line_ends_and_a_byte_order_mark_do_not_count() -> None:
    assert parse("\ufeffa\r\n\r\n  b\t\r\n").ignores("a")
    assert parse("\ufeff# a").ignores("a") is False
    assert parse("x\r\n  b\t\r\n").ignores("b")


def test_a_broken_file_names_every_line_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / ".dockerignore"
    file.write_text("a\n[\n# [\n!\n")
    with pytest.raises(ConfigError) as caught:
        ignore.read(file)
    assert [(problem.line, problem.file) for problem in caught.value.problems] == [(2, str(file)), (4, str(file))]


def test_an_unreadable_file_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(LocalIOError):
        ignore.read(tmp_path)


def test_the_file_of_the_dockerfile_comes_first(tmp_path: Path) -> None:
    dockerfile = tmp_path / "build" / "prod.Dockerfile"
    dockerfile.parent.mkdir()
    assert ignore.find(tmp_path, dockerfile) is None
    (tmp_path / ".dockerignore").touch()
    assert ignore.find(tmp_path, dockerfile) == tmp_path / ".dockerignore"
    own = dockerfile.with_name("prod.Dockerfile.dockerignore")
    own.touch()
    assert ignore.find(tmp_path, dockerfile) == own


@pytest.mark.parametrize(
    ("lines", "directory", "may"),
    [
        ("a\n!a/b", "a", True),
        ("a\n!a/*", "a", True),
        ("a\n!ab", "a", False),
        ("a\n!b", "a", False),
        ("a\n!**/x", "a", True),
        ("a\n!a/b/c", "a/b", True),
        ("a\n!a/b/c", "a/d", False),
        ("a", "a", False),
    ],
)
def test_an_ignored_directory_is_entered_only_when_something_in_it_may_be_kept(
    lines: str, directory: str, *, may: bool
) -> None:
    assert parse(lines).may_keep_below(directory) is may


name = st.text("abc.*?[]!^\\- é", min_size=1, max_size=4)
pattern = st.lists(name | st.just("**"), min_size=1, max_size=3).map("/".join)
path = st.lists(st.text("abc.é-", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(st.lists(st.tuples(st.booleans(), pattern), max_size=5), path)
def test_any_file_is_read_or_refused_and_gives_one_answer(lines: list[tuple[bool, str]], path: str) -> None:
    try:
        rules = parse("\n".join(("!" if negated else "") + text for negated, text in lines))
    except PatternError:
        return
    assert rules.ignores(path) in {True, False}


@given(path, path)
def test_a_literal_pattern_matches_itself_and_what_is_below(first: str, second: str) -> None:
    rules = parse(first) if first.strip("./") and ".." not in first.split("/") and "." not in first.split("/") else None
    if rules is not None:
        assert rules.ignores(first)
        assert rules.ignores(f"{first}/{second}")


@given(st.lists(path, max_size=4), path)
def test_without_exceptions_what_is_in_an_ignored_directory_is_ignored(patterns: list[str], path: str) -> None:
    rules = parse("\n".join(patterns))
    if rules.ignores(path):
        assert rules.ignores(f"{path}/below")


@given(path)
def test_no_rules_ignore_nothing(path: str) -> None:
    assert not NOTHING.ignores(path)
