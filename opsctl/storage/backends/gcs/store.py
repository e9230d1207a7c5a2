"""`GCSStore`: objects of one bucket below one prefix."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import requests
from google.api_core.exceptions import Conflict, NotFound, from_http_response

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError
from opsctl.storage.backends.gcs.client import CALL, RETRY, TIMEOUT, connect
from opsctl.storage.backends.gcs.errors import host_of, translate_read, translated
from opsctl.storage.backends.gcs.objects import DEFAULT_TYPE, FIELDS, check_name, describe, from_blob
from opsctl.storage.backends.gcs.options import GCSOptions
from opsctl.storage.backends.gcs.parts import FOLDER, compose, forget, part_name
from opsctl.storage.bodies import Download, Exact, check_end, empty, read_exact
from opsctl.storage.metadata import MARK, mark_of, new_mark
from opsctl.storage.protocol import ObjectInfo, Part, PutOptions, Store
from opsctl.storage.roots import Root, in_order
from opsctl.storage.uploads import new_upload, options_of, token_of
from opsctl.storage.url import StoreURL

__all__ = ["GCSStore"]

_PUT_SIZE = 16 * 1024 * 1024
"""Largest object in bytes that is sent in one request, from memory."""
_PIECE = 8 * 1024 * 1024
"""Bytes of a larger one that are sent at a time; the SDK holds two such pieces in memory."""
_PRESIGN_SECONDS = 7 * 24 * 3600
"""Longest life of a V4 signature ("Signed URLs" in Google's documentation of Cloud Storage)."""


class GCSStore:
    """Objects of one bucket below one prefix.

    Args:
        url: `gs://bucket/prefix`.
        options: as the user gave them.
    """

    def __init__(self, url: StoreURL, options: GCSOptions) -> None:
        self._root = Root.of(url)
        self._options = options
        self._connection = connect(options, name=self.url)
        self._host = host_of(self._connection.endpoint)
        try:
            self._bucket = self._connection.client.bucket(self._root.bucket, user_project=options.user_project or None)
        except ValueError as error:
            raise UsageError(f"{self.url}: {error}") from error

    @property
    def url(self) -> str:
        """The root as a URL."""
        return str(self._root.url)

    # -- the five operations

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of one object; see `Store`."""
        return from_blob(key, self._found(key))

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects in UTF-8 byte order; see `Store`. Parts of unfinished uploads are left out."""
        return in_order(self._scan(prefix, start_after), name=self.url)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open the bytes of one object as they are stored, never decompressed; see `Store`."""
        if length == 0:
            self.stat(key)
            return empty()
        name = self._root.name(key)
        headers = {"Accept-Encoding": "gzip"}  # else the service would decompress what was stored compressed
        if start or length:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        address = self._media(key)
        with self._translated(key):
            answer = RETRY(functools.partial(self._open, address, headers))()
        if answer is None:
            return empty()
        if start and answer.status_code != requests.codes.partial_content:
            answer.close()
            raise TransientError(f"{name}: {self._host} sent the whole object instead of a range of it")
        sent = int(answer.headers["Content-Length"])
        body = Download(
            _Raw(answer),
            length=sent if length is None else min(sent, length),
            name=name,
            translate=functools.partial(translate_read, name=name, host=self._host),
        )
        return cast("BinaryIO", body)

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write one object, all or nothing; see `Store`. What a failed write sent is forgotten after a week."""
        blob, name = self._blob(key), self._root.name(key)
        describe(blob, options)
        if size > _PUT_SIZE:
            blob.chunk_size = _PIECE
            source: Any = Exact(body, size, name=name)
        else:
            source = io.BytesIO(read_exact(body, size, name=name))
            check_end(body, name=name)
        with self._translated(key):
            blob.upload_from_file(source, size=size, content_type=blob.content_type, **CALL)
        return from_blob(key, blob)

    def delete(self, key: str) -> None:
        """Delete one object; see `Store`."""
        blob = self._blob(key)
        with self._translated(key), suppress(NotFound):
            blob.delete(**CALL)

    def close(self) -> None:
        """Give back connections."""
        self._connection.client.close()

    # -- conditional writes

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write `data` if the object's generation is as expected; see `CanPutIf`."""
        blob, mark = self._blob(key), new_mark()
        blob.metadata = {MARK: mark}
        try:
            with self._translated(key):
                blob.upload_from_string(data, DEFAULT_TYPE, if_generation_match=int(match or 0), **CALL)
        except ConflictError as lost:
            return self._our_own(key, mark, lost)
        return from_blob(key, blob)

    def _our_own(self, key: str, mark: str, lost: ConflictError) -> ObjectInfo:
        """Return the object if the write that won was our own, sent twice because its first answer was lost."""
        try:
            found = self._found(key)
        except NotFoundError:
            raise lost from None
        if mark_of(found.metadata or {}) != mark:
            raise lost
        return from_blob(key, found)

    # -- copies

    def can_copy_from(self, source: Store) -> bool:
        """Say whether `source` is reached through the same endpoint with the same credentials; see `CanCopy`."""
        return isinstance(source, GCSStore) and self._account == source._account  # noqa: SLF001 - of this class

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy one object of `source`; see `CanCopy`."""
        blob = self._blob(key)
        if not isinstance(source, GCSStore):
            raise UsageError(f"{self.url} cannot copy from {source.url}", hint="read there and write here")
        origin = source._found(source_key)  # noqa: SLF001 - of this class
        if (origin.bucket.name, origin.name) == (blob.bucket.name, blob.name):
            return from_blob(key, origin)
        for name in ("cache_control", "content_disposition", "content_encoding", "content_language", "metadata"):
            setattr(blob, name, getattr(origin, name))
        blob.content_type = origin.content_type or DEFAULT_TYPE
        with self._translated(key):
            token, _, _ = blob.rewrite(origin, **CALL)
            while token is not None:  # a large object between places or classes takes several calls
                token, _, _ = blob.rewrite(origin, token=token, **CALL)
        return from_blob(key, blob)

    # -- parts

    def begin_upload(self, key: str, *, options: PutOptions | None = None) -> str:
        """Begin an upload in parts; see `CanMultipart`. The id holds the options: the service knows nothing yet."""
        self._blob(key)
        return new_upload(options)

    def upload_part(self, key: str, upload: str, *, number: int, body: BinaryIO, size: int) -> Part:
        """Upload one part, held in memory meanwhile; see `CanMultipart`."""
        self._blob(key)
        name = self._root.name(key)
        blob = self._bucket.blob(part_name(self._root.prefix, token_of(upload, name=name), number))
        data = read_exact(body, size, name=name)
        with self._translated(key):
            blob.upload_from_string(data, DEFAULT_TYPE, **CALL)
        return Part(number, str(blob.generation), size)

    def finish_upload(self, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the parts and remove them; see `CanMultipart`."""
        blob, name = self._blob(key), self._root.name(key)
        describe(blob, options_of(upload, name=name))
        with self._translated(key):
            compose(self._bucket, blob, self._root.prefix, token_of(upload, name=name), parts)
        with suppress(OpsctlError):  # the object is there; what is left of its parts is for a cleanup
            self.abort_upload(key, upload)
        return self.stat(key)

    def abort_upload(self, key: str, upload: str) -> None:
        """Remove the parts; see `CanMultipart`."""
        token = token_of(upload, name=self._root.name(key))
        with self._translated(key):
            forget(self._bucket, self._root.prefix, token)

    # -- presigned URLs

    def presign(self, key: str, *, method: str, seconds: int) -> str:
        """Return a URL that allows `method` on `key`, for 7 days at most; see `CanPresign`.

        Raises:
            DeniedError: the credentials cannot sign: only those of a service account can.
        """
        if method not in {"GET", "PUT"}:
            raise UsageError(f"cannot presign {method}", hint="GET or PUT")
        if not 0 < seconds <= _PRESIGN_SECONDS:
            raise UsageError(f"cannot presign for {seconds} seconds", hint=f"between 1 and {_PRESIGN_SECONDS}")
        blob, connection = self._blob(key), self._connection
        if connection.signer is None:
            hint = "use the key of a service account: GOOGLE_APPLICATION_CREDENTIALS"
            raise DeniedError(f"{self.url}: these credentials cannot sign URLs", hint=hint)
        with self._translated(key):
            url: str = blob.generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=seconds),
                method=method,
                credentials=connection.signer,
                api_access_endpoint=connection.endpoint,
            )
        return url

    # -- the bucket

    def bucket_exists(self) -> bool:
        """Say whether the bucket is there; see `HasBuckets`."""
        with self._translated():
            return bool(self._bucket.exists(**CALL))

    def make_bucket(self) -> None:
        """Make the bucket; see `HasBuckets`."""
        with self._translated():
            try:
                self._connection.client.create_bucket(self._root.bucket, **CALL)
            except Conflict:
                if not self._bucket.exists(**CALL):  # asking is denied for a bucket of somebody else
                    raise

    def remove_bucket(self) -> None:
        """Remove the empty bucket; see `HasBuckets`."""
        with self._translated():
            self._bucket.delete(**CALL)

    # -- inside

    @property
    def _account(self) -> tuple[str, GCSOptions]:
        return self._host, self._options

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(check_name(self._root.absolute(key), shown=self._root.name(key)))

    def _found(self, key: str) -> Any:
        blob = self._blob(key)
        with self._translated(key):
            blob.reload(**CALL)
        return blob

    def _scan(self, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
        with self._translated():
            for blob in self._connection.client.list_blobs(
                self._bucket,
                prefix=self._root.prefix + prefix,
                start_offset=self._root.prefix + start_after if start_after else None,
                fields=FIELDS,
                **CALL,
            ):
                key = self._root.relative(blob.name)
                if key and key.encode() > start_after.encode() and not key.startswith(FOLDER):
                    yield from_blob(key, blob)

    def _media(self, key: str) -> str:
        """Return the address of the bytes of an object ("Objects: get", `alt=media`, in the JSON API reference)."""
        blob = self._blob(key)
        address = f"{self._connection.endpoint}/download/storage/v1/b/{self._root.bucket}/o/{quote(blob.name, safe='')}"
        payer = self._options.user_project
        return f"{address}?alt=media" + (f"&userProject={quote(payer, safe='')}" if payer else "")

    def _open(self, address: str, headers: dict[str, str]) -> requests.Response | None:
        """Return the answer to a request for bytes, None if the range begins at or past the end."""
        answer = self._connection.session.get(address, headers=headers, stream=True, timeout=TIMEOUT)
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            answer.close()
            return None
        if answer.status_code >= requests.codes.bad_request:
            raise from_http_response(answer)
        return answer

    def _translated(self, key: str = "") -> AbstractContextManager[None]:
        return translated(name=self._root.name(key) if key else self.url, host=self._host)


class _Raw:
    """The bytes of an answer as they came over the wire."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def read(self, amount: int, /) -> bytes:
        return self._answer.raw.read(amount, decode_content=False)

    def close(self) -> None:
        self._answer.close()
