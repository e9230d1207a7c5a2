"""`mem://` beyond the conformance suite: what is shared, and with whom."""

import io

import pytest

from opsctl.errors import ConflictError, NotFoundError, UsageError
from opsctl.storage import Part, open_store


def test_every_store_of_one_name_sees_the_same_objects_from_its_own_prefix() -> None:
    whole, below = open_store("mem://shared"), open_store("mem://shared/a/b/")
    below.put("c", io.BytesIO(b"x"), size=1)
    assert [info.key for info in whole.scan()] == ["a/b/c"]
    whole.put("a/bc", io.BytesIO(b"x"), size=1)
    assert [info.key for info in below.scan()] == ["c"]
    assert whole.stat("a/b/c").etag == below.stat("c").etag
    with pytest.raises(NotFoundError, match="mem://other"):
        list(open_store("mem://other").scan())


def test_a_scan_sees_writes_and_deletes_made_meanwhile() -> None:
    store = open_store("mem://moving")
    for key in ("a", "c", "e"):
        store.put(key, io.BytesIO(), size=0)
    scan = store.scan()
    assert next(scan).key == "a"
    store.delete("c")
    store.put("d", io.BytesIO(), size=0)
    store.put("A", io.BytesIO(), size=0)
    assert [info.key for info in scan] == ["d", "e"]


def test_the_bytes_that_were_handed_out_do_not_change() -> None:
    store = open_store("mem://stable")
    store.put("key", io.BytesIO(b"old"), size=3)
    body = store.get("key")
    store.put("key", io.BytesIO(b"new"), size=3)
    assert body.read() == b"old"


def test_a_part_that_was_never_sent_is_not_joined() -> None:
    store = open_store("mem://parts")
    upload = store.begin_upload("key")
    with pytest.raises(ConflictError, match="part 1"):
        store.finish_upload("key", upload, [Part(number=1, etag="x", size=1)])
    with pytest.raises(NotFoundError, match="no upload"):
        store.upload_part("other", upload, number=1, body=io.BytesIO(b"x"), size=1)


def test_keys_without_a_utf8_form_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold the key"):
        open_store("mem://odd").put("caf\udce9", io.BytesIO(), size=0)


def test_options_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown option 'size'"):
        open_store("mem://x", options={"mem://x": {"size": 1}})
