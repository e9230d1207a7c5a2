"""What children and servers print cannot act on the terminal, hide, or forge lines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.cli.output.ansi import clean, clean_block, fit, paint, strip, width

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x07\x9b\x9d\r\n\t[]()?;:0123456789mHJKhlP\\^_\u202e\u2028"),
    )
)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SGR = re.compile(r"\x1b\[[0-9;:]*m")


@given(HOSTILE)
def test_no_control_character_survives(text: str) -> None:
    assert not CONTROL.search(clean(text))


@given(HOSTILE)
def test_only_colours_survive_where_they_are_kept(text: str) -> None:
    cleaned = clean(text, colors=True)
    assert not CONTROL.search(SGR.sub("", cleaned))
    assert not SGR.search(cleaned) or cleaned.endswith("\x1b[0m"), "a colour must not leak into what follows"


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b]0;title\x07after", "after", id="window title"),
        pytest.param("\x1b]52;c;ZXZpbA==\x1b\\after", "after", id="clipboard"),
        pytest.param("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click", id="hyperlink"),
        pytest.param("\x1bPq#0;2;0;0;0\x1b\\after", "after", id="sixel picture"),
        pytest.param("a\x1b[2J\x1b[1;1Hb\x1b[?1049h", "ab", id="clear, move, alternate screen"),
        pytest.param("a\x9b2Jb", "ab", id="8-bit CSI"),
        pytest.param("\x1b(0lqk\x1b(B", "lqk", id="character set"),
        pytest.param("10%\r20%\r30%", "30%", id="a progress line leaves its end"),
        pytest.param("done\r", "done", id="a Windows line end"),
        pytest.param("one\ntwo", "one\\ntwo", id="a line break in one line"),
        pytest.param("a\x08b\x00", "a\\x08b\\x00", id="backspace and NUL are seen"),
        pytest.param("\x1b]0;never ends", "\\x1b]0;never ends", id="an unfinished sequence is seen"),
        pytest.param("admin\u202etxt.exe", "admin\\u202etxt.exe", id="text turned around"),
        pytest.param("a\tb", "a\tb", id="tabs are text"),
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colours, where there are none"),
    ],
)
def test_sequences(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize("code", ["31", "01;31", "38;5;200", "48;2;1;2;3", "1;38:2::1:2:3", "", "0"])
def test_harmless_colours_are_kept(code: str) -> None:
    assert clean(f"\x1b[{code}mtext", colors=True) == f"\x1b[{code}mtext\x1b[0m"


@pytest.mark.parametrize("code", ["8", "5", "31;8", "38;5", "6;31", "10"])
def test_hidden_and_blinking_text_is_shown_plainly(code: str) -> None:
    assert clean(f"\x1b[{code}mtext", colors=True) == "text"


def test_a_block_is_cleaned_line_by_line() -> None:
    assert clean_block("a\x07\nb\x1b[31mc", colors=True) == "a\\x07\nb\x1b[31mc\x1b[0m"


@given(
    st.text(st.characters(exclude_categories=["C", "Z", "M"])), st.integers(1, 40), st.sampled_from(["left", "right"])
)
def test_a_fitted_text_takes_exactly_its_room(text: str, room: int, align: str) -> None:
    assert width(fit(text, room, align=align)) == room


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1
    assert width(paint("ab", "red", "bold")) == 2
    assert strip(paint("ab", "red")) == "ab"


def test_a_cut_keeps_both_ends() -> None:
    assert fit("registry.example.com/team/web", 12) == "regist…m/web"
