"""`AzureStore`: objects of one container below one prefix."""

from __future__ import annotations

import functools
import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, BlobSasPermissions, generate_blob_sas

from opsctl.errors import ConflictError, DeniedError, NotFoundError, TransientError, UsageError
from opsctl.storage.backends.azure.account import find_account
from opsctl.storage.backends.azure.client import PUT_SIZE, make_client
from opsctl.storage.backends.azure.errors import code_of, host_of, translate_read, translated
from opsctl.storage.backends.azure.objects import (
    check_name,
    from_answer,
    from_properties,
    is_directory,
    put_arguments,
    quoted,
)
from opsctl.storage.backends.azure.options import AzureOptions
from opsctl.storage.bodies import Download, blocks, check_end, empty, read_exact
from opsctl.storage.metadata import MARK, mark_of, new_mark
from opsctl.storage.protocol import ObjectInfo, Part, PutOptions, Store
from opsctl.storage.roots import Root, in_order
from opsctl.storage.uploads import new_upload, options_of, token_of
from opsctl.storage.url import StoreURL

__all__ = ["AzureStore"]

_BLOCK = 8 * 1024 * 1024
_MAX_BLOCKS = 50_000  # "Put Block List" in Microsoft's reference of the REST API
_PAGE = 5000
_POLL_SECONDS = 0.5
_SAS_SECONDS = 7 * 24 * 3600
"""Longest life of a signature made with a user delegation key; the same limit holds for keys here."""


