"""Roots add their prefix and take it off again; scans are in order or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import OpsctlError, UsageError
from opsctl.storage.protocol import ObjectInfo
from opsctl.storage.roots import Root, in_order
from opsctl.storage.url import parse_url
from opsctl.testing.storage.names import HOSTILE, LEAVING

KEYS = st.text(min_size=1).filter(lambda key: not any(ord(char) < 0x20 for char in key))


def _infos(keys: list[str]) -> list[ObjectInfo]:
    return [ObjectInfo(key=key, size=0, mtime=0.0) for key in keys]


@pytest.mark.parametrize(
    ("url", "prefix"), [("s3://b", ""), ("s3://b/", ""), ("s3://b/p", "p/"), ("s3://b/p/q/", "p/q/")]
)
def test_a_root_ends_its_prefix_with_one_slash(url: str, prefix: str) -> None:
    root = Root.of(parse_url(url))
    assert root.prefix == prefix
    assert str(root.url) == url.rstrip("/")
    assert root.bucket == "b"


@pytest.mark.parametrize("key", HOSTILE.values())
def test_a_key_comes_back_as_it_went_in(key: str) -> None:
    root = Root.of(parse_url("s3://b/p"))
    assert root.absolute(key) == f"p/{key}"
    assert root.relative(root.absolute(key)) == key


@pytest.mark.parametrize("key", LEAVING.values())
def test_a_key_cannot_leave_the_root(key: str) -> None:
    with pytest.raises(UsageError):
        Root.of(parse_url("s3://b/p")).absolute(key)


@given(key=st.text())
def test_the_name_of_an_object_is_one_printable_line(key: str) -> None:
    name = Root.of(parse_url("s3://b/p")).name(key)
    assert name.isprintable()
    assert name.startswith("s3://b/p/")


@given(keys=st.sets(KEYS))
def test_listings_in_the_order_of_utf8_bytes_pass(keys: set[str]) -> None:
    ordered = sorted(keys, key=str.encode)
    assert [info.key for info in in_order(_infos(ordered), name="s3://b")] == ordered


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["\U0001f680", "\uff5e"], ["a", "B"]])
def test_a_listing_that_goes_back_is_refused_where_it_does(keys: list[str]) -> None:
    found = in_order(_infos(keys), name="s3://b")
    assert next(found).key == keys[0]
    with pytest.raises(OpsctlError, match="s3://b lists its objects out of order"):
        next(found)
