"""Tables fit the terminal, keep both ends of what must be cut, and let no foreign text break a row."""

from hypothesis import given
from hypothesis import strategies as st

from opsctl.cli.output.ansi import strip, width
from opsctl.cli.output.table import Column, Table, describe
from opsctl.cli.output.units import size

COLUMNS = (Column("name", shrink=True), Column("size", size, align="right"), Column("image", shrink=True))
ROW = ("web", 2048, "registry.example.com/acme/web@sha256:0123456789abcdef")


def test_a_table_has_a_header_and_lines_up() -> None:
    text = Table(COLUMNS, [ROW, ("a", 5, "b")]).render(columns=None)
    assert [strip(line) for line in text.split("\n")] == [
        "NAME     SIZE  IMAGE",
        "web   2.0 KiB  registry.example.com/acme/web@sha256:0123456789abcdef",
        "a         5 B  b",
    ]


def test_the_widest_column_gives_way() -> None:
    lines = Table(COLUMNS, [ROW]).render(columns=40).split("\n")
    assert strip(lines[1]) == "web   2.0 KiB  registry.exa…456789abcdef"


def test_a_table_that_cannot_fit_becomes_paragraphs() -> None:
    columns = (Column("release", align="right"), Column("when"), Column("what", shrink=True))
    rows = [(1, "2026-01-31 09:05:07", "registry.example.com/acme/web:1"), (2, "2026-01-31 09:05:08", "")]
    lines = [strip(line) for line in Table(columns, rows).render(columns=30).split("\n")]
    assert lines == [
        "RELEASE  1",
        "WHEN     2026-01-31 09:05:07",
        "WHAT     registry.e…acme/web:1",
        "",
        "RELEASE  2",
        "WHEN     2026-01-31 09:05:08",
        "WHAT",
    ]


@given(st.lists(st.tuples(st.text(), st.integers(0, 2**50), st.text()), max_size=5), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal_and_every_row_is_one_line(
    rows: list[tuple[str, int, str]], columns: int
) -> None:
    lines = Table(COLUMNS, rows).render(columns=columns).split("\n")
    assert len(lines) == len(rows) + 1
    assert all(width(line) <= columns for line in lines)


def test_an_empty_table_says_what_is_missing() -> None:
    assert Table(COLUMNS, [], empty="no releases yet").render(columns=80) == "no releases yet"


def test_facts_line_up_and_stay_one_line_each() -> None:
    assert describe({"key": "a\nb", "etag": None}) == "key   a\\nb\netag  "
