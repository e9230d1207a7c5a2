"""How durations, sizes, modes, percentages and references to secrets are spelled, and that no other spelling passes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.config.nodes import ScalarError
from opsctl.config.scalars import Duration, FileMode, Percent, SecretRef, Size, Text, unbind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("5m", 300), ("2h", 7200), ("0.5s", 0.5), ("0s", 0), ("1.5h", 5400), ("100ms", 0.1)],
)
def test_a_duration_is_a_number_and_one_unit(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("30", "add a unit: 30s"),
        ("1.5", "add a unit: 1.5s"),
        ("-1s", "not negative"),
        ("-1", "not negative"),
        ("1h30", "ms, s, m, h"),
        ("1h30m", "one unit"),
        ("1m30s", "one unit"),
        ("2d", "a day is 24h"),
        ("NaN", "ms, s, m, h"),
        ("nans", "ms, s, m, h"),
        ("infs", "ms, s, m, h"),
        ("1e3s", "ms, s, m, h"),
        ("10 s", "ms, s, m, h"),
        ("10S", "ms, s, m, h"),
        ("", "ms, s, m, h"),
        ("s", "ms, s, m, h"),
        ("\uff11\uff10s", "ms, s, m, h"),
        ("999999h", "check the unit"),
        ("9" * 400 + "s", "ms, s, m, h"),
    ],
)
def test_what_is_not_a_duration_is_refused_with_the_cure(text: str, hint: str) -> None:
    with pytest.raises(ScalarError) as caught:
        Duration.parse(text)
    assert hint in caught.value.hint
    assert len(caught.value.message) < 100


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("512B", 512),
        ("64KiB", 65536),
        ("256MiB", 2**28),
        ("1GB", 10**9),
        ("1.5GiB", 3 * 2**29),
        ("2TB", 2 * 10**12),
    ],
)
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("512", "add a unit: 512B"),
        ("-1B", "not negative"),
        ("256M", "MB (powers of 1000) or MiB (powers of 1024)"),
        ("256mb", "MB (powers of 1000) or MiB (powers of 1024)"),
        ("1Gi", "GB (powers of 1000) or GiB (powers of 1024)"),
        ("1XB", "one of the units"),
        ("0.3B", ""),
        ("9000000TiB", ""),
    ],
)
def test_what_is_not_a_size_is_refused_with_the_cure(text: str, hint: str) -> None:
    with pytest.raises(ScalarError) as caught:
        Size.parse(text)
    assert hint in caught.value.hint


def test_a_file_mode_is_octal_text() -> None:
    assert FileMode.parse("0644") == 0o644
    assert FileMode.parse("755") == 0o755
    assert FileMode.parse("4755") == 0o4755
    for bad in ("644 ", "0o644", "0888", "rw-r--r--", "", "44", "77777"):
        with pytest.raises(ScalarError, match="is not a file mode"):
            FileMode.parse(bad)


def test_a_percentage_is_from_0_to_100() -> None:
    assert Percent.parse("0.5%") == 0.5
    assert Percent.parse("100%").fraction == 1
    for bad in ("5", "-5%", "101%", "100.1%", "five%", "%", "5 %", "NaN%"):
        with pytest.raises(ScalarError):
            Percent.parse(bad)


def test_a_secret_is_a_reference() -> None:
    assert SecretRef.parse("env:DATABASE_URL") == SecretRef("env", "DATABASE_URL")
    assert SecretRef.parse("file:secrets/db") == SecretRef("file", "secrets/db")
    assert SecretRef.parse("cmd:pass show 'my db'") == SecretRef("cmd", "pass show 'my db'")


@pytest.mark.parametrize("scheme", ["aws-sm", "gcp-sm", "azure-kv", "vault"])
def test_a_secret_store_of_a_later_version_is_refused_as_such(scheme: str) -> None:
    with pytest.raises(ScalarError, match="not yet known to this version"):
        SecretRef.parse(f"{scheme}:prod/db")


@pytest.mark.parametrize(
    "pasted",
    ["hunter2", "postgres://app:hunter2@db/app", "env:hunter2-x", "cmd:echo 'hunter2", "hunter2:x", "ENV:hunter2"],
)
def test_a_pasted_secret_is_refused_and_never_repeated(pasted: str) -> None:
    with pytest.raises(ScalarError) as caught:
        SecretRef.parse(pasted)
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("empty", ["env:", "file:", "cmd:", "file: ", "cmd:\t"])
def test_a_reference_to_nothing_is_refused(empty: str) -> None:
    with pytest.raises(ScalarError):
        SecretRef.parse(empty)


@pytest.mark.parametrize("scalar", [Duration, Size, FileMode, Percent, SecretRef, Text])
@given(text=st.text(max_size=30))
@settings(deadline=None, max_examples=60)
def test_any_text_is_a_value_or_a_scalar_error(scalar: Any, text: str) -> None:
    try:
        value = scalar.parse(text)
    except ScalarError:
        return
    assert scalar.parse(str(value)) == value


@given(
    st.one_of(
        st.integers(0, Duration.LONGEST * 1000).map(lambda ms: Duration(ms / 1000)),
        st.integers(0, Size.LARGEST).map(Size),
        st.integers(0, 0o7777).map(FileMode),
        st.integers(0, 100_000).map(lambda thousandths: Percent(thousandths / 1000)),
    )
)
@settings(deadline=None)
def test_the_text_of_a_value_parses_to_the_same_value(value: Any) -> None:
    assert type(value).parse(str(value)) == value


def test_values_go_back_to_what_a_file_would_say() -> None:
    assert unbind([Duration(90), Size(2**28), FileMode(0o644), Percent(5), SecretRef("env", "X")]) == [
        "90s",
        "256MiB",
        "0644",
        "5%",
        "env:X",
    ]
