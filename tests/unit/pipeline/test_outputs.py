"""What a script writes to $OPSCTL_OUTPUT: two forms, and nothing that could be taken for something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import StepFailedError
from opsctl.pipeline.outputs import MAX_BYTES, parse_outputs, read_outputs

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)


def test_both_forms_are_read() -> None:
    text = "a=1\n\nb=x=y <<z\nc<<END\none\nEND2\n\nEND\nempty=\na=2\nlast=end"
    assert parse_outputs(text) == {"a": "2", "b": "x=y <<z", "c": "one\nEND2\n", "empty": "", "last": "end"}


def test_line_ends_of_windows_are_understood() -> None:
    assert parse_outputs("a=1\r\nb<<END\r\nx\r\nEND\r\n") == {"a": "1", "b": "x\r"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a", "line 1 of $OPSCTL_OUTPUT is neither NAME=VALUE nor NAME<<END"),
        ("a=1\n1b=2", "line 2 of $OPSCTL_OUTPUT is neither NAME=VALUE nor NAME<<END"),
        ("a b=1", "line 1 of $OPSCTL_OUTPUT is neither NAME=VALUE nor NAME<<END"),
        ("a<<", "line 1 of $OPSCTL_OUTPUT is neither NAME=VALUE nor NAME<<END"),
        ("a<<END\nx\n", "output 'a' in $OPSCTL_OUTPUT has no end"),
        ("a=\0", "$OPSCTL_OUTPUT holds a NUL character"),
    ],
)
def test_what_has_no_form_fails_the_step(text: str, told: str) -> None:
    with pytest.raises(StepFailedError) as caught:
        parse_outputs(text)
    assert caught.value.message == told


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_blocks_hold_any_text(outputs: dict[str, str]) -> None:
    text = "".join(f"{name}<<~end~\n{value}\n~end~\n" for name, value in outputs.items())
    assert parse_outputs(text) == outputs


def test_no_file_means_no_outputs_and_a_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "step"
    assert read_outputs(str(path)) == {}
    path.write_text("a=1\n")
    assert read_outputs(str(path)) == {"a": "1"}
    assert not path.exists()


@pytest.mark.parametrize("data", [b"a=\xff\n", b"a=" + b"x" * MAX_BYTES])
def test_what_is_no_text_or_too_large_fails_the_step(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "step").write_bytes(data)
    with pytest.raises(StepFailedError):
        read_outputs(str(tmp_path / "step"))


def test_a_link_is_not_followed_and_a_pipe_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(StepFailedError, match="cannot be read"):
        read_outputs(str(tmp_path / "link"))
    os.mkfifo(tmp_path / "pipe")
    assert read_outputs(str(tmp_path / "pipe")) == {}
