"""The options of `gs://` stores."""

from __future__ import annotations

import msgspec

__all__ = ["GCSOptions"]


class GCSOptions(msgspec.Struct, frozen=True):
    """What `opsctl.yaml` may say of a `gs://` prefix; everything else comes from application default credentials.

    Args:
        endpoint: URL of the service; "" for `STORAGE_EMULATOR_HOST`, or Google's own.
        project: that a new bucket belongs to; "" for that of the credentials.
        user_project: that is billed for requests to a requester-pays bucket; "" for none.
        anonymous: send no credentials.
    """

    endpoint: str = ""
    project: str = ""
    user_project: str = ""
    anonymous: bool = False
