"""Exact sizes in, announced lengths out: nothing between may be quietly short or long."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import LocalIOError, OpsctlError, TransientError
from opsctl.storage.bodies import Download, Exact, blocks, check_end, read_exact
from opsctl.testing.storage.bodies import BrokenBody, Pipe


def _pipe(data: bytes, bite: int) -> Any:
    return Pipe(data, bite=bite)


@given(data=st.binary(max_size=200), bite=st.integers(1, 50), block_size=st.integers(1, 60))
def test_blocks_are_the_body_in_order_whatever_bites_it_gives(data: bytes, bite: int, block_size: int) -> None:
    found = list(blocks(_pipe(data, bite), len(data), block_size=block_size, name="x"))
    assert b"".join(found) == data
    assert all(len(block) == block_size for block in found[:-1])
    assert not found or 0 < len(found[-1]) <= block_size


@given(data=st.binary(max_size=100), difference=st.integers(-100, 100).filter(bool), block_size=st.integers(1, 60))
def test_blocks_of_another_length_never_come_to_their_last(data: bytes, difference: int, block_size: int) -> None:
    announced = max(0, len(data) + difference)
    if announced == len(data):
        return
    handed_out: list[bytes] = []
    with pytest.raises(LocalIOError, match="obj"):
        handed_out.extend(blocks(io.BytesIO(data), announced, block_size=block_size, name="obj"))
    assert sum(map(len, handed_out)) < announced or announced == 0


@given(data=st.binary(max_size=100), extra=st.integers(-100, 100), amounts=st.lists(st.integers(-1, 40), min_size=1))
def test_exact_hands_out_its_last_byte_only_if_the_body_ends_there(data: bytes, extra: int, amounts: list[int]) -> None:
    size = max(1, len(data) + extra)
    body, got = Exact(io.BytesIO(data), size, name="obj"), b""
    try:
        for amount in [*amounts, -1]:
            got += body.read(amount)
            assert body.tell() == len(got)
    except LocalIOError:
        assert len(got) < size
        assert len(data) != size
    else:
        assert got == data
        assert len(data) == size


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
def test_a_source_that_cannot_be_read_is_a_local_error_that_names_the_object(error: Exception) -> None:
    body: Any = BrokenBody(b"12", error=error)
    with pytest.raises(LocalIOError, match="obj: cannot read the source"):
        read_exact(body, 3, name="obj")
    with pytest.raises(LocalIOError, match="obj"):
        check_end(body, name="obj")


def test_errors_of_opsctl_pass_through_as_they_are() -> None:
    body: Any = BrokenBody(b"", error=TransientError("the other store went away"))
    with pytest.raises(TransientError, match="went away"):
        read_exact(body, 1, name="obj")


class _Source:
    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self._body: Any = BrokenBody(data, error=error) if error else Pipe(data, bite=7)
        self.closed = False

    def read(self, amount: int, /) -> bytes:
        data: bytes = self._body.read(amount)
        return data

    def close(self) -> None:
        self.closed = True


def _download(
    source: _Source, length: int, translate: Callable[[Exception], OpsctlError | None] = lambda _: None
) -> Download:
    return Download(source, length=length, name="s3://b/key", translate=translate)


@given(data=st.binary(max_size=100), amounts=st.lists(st.integers(-1, 40)))
def test_a_download_gives_its_length_and_no_more(data: bytes, amounts: list[int]) -> None:
    body = _download(_Source(data + b"of the next answer"), len(data))
    got = b"".join(body.read(amount) for amount in [*amounts, -1])
    assert got == data
    assert body.read(1) == b""


def test_a_download_that_ends_early_raises_instead_of_ending() -> None:
    body = _download(_Source(b"12345"), 8)
    assert body.read(5) == b"12345"
    with pytest.raises(TransientError, match="s3://b/key: the download ended 3 of 8 bytes early"):
        body.read(5)
    with pytest.raises(TransientError):
        _download(_Source(b"12345"), 8).read()


def test_a_download_translates_what_the_sdk_raises_and_lets_bugs_through() -> None:
    body = _download(_Source(b"", ConnectionError("reset")), 8, lambda _: TransientError("lost"))
    with pytest.raises(TransientError, match="lost"):
        body.read(1)
    with pytest.raises(TypeError):
        _download(_Source(b"", TypeError("a bug")), 8).read(1)


def test_a_download_can_be_buffered_iterated_and_is_closed_once() -> None:
    source = _Source(b"one\ntwo\n")
    with io.BufferedReader(_download(source, 8)) as body:
        assert list(body) == [b"one\n", b"two\n"]
    assert source.closed
    with pytest.raises(ValueError, match="closed"):
        body.raw.read(1)
