"""Uploads in memory that were never finished can be found and discarded."""

import io
from pathlib import Path

from opsctl.storage import HasUploads, open_store
from opsctl.storage.backends.memory import MemoryStore


def test_unfinished_uploads_are_listed_below_the_root_and_can_be_discarded(tmp_path: Path) -> None:
    store, below = open_store(f"mem://{tmp_path.name}"), open_store(f"mem://{tmp_path.name}/a")
    assert isinstance(store, MemoryStore)
    assert isinstance(below, HasUploads)
    first, second = store.begin_upload("a/key"), store.begin_upload("b/key")
    store.upload_part("a/key", first, number=1, body=io.BytesIO(b"12345"), size=5)
    assert [(found.key, found.upload, found.size) for found in store.uploads()] == [
        ("a/key", first, 5),
        ("b/key", second, 0),
    ]
    [pending] = below.uploads()
    assert (pending.key, pending.size) == ("key", 5)
    for _ in range(2):
        below.discard_upload(pending)
    assert [found.key for found in store.uploads()] == ["b/key"]
