"""The options of `s3://` stores."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["S3Options"]


class S3Options(msgspec.Struct, frozen=True):
    """What `opsctl.yaml` may say of an `s3://` prefix; everything else comes from the standard chain of boto3.

    Args:
        endpoint: URL of an S3-compatible server; "" for AWS, or what `AWS_ENDPOINT_URL` says.
        region: for example `eu-central-1`; "" for what the profile or `AWS_REGION` says.
        profile: name in `~/.aws/config`; "" for `AWS_PROFILE` or the default one.
        addressing: bucket in the host name (`virtual`), in the path (`path`), or what fits the endpoint (`auto`).
        checksum: `when_supported` sends a CRC with every upload and checks every download; `when_required` is for
            servers that refuse or misread such headers.
        conditional: whether the server honours If-Match and If-None-Match on writes. `false` for servers that ignore
            them: the store then does not claim conditional writes, and locks and records refuse it.
        anonymous: send no credentials.
        requester_pays: accept that requests to a requester-pays bucket are billed to the caller.
    """

    endpoint: str = ""
    region: str = ""
    profile: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    checksum: Literal["when_supported", "when_required"] = "when_supported"
    conditional: bool = True
    anonymous: bool = False
    requester_pays: bool = False
