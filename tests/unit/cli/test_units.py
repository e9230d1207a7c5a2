"""Numbers read the same everywhere and never take more room than a column has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.cli.output.units import duration, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (10 * 1024, "10 KiB"),
        (1023.4 * 1024, "1023 KiB"),
        (1023.6 * 1024, "1.0 MiB"),
        (5 * 1024**4, "5.0 TiB"),
        (5000 * 1024**5, "5000 PiB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@given(st.integers(0, 1023 * 1024**5))
def test_a_size_has_at_most_eight_characters(count: int) -> None:
    assert len(size(count)) <= 8


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0084, "8ms"),
        (0.9996, "1.0s"),
        (1.23, "1.2s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (185, "3m05s"),
        (3599.7, "1h00m"),
        (7620, "2h07m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
