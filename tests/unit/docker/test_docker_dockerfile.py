"""Reading a Dockerfile: lines of steps, base images, and what only BuildKit understands."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsctl.docker.dockerfile import parse

TWO_STAGES = """# syntax=docker/dockerfile:1
ARG PY=3.12
ARG BASE=python:${PY}

FROM ${BASE} AS build
RUN pip install \\
    # a comment between
    wheel \\

    setuptools
FROM scratch
COPY --from=build /a /a
COPY --from=busybox:1 /b /b
COPY --from=0 /c /c
"""


def test_steps_have_the_lines_where_they_begin() -> None:
    found = parse(TWO_STAGES)
    assert [one.line for one in found.instructions] == [2, 3, 5, 6, 11, 12, 13, 14]
    assert [found.line(step) for step in (0, 1, 4, 8, 9)] == [0, 2, 6, 14, 0]


def test_continued_lines_are_joined_without_comments_and_empty_lines() -> None:
    assert parse(TWO_STAGES).instructions[3].value.split() == ["pip", "install", "wheel", "setuptools"]


def test_only_line_feeds_end_lines() -> None:
    assert [one.line for one in parse("FROM a\r\nRUN echo \u2028\x0c x\r\nRUN y").instructions] == [1, 2, 3]


def test_base_images_are_those_that_are_no_stages() -> None:
    assert parse(TWO_STAGES).bases({}) == ["python:3.12", "busybox:1"]
    assert parse(TWO_STAGES).bases({"PY": "3.13"}) == ["python:3.13", "busybox:1"]
    assert parse(TWO_STAGES).bases({"BASE": "x:1"}) == ["x:1", "busybox:1"]


@pytest.mark.parametrize(
    ("text", "target", "bases"),
    [
        ("FROM a AS one\nFROM b AS two\nFROM c", "one", ["a"]),
        ("FROM a AS one\nFROM b AS two\nFROM c", "TWO", ["a", "b"]),
        ("FROM a\nFROM b\nFROM c", "1", ["a", "b"]),
        ("FROM a AS one\nFROM ONE\nFROM b", "", ["a", "b"]),
        ("FROM --platform=linux/amd64 a:1 AS x", "", ["a:1"]),
        ("from a as x\nfrom x", "", ["a"]),
        ("FROM scratch", "", []),
        ("FROM a\nARG X=b\nFROM $X", "", ["a"]),  # an ARG within a stage is unknown to FROM
        ("ARG X\nFROM ${X:-b}", "", ["b"]),
        ("ARG X=1\nFROM a${X:+-alt}", "", ["a-alt"]),
        ('ARG X="q:1"\nFROM $X', "", ["q:1"]),
        ("FROM a\nRUN --mount=type=bind,from=tools:2,target=/t true", "", ["a", "tools:2"]),
        ("FROM a\nRUN cat <<EOF\nFROM inside\nEOF\nRUN x", "", ["a"]),
        ("# escape=`\nFROM a\nRUN x `\n y", "", ["a"]),
    ],
)
def test_base_images_follow_arguments_stages_and_target(text: str, target: str, bases: list[str]) -> None:
    assert parse(text).bases({}, target=target) == bases


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("FROM a\nRUN --mount=type=cache,target=/x ls", (2, "RUN --mount")),
        ("FROM a\nCOPY --link a b", (2, "COPY --link")),
        ("FROM a\nCOPY --chmod=755 a b", (2, "COPY --chmod")),
        ("FROM a\nADD --checksum=sha256:1 a b", (2, "ADD --checksum")),
        ("FROM a\nRUN <<EOF\nls\nEOF", (2, "RUN <<")),
        ("FROM a\nCOPY --chown=1:1 --from=b a b", None),
        ("FROM a\nRUN ls --mount x", None),
        ("FROM a\nENV X='<<EOF'", None),
        ("FROM a\nHEALTHCHECK --interval=1s CMD x", None),
    ],
)
def test_what_only_buildkit_understands_is_found_with_its_line(text: str, refused: tuple[int, str] | None) -> None:
    assert parse(text).needs_buildkit() == refused


@pytest.mark.parametrize(
    ("target", "line"), [("", 0), ("two", 0), ("one", 3), ("0", 3), ("ONE", 3), ("1", 0), ("no", 0)]
)
def test_the_end_of_a_stage_is_where_the_next_one_begins(target: str, line: int) -> None:
    assert parse("FROM a AS one\nRUN x\nFROM b AS two\nRUN y\n").stage_end(target) == line


def test_an_instruction_is_found_by_what_a_builder_shows_of_it() -> None:
    found = parse("FROM a\nRUN x  &&\\\n  y\nRUN z\nRUN z\n")
    assert found.find("RUN x && y") == 2
    assert found.find("RUN z") == 0  # two of them
    assert found.find("RUN q") == 0


PIECES = [
    *("FROM", "FROM a", "AS", "as b", "ARG", "ARG X", "=", "$", "${", "${X", "${X:-", "}", "RUN", "COPY", "--from="),
    *("--mount=from=x,", "<<EOF", "EOF", "\\", "#", "# escape=`", "`", "\n", " ", "\t", "é", "\0", '"', "'", "\r"),
]


@example("\\", "")
@example("\\\n\\\n", "")
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=80), st.text(max_size=5))
def test_no_text_breaks_the_reader(text: str, target: str) -> None:
    found = parse(text)
    found.bases({"X": "y"}, target=target)
    found.needs_buildkit()
    found.stage_end(target)
    assert all(one.line > 0 for one in found.instructions)
