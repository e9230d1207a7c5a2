"""`S3Store`: objects of one bucket below one prefix."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from opsctl.errors import ConflictError, NotFoundError, TransientError, UsageError
from opsctl.storage.backends.s3.client import make_client
from opsctl.storage.backends.s3.errors import MISSING, code_of, host_of, translate_read, translated
from opsctl.storage.backends.s3.objects import from_answer, from_head, from_listing, put_arguments, quoted
from opsctl.storage.backends.s3.options import S3Options
from opsctl.storage.backends.s3.upload import LIMITS, Limits, Upload, part_size
from opsctl.storage.bodies import Download, check_end, empty, read_exact
from opsctl.storage.metadata import MARK, mark_of, new_mark
from opsctl.storage.protocol import ObjectInfo, Part, PutOptions, Store
from opsctl.storage.roots import Root, in_order
from opsctl.storage.url import StoreURL

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

__all__ = ["ConditionalS3Store", "S3Store"]

_PRESIGN_SECONDS = 7 * 24 * 3600
"""Longest life of a URL signed with version 4 (Amazon S3 User Guide, "Working with presigned URLs")."""


class S3Store:
    """Objects of one bucket below one prefix.

    Args:
        url: `s3://bucket/prefix`.
        options: as the user gave them.
        limits: sizes at which one request becomes several.
    """

    def __init__(self, url: StoreURL, options: S3Options, *, limits: Limits = LIMITS) -> None:
        self._root = Root.of(url)
        self._options = options
        self._limits = limits
        self._client = make_client(options, name=self.url)
        self._host = host_of(self._client.meta.endpoint_url)
        payer = {"RequestPayer": "requester"} if options.requester_pays else {}
        self._bucket: dict[str, Any] = {"Bucket": self._root.bucket, **payer}

    @property
    def url(self) -> str:
        """The root as a URL."""
        return str(self._root.url)

    # -- the five operations

    def stat(self, key: str) -> ObjectInfo:
        """Return what is known of one object; see `Store`."""
        return from_head(key, self._head(key))

    def scan(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects in UTF-8 byte order; see `Store`."""
        return in_order(self._scan(prefix, start_after), name=self.url)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open the bytes of one object; see `Store`."""
        if length == 0:
            self._head(key)
            return empty()
        name = self._root.name(key)
        wanted = {"Range": f"bytes={start}-{'' if length is None else start + length - 1}"} if start or length else {}
        target = self._target(key)
        with self._translated(name):
            try:
                answer = self._client.get_object(**target, **wanted)  # type: ignore[arg-type] # only strings
            except ClientError as error:
                if code_of(error) == "InvalidRange":  # begins at or past the end
                    return empty()
                raise
        if start and "ContentRange" not in answer:
            raise TransientError(f"{name}: {self._host} sent the whole object instead of a range of it")
        sent = answer["ContentLength"]
        body = Download(
            answer["Body"],
            length=sent if length is None else min(sent, length),
            name=name,
            translate=functools.partial(translate_read, name=name, host=self._host),
        )
        return cast("BinaryIO", body)

    def put(self, key: str, body: BinaryIO, *, size: int, options: PutOptions | None = None) -> ObjectInfo:
        """Write one object, all or nothing; see `Store`."""
        target, name = self._target(key), self._root.name(key)
        arguments = put_arguments(options)
        mtime = options.mtime if options else None
        if size <= self._limits.put:
            data = read_exact(body, size, name=name)
            check_end(body, name=name)
            with self._translated(name):
                answer: dict[str, Any] = dict(self._client.put_object(**target, **arguments, Body=data))
        else:
            with self._translated(name):
                upload = Upload.begin(self._client, target, arguments, checksum=self._sends_checksums)
                with upload.or_abort():
                    part = part_size(size, smallest=self._limits.part)
                    answer = upload.send_all(body, size, part=part, name=name)
        return from_answer(key, answer, size=size, mtime=mtime)

    def delete(self, key: str) -> None:
        """Delete one object; see `Store`."""
        target = self._target(key)
        with self._translated(self._root.name(key)):
            try:
                self._client.delete_object(**target)
            except ClientError as error:
                if code_of(error) not in MISSING:  # AWS says nothing of an absent key, some servers do
                    raise

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    # -- copies

    def can_copy_from(self, source: Store) -> bool:
        """Say whether `source` is at the same provider, reached with the same credentials; see `CanCopy`."""
        return isinstance(source, S3Store) and self._account == source._account  # noqa: SLF001 - of this class

    def copy_from(self, source: Store, source_key: str, key: str) -> ObjectInfo:
        """Copy one object of `source`; see `CanCopy`."""
        target = self._target(key)
        if not isinstance(source, S3Store):
            raise UsageError(f"{self.url} cannot copy from {source.url}", hint="read there and write here")
        origin, head = source._origin(source_key)  # noqa: SLF001 - of this class
        info = from_head(key, head)
        if (origin["Bucket"], origin["Key"]) == (target["Bucket"], target["Key"]):
            return info
        with self._translated(self._root.name(key)):
            answer = self._copy(origin, head, target)
        return from_answer(key, answer, size=info.size, mtime=info.mtime)

    def _origin(self, key: str) -> tuple[dict[str, str], HeadObjectOutputTypeDef]:
        return {"Bucket": self._root.bucket, "Key": self._root.absolute(key)}, self._head(key)

    def _copy(self, origin: dict[str, str], head: HeadObjectOutputTypeDef, target: dict[str, Any]) -> dict[str, Any]:
        size, etag = head["ContentLength"], head["ETag"]
        if size <= self._limits.copy:
            answer = self._client.copy_object(**target, CopySource=origin, CopySourceIfMatch=etag)  # type: ignore[arg-type] # a TypedDict of the same two names
            return {**answer, **answer["CopyObjectResult"]}
        upload = Upload.begin(self._client, target, _copied_arguments(head), checksum=self._sends_checksums)
        with upload.or_abort():
            return upload.copy_all(origin, etag, size, part=part_size(size, smallest=self._limits.copy_part))

    # -- parts

    def begin_upload(self, key: str, *, options: PutOptions | None = None) -> str:
        """Begin an upload in parts; see `CanMultipart`."""
        target = self._target(key)
        with self._translated(self._root.name(key)):
            upload = Upload.begin(self._client, target, put_arguments(options), checksum=self._sends_checksums)
        return upload.id

    def upload_part(self, key: str, upload: str, *, number: int, body: BinaryIO, size: int) -> Part:
        """Upload one part, held in memory meanwhile; see `CanMultipart`."""
        name = self._root.name(key)
        data = read_exact(body, size, name=name)
        with self._translated(name):
            return self._upload(key, upload).send(number, data)

    def finish_upload(self, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the parts; see `CanMultipart`."""
        with self._translated(self._root.name(key)):
            self._upload(key, upload).finish(parts)
        return self.stat(key)

    def abort_upload(self, key: str, upload: str) -> None:
        """Forget the upload; see `CanMultipart`."""
        try:
            with self._translated(self._root.name(key)):
                self._upload(key, upload).abort()
        except NotFoundError:
            return

    # -- presigned URLs

    def presign(self, key: str, *, method: str, seconds: int) -> str:
        """Return a URL that allows `method` on `key`, for 7 days at most; see `CanPresign`."""
        operations = {"GET": "get_object", "PUT": "put_object"}
        if method not in operations:
            raise UsageError(f"cannot presign {method}", hint="GET or PUT")
        if not 0 < seconds <= _PRESIGN_SECONDS:
            raise UsageError(f"cannot presign for {seconds} seconds", hint=f"between 1 and {_PRESIGN_SECONDS}")
        target = self._target(key)
        with self._translated(self._root.name(key)):
            return self._client.generate_presigned_url(operations[method], Params=target, ExpiresIn=seconds)

    # -- the bucket

    def bucket_exists(self) -> bool:
        """Say whether the bucket is there; see `HasBuckets`."""
        try:
            with self._translated(self.url):
                self._client.head_bucket(Bucket=self._root.bucket)
        except NotFoundError:
            return False
        return True

    def make_bucket(self) -> None:
        """Make the bucket in the region of the client; see `HasBuckets`."""
        region = self._client.meta.region_name
        # us-east-1 and servers without regions refuse to be told where they are.
        elsewhere = region not in {"us-east-1", "aws-global"} and not self._options.endpoint
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
        with self._translated(self.url):
            try:
                self._client.create_bucket(Bucket=self._root.bucket, **where)  # type: ignore[arg-type] # any region
            except ClientError as error:
                if not self._is_ours(code_of(error)):
                    raise

    def _is_ours(self, code: str) -> bool:
        """Say whether a bucket that could not be made is there already, and ours; servers with one owner say less."""
        alone = code == "BucketAlreadyExists" and bool(self._options.endpoint)
        return code == "BucketAlreadyOwnedByYou" or (alone and self.bucket_exists())

    def remove_bucket(self) -> None:
        """Remove the empty bucket; see `HasBuckets`."""
        with self._translated(self.url):
            self._client.delete_bucket(Bucket=self._root.bucket)

    # -- inside

    @property
    def _account(self) -> tuple[str, str, bool]:
        # All regions of AWS copy from each other; another server knows only its own objects.
        provider = "aws" if self._host.endswith(".amazonaws.com:443") else self._host
        return provider, self._options.profile, self._options.anonymous

    @property
    def _sends_checksums(self) -> bool:
        return self._options.checksum == "when_supported"

    def _target(self, key: str) -> dict[str, Any]:
        return {**self._bucket, "Key": self._root.absolute(key)}

    def _upload(self, key: str, upload: str) -> Upload:
        return Upload(self._client, self._target(key), upload, checksum=self._sends_checksums)

    def _head(self, key: str) -> HeadObjectOutputTypeDef:
        target = self._target(key)
        with self._translated(self._root.name(key)):
            return self._client.head_object(**target, ChecksumMode="ENABLED")

    def _scan(self, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
        request, after = {**self._bucket, "Prefix": self._root.prefix + prefix}, start_after.encode()
        if start_after:
            request["StartAfter"] = self._root.prefix + start_after
        while True:
            with self._translated(self.url):
                page = self._client.list_objects_v2(**request)
            for item in page.get("Contents", ()):
                key = self._root.relative(item["Key"])
                # Not the marker of the root itself, and nothing that a server gives which misreads StartAfter.
                if key and key.encode() > after:
                    yield from_listing(key, item)
            if not page["IsTruncated"]:
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _translated(self, name: str) -> AbstractContextManager[None]:
        return translated(name=name, host=self._host)


class ConditionalS3Store(S3Store):
    """An `S3Store` of a server that honours conditions on writes."""

    def put_if(self, key: str, data: bytes, *, match: str | None) -> ObjectInfo:
        """Write `data` if the object is as expected; see `CanPutIf`."""
        target, mark = self._target(key), new_mark()
        condition = {"IfNoneMatch": "*"} if match is None else {"IfMatch": quoted(match)}
        try:
            with self._translated(self._root.name(key)):
                answer = self._put_if({**target, **condition, "Body": data, "Metadata": {MARK: mark}})
        except ConflictError as lost:
            return self._our_own(key, mark, lost)
        return from_answer(key, answer, size=len(data), mtime=None)

    def _put_if(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(self._client.put_object(**request))
        except ClientError as error:
            if "IfMatch" in request and code_of(error) == "NoSuchKey":
                name = self._root.name(self._root.relative(request["Key"]))
                raise ConflictError(f"{name} does not exist any more") from error
            raise

    def _our_own(self, key: str, mark: str, lost: ConflictError) -> ObjectInfo:
        """Return the object if the write that won was our own, sent twice because its first answer was lost."""
        try:
            head = self._head(key)
        except NotFoundError:
            raise lost from None
        if mark_of(head.get("Metadata", {})) != mark:
            raise lost
        return from_head(key, head)


def _copied_arguments(head: HeadObjectOutputTypeDef) -> dict[str, Any]:
    """Return what a copy in parts has to be told, because only a copy in one request takes it over on its own."""
    names = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")
    return {name: head[name] for name in names if head.get(name)}  # type: ignore[literal-required] # names as in the API
