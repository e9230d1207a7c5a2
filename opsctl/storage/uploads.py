"""Ids of uploads in parts, for providers that know nothing of an upload before it is finished.

Such an id carries what `finish_upload` will need: it may be called by another process.
"""

from __future__ import annotations

import binascii
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from opsctl.errors import NotFoundError
from opsctl.storage.protocol import PutOptions

__all__ = ["new_upload", "options_of", "token_of"]


def new_upload(options: PutOptions | None) -> str:
    """Return a new id, which holds a unique token of 32 letters and digits, and `options`."""
    kept = urlsafe_b64encode(msgspec.json.encode(options or PutOptions())).decode()
    return f"{uuid.uuid4().hex}.{kept}"


def token_of(upload: str, *, name: str) -> str:
    """Return the token of an id.

    Raises:
        NotFoundError: `upload` is not an id that `new_upload` could have made.
    """
    token = upload.partition(".")[0]
    if len(token) != len(uuid.uuid4().hex) or not token.isalnum():
        raise NotFoundError(f"{name}: there is no such upload")
    return token


def options_of(upload: str, *, name: str) -> PutOptions:
    """Return the options in an id.

    Raises:
        NotFoundError: `upload` is not an id that `new_upload` could have made.
    """
    try:
        return msgspec.json.decode(urlsafe_b64decode(upload.partition(".")[2]), type=PutOptions)
    except (binascii.Error, msgspec.DecodeError) as error:
        raise NotFoundError(f"{name}: there is no such upload") from error
