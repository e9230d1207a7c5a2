"""The options of `az://` stores."""

from __future__ import annotations

import msgspec

__all__ = ["AzureOptions"]


class AzureOptions(msgspec.Struct, frozen=True):
    """What `opsctl.yaml` may say of an `az://` prefix; secrets stay in the environment.

    Args:
        account: name of the storage account; "" for what the environment says.
        endpoint: URL of the blob service, for sovereign clouds, private links and emulators
            (`http://127.0.0.1:10000/devstoreaccount1`); "" for `https://ACCOUNT.blob.core.windows.net`.
        anonymous: send no credentials.
    """

    account: str = ""
    endpoint: str = ""
    anonymous: bool = False
