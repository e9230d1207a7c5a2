"""The mtime beside an object survives both spellings, and foreign metadata is never mistaken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.storage.metadata import MARK, kept_mtime, mark_of, new_mark, rfc3339, seconds, user_metadata

TIMES = st.floats(-2_000_000_000, 4_000_000_000)


@given(mtime=TIMES)
def test_seconds_come_back_as_the_same_float(mtime: float) -> None:
    assert kept_mtime({"mtime": seconds(mtime)}) == mtime
    assert "e" not in seconds(mtime)


@given(mtime=TIMES)
def test_rfc3339_comes_back_to_the_microsecond(mtime: float) -> None:
    assert kept_mtime({"mtime": rfc3339(mtime)}) == pytest.approx(mtime, abs=1e-6)
    assert rfc3339(mtime).endswith("Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1136214245.123456789", 1136214245.1234567),  # rclone on S3
        ("2006-01-02T15:04:05.123456789Z", 1136214245.123456),  # rclone on Google and Azure
        ("2006-01-02T17:04:05+02:00", 1136214245.0),
        ("yesterday", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("2006-01-02", None),
    ],
)
def test_what_others_wrote_is_understood_or_left_alone(text: str, expected: float | None) -> None:
    assert kept_mtime({"mtime": text}) == expected


def test_only_what_the_user_put_there_is_shown() -> None:
    shown = user_metadata({"Owner": "ops", "Mtime": "1.5", MARK: "abc"})
    assert shown == {"owner": "ops"}
    assert user_metadata({"mtime": "yesterday"}) == {"mtime": "yesterday"}


def test_marks_are_unique_and_found_in_any_case() -> None:
    mark = new_mark()
    assert mark != new_mark()
    assert mark_of({MARK.title(): mark, "x": "y"}) == mark
    assert mark_of({}) == ""
