"""Uploads in parts, all or nothing, in the memory of one part."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from opsctl.storage.bodies import blocks
from opsctl.storage.protocol import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

__all__ = ["LIMITS", "Limits", "Upload", "part_size"]

_MIB = 1024 * 1024
_MAX_PARTS = 10_000
_COPIES_AT_ONCE = 4


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes at which one request becomes several (Amazon S3 User Guide, "Multipart upload limits").

    Args:
        put: the largest object sent in one request; it is held in memory.
        part: the smallest part of a larger one; parts grow so that 10,000 suffice.
        copy: the largest object copied in one request; AWS allows 5 GiB.
        copy_part: the smallest part of a larger copy.
    """

    put: int = 16 * _MIB
    part: int = 8 * _MIB
    copy: int = 5 * 1024 * _MIB
    copy_part: int = 512 * _MIB


LIMITS = Limits()


def part_size(size: int, *, smallest: int) -> int:
    """Return the size of the parts of an object of `size` bytes: the smallest one, unless that makes too many."""
    enough = -(-size // _MAX_PARTS)
    return max(smallest, -(-enough // _MIB) * _MIB)


class Upload:
    """One multipart upload under way.

    Args:
        client: of boto3.
        target: `Bucket`, `Key` and what else each request of the upload takes.
        upload: its id.
        checksum: whether parts carry a CRC32 and the object gets one of the whole.
    """

    def __init__(self, client: S3Client, target: dict[str, Any], upload: str, *, checksum: bool) -> None:
        self._client = client
        self._target = {**target, "UploadId": upload}
        self._checksum = checksum
        self.id = upload

    @classmethod
    def begin(cls, client: S3Client, target: dict[str, Any], arguments: dict[str, Any], *, checksum: bool) -> Upload:
        """Begin an upload of the object `target` with the properties `arguments`."""
        # The CRC of the whole object, not of the list of its parts: it does not depend on the size of the parts.
        kind: dict[str, Any] = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"} if checksum else {}
        answer = client.create_multipart_upload(**target, **arguments, **kind)
        return cls(client, target, answer["UploadId"], checksum=checksum)

    @contextmanager
    def or_abort(self) -> Iterator[None]:
        """Abort the upload if anything is raised inside, Ctrl-C included."""
        try:
            yield
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # what went wrong first is what the user needs to know
                self.abort()
            raise

    def send(self, number: int, data: bytes) -> Part:
        """Send one part."""
        answer = self._client.upload_part(**self._target, PartNumber=number, Body=data)
        return Part(number, answer["ETag"], len(data), answer.get("ChecksumCRC32", ""))

    def send_all(self, body: BinaryIO, size: int, *, part: int, name: str) -> dict[str, Any]:
        """Send the `size` bytes of `body` in parts and finish; returns the answer."""
        crc, parts = 0, []
        for number, block in enumerate(blocks(body, size, block_size=part, name=name), start=1):
            crc = zlib.crc32(block, crc)
            parts.append(self.send(number, block))
        return self.finish(parts, crc=crc)

    def copy_all(self, source: dict[str, str], etag: str, size: int, *, part: int) -> dict[str, Any]:
        """Have the provider copy `size` bytes of `source`, while its etag is `etag`, in parts, and finish."""

        def copy(start: int) -> Part:
            end = min(start + part, size) - 1
            answer = self._client.upload_part_copy(
                **self._target,
                PartNumber=start // part + 1,
                CopySource=source,  # type: ignore[arg-type] # a TypedDict of the same two names
                CopySourceIfMatch=etag,
                CopySourceRange=f"bytes={start}-{end}",
            )
            result = answer["CopyPartResult"]
            return Part(start // part + 1, result["ETag"], end - start + 1, result.get("ChecksumCRC32", ""))

        return self.finish(_each(copy, range(0, size, part)))

    def finish(self, parts: Sequence[Part], *, crc: int | None = None) -> dict[str, Any]:
        """Join the parts; returns the answer. `crc`, where known, is checked by the provider against what it has."""
        whole: dict[str, Any] = {}
        if self._checksum and crc is not None:
            whole = {"ChecksumCRC32": base64.b64encode(crc.to_bytes(4)).decode(), "ChecksumType": "FULL_OBJECT"}
        answer = self._client.complete_multipart_upload(
            **self._target, **whole, MultipartUpload={"Parts": [_completed(part) for part in parts]}
        )
        return dict(answer)

    def abort(self) -> None:
        """Forget the upload and its parts."""
        self._client.abort_multipart_upload(**self._target)


def _completed(part: Part) -> CompletedPartTypeDef:
    completed: CompletedPartTypeDef = {"PartNumber": part.number, "ETag": part.etag}
    if part.checksum:
        completed["ChecksumCRC32"] = part.checksum
    return completed


def _each(copy: Callable[[int], Part], starts: range) -> list[Part]:
    with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        return list(pool.map(copy, starts))