class AzureStore:
    """Objects of one container below one prefix.

    Args:
        url: `az://container/prefix`.
        options: as the user gave them.
        put_size: the largest object in bytes that is sent in one request; larger ones go in blocks.
        page_size: objects in one answer to a listing; the service gives 5,000 at most.
    """

    def __init__(
        self, url: StoreURL, options: AzureOptions, *, put_size: int = PUT_SIZE, page_size: int = _PAGE
    ) -> None:
        self._root = Root.of(url)
        self._put_size = put_size
        self._page_size = page_size
        self._account = find_account(options, os.environ, name=self.url)
        self._host = host_of(self._account.endpoint)
        self._service = make_client(self._account)
        self._container = self._service.get_container_client(self._root.bucket)

    @property
    def url(self) -> str:
        """The root as a URL."""
        return str(self._root.url)

    # -- the five operations

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of one object; see `Store`."""
        blob = self._blob(key)
        with self._translated(key):
            return from_properties(key, blob.get_blob_properties())

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects in UTF-8 byte order; see `Store`. Azure lists from the beginning whatever `start_after`."""
        return in_order(self._scan(prefix, start_after.encode()), name=self.url)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open the bytes of one object, fetched 4 MiB at a time while its etag stays the same; see `Store`."""
        if length == 0:
            self.stat(key)
            return empty()
        blob, name = self._blob(key), self._root.name(key)
        with self._translated(key):
            try:
                source = blob.download_blob(offset=start, length=length, max_concurrency=1)
            except HttpResponseError as error:
                if code_of(error) == "InvalidRange":  # begins at or past the end
                    return empty()
                raise
        translate = functools.partial(translate_read, name=name, host=self._host)
        return cast("BinaryIO", Download(_Pieces(source.read), length=source.size, name=name, translate=translate))

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write one object, all or nothing; see `Store`. Blocks of a failed write are forgotten after a week."""
        blob, name = self._blob(key), self._root.name(key)
        mtime = options.mtime if options else None
        if size > self._put_size:
            with self._translated(key):
                answer, md5 = _put_blocks(blob, body, size, options=options, name=name)
        else:
            data = read_exact(body, size, name=name)
            check_end(body, name=name)
            md5 = _md5(data)
            with self._translated(key):
                answer = blob.upload_blob(data, length=size, overwrite=True, **put_arguments(options, md5=md5))
        return from_answer(key, answer, size=size, mtime=mtime, md5=md5)

    def delete(self, key: str) -> None:
        """Delete one object; see `Store`."""
        blob = self._blob(key)
        with self._translated(key):
            try:
                blob.delete_blob(delete_snapshots="include")
            except ResourceNotFoundError as error:
                if code_of(error) != "BlobNotFound":
                    raise

    def close(self) -> None:
        """Give back connections."""
        self._service.close()
        if self._account.token:
            self._account.token.close()

    # -- conditional writes

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write `data` if the object is as expected; see `CanPutIf`."""
        blob, mark, md5 = self._blob(key), new_mark(), _md5(data)
        arguments = {**put_arguments(None, md5=md5), "metadata": {MARK: mark}}
        if match is not None:
            arguments |= {"etag": quoted(match), "match_condition": MatchConditions.IfNotModified}
        try:
            with self._translated(key):
                answer = blob.upload_blob(data, length=len(data), overwrite=match is not None, **arguments)
        except ConflictError as lost:
            return self._our_own(key, mark, lost)
        return from_answer(key, answer, size=len(data), mtime=None, md5=md5)

    def _our_own(self, key: str, mark: str, lost: ConflictError) -> ObjectInfo:
        """Return the object if the write that won was our own, sent twice because its first answer was lost."""
        blob = self._blob(key)
        try:
            with self._translated(key):
                found = blob.get_blob_properties()
        except NotFoundError:
            raise lost from None
        if mark_of(found.metadata or {}) != mark:
            raise lost
        return from_properties(key, found)

    # -- copies

    def can_copy_from(self, source: Store) -> bool:
        """Say whether `source` is in the same account; see `CanCopy`."""
        return isinstance(source, AzureStore) and source._account.endpoint == self._account.endpoint  # noqa: SLF001 - of this class

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy one object of `source`; see `CanCopy`."""
        blob = self._blob(key)
        if not isinstance(source, AzureStore):
            raise UsageError(f"{self.url} cannot copy from {source.url}", hint="read there and write here")
        origin = source._blob(source_key)  # noqa: SLF001 - of this class
        source.stat(source_key)  # a missing source is reported by its own name
        if origin.url == blob.url:
            return self.stat(key)
        with self._translated(key):
            answer = blob.start_copy_from_url(origin.url)
            self._await_copy(blob, str(answer["copy_status"]), str(answer["copy_id"]), key=key)
        return self.stat(key)

    def _await_copy(self, blob: BlobClient, status: str, copy: str, *, key: str) -> None:
        try:
            while status == "pending":
                time.sleep(_POLL_SECONDS)
                status = str(blob.get_blob_properties().copy.status)
        except BaseException:
            with suppress(AzureError):  # what went wrong first is what the user needs to know
                blob.abort_copy(copy)
            raise
        if status != "success":
            raise TransientError(f"{self._root.name(key)}: the copy ended as {status!r}", hint="try again")

    # -- parts

    def begin_upload(self, key: str, *, options: PutOptions | None = None) -> str:
        """Begin an upload in blocks; see `CanMultipart`. The id holds the options: Azure knows nothing of it yet."""
        self._blob(key)
        return new_upload(options)

    def upload_part(self, key: str, upload: str, *, number: int, body: BinaryIO, size: int) -> Part:
        """Upload one block, held in memory meanwhile; see `CanMultipart`."""
        blob = self._blob(key)
        name = self._root.name(key)
        data = read_exact(body, size, name=name)
        block = _block_id(token_of(upload, name=name), number)
        with self._translated(key):
            blob.stage_block(block, data, length=size)
        return Part(number, block, size)

    def finish_upload(self, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the blocks; see `CanMultipart`."""
        blob = self._blob(key)
        options = options_of(upload, name=self._root.name(key))
        with self._translated(key):
            blob.commit_block_list([BlobBlock(part.etag) for part in parts], **put_arguments(options))
        return self.stat(key)

    def abort_upload(self, key: str, upload: str) -> None:
        """Do nothing: Azure has no way to forget blocks, and forgets them after a week; see `CanMultipart`."""

    # -- presigned URLs

    def presign(self, key: str, *, method: str, seconds: int) -> str:
        """Return a URL that allows `method` on `key`, for 7 days at most; see `CanPresign`.

        A PUT needs the header `x-ms-blob-type: BlockBlob`.

        Raises:
            DeniedError: the store was opened without a key or token that could sign.
        """
        allowed = {"GET": BlobSasPermissions(read=True), "PUT": BlobSasPermissions(create=True, write=True)}
        if method not in allowed:
            raise UsageError(f"cannot presign {method}", hint="GET or PUT")
        if not 0 < seconds <= _SAS_SECONDS:
            raise UsageError(f"cannot presign for {seconds} seconds", hint=f"between 1 and {_SAS_SECONDS}")
        blob = self._blob(key)
        expiry = datetime.now(UTC) + timedelta(seconds=seconds)
        with self._translated(key):
            signature = generate_blob_sas(
                self._account.name,
                self._root.bucket,
                blob.blob_name,
                permission=allowed[method],
                expiry=expiry,
                **self._signer(expiry),
            )
        return f"{blob.url}?{signature}"

    def _signer(self, expiry: datetime) -> dict[str, Any]:
        if self._account.key:
            return {"account_key": self._account.key}
        if self._account.token:
            begin = datetime.now(UTC) - timedelta(minutes=5)  # clocks differ
            return {"user_delegation_key": self._service.get_user_delegation_key(begin, expiry)}
        raise DeniedError(f"{self.url}: these credentials cannot sign URLs", hint="use a key or 'az login'")

    # -- the container

    def bucket_exists(self) -> bool:
        """Say whether the container is there; see `HasBuckets`."""
        with self._translated():
            return bool(self._container.exists())

    def make_bucket(self) -> None:
        """Make the container; see `HasBuckets`."""
        with self._translated():
            try:
                self._container.create_container()
            except ResourceExistsError as error:
                if code_of(error) != "ContainerAlreadyExists":
                    raise

    def remove_bucket(self) -> None:
        """Remove the empty container; see `HasBuckets`. Azure itself would remove one that is not empty."""
        with self._translated():
            if next(iter(self._container.list_blobs(results_per_page=1)), None) is not None:
                raise ConflictError(f"{self.url}: the container is not empty")
            self._container.delete_container()

    # -- inside

    def _blob(self, key: str) -> BlobClient:
        name = check_name(self._root.absolute(key), shown=self._root.name(key))
        return self._container.get_blob_client(name)

    def _scan(self, prefix: str, start_after: bytes) -> Iterator[ObjectInfo]:
        with self._translated():
            for found in self._container.list_blobs(
                name_starts_with=self._root.prefix + prefix or None,
                include=["metadata"],
                results_per_page=self._page_size,
            ):
                key = self._root.relative(found.name)
                if key and key.encode() > start_after and not is_directory(found):
                    yield from_properties(key, found)

    def _translated(self, key: str = "") -> AbstractContextManager[None]:
        return translated(name=self._root.name(key) if key else self.url, host=self._host)


class _Pieces:
    """The SDK's download as a body: it has read each piece to its end before it hands it out."""

    def __init__(self, read: Any) -> None:
        self._read = read

    def read(self, amount: int, /) -> bytes:
        return bytes(self._read(amount))

    def close(self) -> None:
        pass


def _put_blocks(
    blob: BlobClient, body: BinaryIO, size: int, *, options: PutOptions | None, name: str
) -> tuple[dict[str, Any], bytes]:
    """Send `body` in blocks and commit them; returns the answer and the digest."""
    digest, upload, staged = hashlib.md5(usedforsecurity=False), uuid.uuid4().hex, []
    block_size = max(_BLOCK, -(-size // _MAX_BLOCKS))
    for number, block in enumerate(blocks(body, size, block_size=block_size, name=name), start=1):
        digest.update(block)
        staged.append(BlobBlock(_block_id(upload, number)))
        blob.stage_block(staged[-1].id, block, length=len(block))
    return blob.commit_block_list(staged, **put_arguments(options, md5=digest.digest())), digest.digest()


def _block_id(upload: str, number: int) -> str:
    """Return the id of a block: all ids of one blob must have one length, and uploads must not share any."""
    return f"{upload}-{number:05}"


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
