"""`clean`: removes what writes that never finished have left: temporary files, uploads in parts."""

from __future__ import annotations

import time
from contextlib import closing

from opsctl.errors import ConflictError, UsageError
from opsctl.events import Message, Sink, discard
from opsctl.storage import HasUploads, PendingUpload, StoreOptions, open_store, parse_url
from opsctl.transfer.engine import CopyResult, Done, Each, ignore

__all__ = ["clean"]


def clean(
    url: str,
    *,
    older_than: float,
    dry_run: bool = False,
    options: StoreOptions | None = None,
    sink: Sink = discard,
    span: str = "transfer",
    each: Each = ignore,
) -> CopyResult:
    """Remove what unfinished writes below `url` have left; `copied` of the result counts them.

    Args:
        url: of a directory or prefix.
        older_than: seconds; what is younger may still be being written.
        dry_run: only say what would be removed.
        options: of stores, by URL prefix.
        sink: is told what is still in use.
        span: of those events.
        each: is told what was removed.

    Raises:
        UsageError: this kind of store cannot list them.
    """
    removed = size = 0
    with closing(open_store(parse_url(url), options=options)) as store:
        if not isinstance(store, HasUploads):
            hint = "a lifecycle rule of the bucket can abort them"
            raise UsageError(f"{store.url} cannot list unfinished uploads", hint=hint)
        for pending in store.uploads():
            if time.time() - pending.begun < older_than or not (dry_run or _discard(store, pending, sink, span)):
                continue
            removed, size = removed + 1, size + pending.size
            each(Done("clean", pending.key, "planned" if dry_run else "done", "unfinished", pending.size))
    return CopyResult(removed, size)


def _discard(store: HasUploads, pending: PendingUpload, sink: Sink, span: str) -> bool:
    try:
        store.discard_upload(pending)
    except ConflictError as error:
        sink(Message(span, error.message, "warning"))
        return False
    return True
