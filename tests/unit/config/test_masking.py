"""Masking: no secret in any encoding gets through, however it is spread; everything else stays as it is."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.config.encodings import SHORTEST
from opsctl.config.masking import HIDDEN, Masker
from opsctl.pipeline.lines import LineReader, without_escapes

# "*" is left out: a secret that is made of the mask's own characters may come up beside a mask by chance.
SECRET_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="*…", exclude_categories=["Cc", "Z"]), min_size=4, max_size=12
)
SMALL_SECRET = st.text("ab", min_size=4, max_size=8)
NOISE = st.text("ab x", max_size=6)

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one byte": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 between two and one": lambda text: base64.b64encode(b"u:" + text.encode() + b"\n").decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "url": quote,
    "url, slashes too": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "url, lower case": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "json": json.dumps,
    "json, utf-8": lambda text: json.dumps(text, ensure_ascii=False),
    "json in html": lambda text: (
        json.dumps(text).replace("<", "\\u003c").replace("&", "\\u0026").replace(">", "\\u003e")
    ),
    "python": repr,
    "xml": html.escape,
    "shell": shlex.quote,
    "bash -x": lambda text: text.replace("'", "'\\''"),
    "double quotes": lambda text: (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    ),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}
NASTY = ["hunter2", "p@ss'w\"o$rd\\1", "a/b+c=d&e<f>", "schlüssel✓", "  padded  ", "tab\there", "100% `x`"]


def masker_of(*values: str) -> Masker:
    masker = Masker()
    for value in values:
        assert masker.add(value)
    return masker


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


def read(reader: LineReader, chunks: list[bytes]) -> list[str]:
    return [line for chunk in chunks for line in reader.feed(chunk)] + reader.finish()


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_is_hidden(name: str, value: str) -> None:
    encoded = ENCODINGS[name](value)
    shown = masker_of(value).mask(f"before {encoded} after")
    assert HIDDEN in shown
    assert value.strip() not in shown
    kept = shown.removeprefix("before ").removesuffix(" after").replace(HIDDEN, "")
    # At most the characters that also depend on the neighbours of the secret are left of it.
    assert len(kept) <= 8, kept


@given(
    st.lists(SMALL_SECRET, min_size=1, max_size=3),
    st.lists(NOISE, max_size=4),
    st.lists(st.integers(0), max_size=6),
)
def test_no_secret_gets_through_however_the_stream_is_cut(
    secrets: list[str], noise: list[str], cuts: list[int]
) -> None:
    text = (
        "".join(part for pair in zip(noise + [""] * 3, secrets, strict=False) for part in pair) + "\n" + " ".join(noise)
    )
    lines = read(LineReader(masker_of(*secrets)), chunked(text.encode(), cuts))
    shown = "\n".join(lines)
    assert not [secret for secret in secrets if secret in shown]
    assert len(lines) == len(text.split("\n")) - text.endswith("\n")


@given(
    SECRET_TEXT.filter(lambda text: len(text.strip()) >= SHORTEST),
    st.sampled_from(sorted(ENCODINGS)),
    st.lists(st.integers(0), max_size=6),
)
def test_any_secret_in_any_encoding_is_hidden_in_a_stream(secret: str, name: str, cuts: list[int]) -> None:
    data = f"x={ENCODINGS[name](secret)};\nnext\n".encode()
    first, second = read(LineReader(masker_of(secret)), chunked(data, cuts))
    assert HIDDEN in first
    assert second == "next"
    assert secret not in first


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x1b"), max_size=80),
    st.lists(st.integers(0), max_size=6),
)
def test_text_without_secrets_is_unchanged(text: str, cuts: list[int]) -> None:
    masker = masker_of("no such secret in any text")
    assert masker.mask(text) == text
    lines = read(LineReader(masker), chunked(text.encode(), cuts))
    assert lines == (text.removesuffix("\n").split("\n") if text else [])


@given(st.binary(max_size=60), st.lists(st.integers(0), max_size=6))
def test_the_same_bytes_make_the_same_lines_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    masker = masker_of("secret")
    assert read(LineReader(masker), chunked(data, cuts)) == read(LineReader(masker), [data])


def test_each_line_of_a_secret_is_hidden_alone() -> None:
    key = "-----BEGIN KEY-----\nAAAABBBB\r\n  CCCCDDDD\nx\n-----END KEY-----\n"
    masker = masker_of(key)
    assert masker.mask("see CCCCDDDD") == "see ***"
    assert read(LineReader(masker), [key.encode()]) == ["***", "***", "  ***", "x", "***"]
    assert masker.mask(json.dumps(key)) == '"***"'


def test_base64_that_wraps_is_hidden_in_every_line() -> None:
    secret = "".join(chr(97 + index % 26) for index in range(200))
    wrapped = base64.encodebytes(secret.encode())
    lines = read(LineReader(masker_of(secret)), [wrapped])
    assert len(lines) > 2
    assert set(lines) == {HIDDEN}


def test_overlapping_secrets_become_one_mask() -> None:
    assert masker_of("abcdef", "defghi").mask("-abcdefghi-") == "-***-"
    assert masker_of("abcd", "abcdefgh").mask("abcdefgh abcd") == "*** ***"
    assert masker_of("aaaa").mask("aaaaaaa") == "***"


@pytest.mark.parametrize("value", ["", "x", "abc", "a\nb\ncc", "   abc  "])
def test_a_secret_that_cannot_be_hidden_is_refused(value: str) -> None:
    masker = Masker()
    assert not masker.add(value)
    assert masker.mask("xabc") == "xabc"


def test_a_secret_between_colours_is_hidden_and_other_colours_stay() -> None:
    reader = LineReader(masker_of("hunter2"))
    assert read(reader, [b"\x1b[31mhun\x1b[0mter2 and\x1b[0m\n\x1b[1mbold\x1b[0m\n"]) == [
        "*** and",
        "\x1b[1mbold\x1b[0m",
    ]


def test_escapes_that_act_on_the_terminal_are_dropped() -> None:
    nasty = b"\x1b]0;title\x07a\x1b[2Jb\x1b[1;32mc\x1b[md\x1bPq\x1b\\e\x1b"
    assert read(LineReader(Masker()), [nasty]) == ["ab\x1b[1;32mc\x1b[mde"]
    assert without_escapes("\x1b[1mx\x1b[m") == "x"


def test_a_carriage_return_ends_a_line_and_hides_nothing() -> None:
    assert read(LineReader(Masker()), [b"10%\r20%\r", b"\nok\r\nfine"]) == ["10%", "20%", "ok", "fine"]


def test_invalid_utf8_is_replaced() -> None:
    assert read(LineReader(Masker()), [b"a\xffb\xe2\x82\n"]) == ["a\ufffdb\ufffd"]


def test_a_line_without_end_is_cut_in_bounded_memory_and_never_inside_a_secret() -> None:
    reader = LineReader(masker_of("hunter2"), longest=100)
    chunk = b"x" * 97 + b"hunter2" + b"y" * 50
    assert reader.feed(chunk[:99]) == []
    assert reader.feed(chunk[99:]) == []
    for _ in range(1000):
        assert reader.feed(b"y" * 1000) == []
    assert len(reader._rest) < 200
    assert reader.feed(b"\nnext\n") == ["x" * 97 + "*** … (1000050 more bytes of this line)", "next"]


def test_a_long_line_is_not_cut_inside_a_character() -> None:
    (line,) = read(LineReader(Masker(), longest=10), ["€".encode() * 20])
    assert line == "€€€€ … (48 more bytes of this line)"
