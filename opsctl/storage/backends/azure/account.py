"""Which storage account, and with which credential: options first, then the variables of the Azure CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from azure.identity import DefaultAzureCredential

from opsctl.errors import DeniedError, UsageError
from opsctl.storage.backends.azure.options import AzureOptions

__all__ = ["Account", "find_account"]

_NO_ACCOUNT = "set the option 'account', or AZURE_STORAGE_ACCOUNT, or AZURE_STORAGE_CONNECTION_STRING"


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account and how to get in.

    Args:
        name: of the account, "" where only its endpoint is known.
        endpoint: URL of its blob service.
        key: shared key, "" for none.
        sas: shared access signature without a leading `?`, "" for none.
        token: credential that gives tokens, None for none.
    """

    name: str
    endpoint: str
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)
    token: DefaultAzureCredential | None = field(default=None, repr=False)

    @property
    def credential(self) -> Any:
        """What the SDK's clients take as `credential`."""
        if self.key:
            return {"account_name": self.name, "account_key": self.key}
        return self.sas or self.token


def find_account(options: AzureOptions, environment: Mapping[str, str], *, name: str) -> Account:
    """Return the account that the options and the environment name.

    `AZURE_STORAGE_CONNECTION_STRING` counts if no option names another account; `AZURE_STORAGE_KEY` and
    `AZURE_STORAGE_SAS_TOKEN` count for the account in `AZURE_STORAGE_ACCOUNT`, or for any if that is not set; without
    a secret, the default credential chain of azure-identity is asked.

    Raises:
        UsageError: nothing says which account, or the connection string or the endpoint cannot be understood.
        DeniedError: only a token could be used, but the endpoint is not encrypted.
    """
    text = environment.get("AZURE_STORAGE_CONNECTION_STRING", "")
    connected = _from_connection_string(text, name=name) if text and not options.endpoint else None
    if connected and options.account in {"", connected.name} and not options.anonymous:
        return connected
    known = environment.get("AZURE_STORAGE_ACCOUNT", "")
    account = options.account or known or _account_in(options.endpoint)
    endpoint = (options.endpoint or (account and f"https://{account}.blob.core.windows.net")).rstrip("/")
    if not endpoint:
        raise UsageError(f"{name}: nothing says which storage account", hint=_NO_ACCOUNT)
    if not endpoint.startswith(("http://", "https://")):
        hint = "give a URL, for example https://ACCOUNT.blob.core.windows.net"
        raise UsageError(f"{name}: {endpoint!r} is not an endpoint", hint=hint)
    if options.anonymous:
        return Account(account, endpoint)
    if known in {"", account}:
        key, sas = environment.get("AZURE_STORAGE_KEY", ""), environment.get("AZURE_STORAGE_SAS_TOKEN", "")
        if key or sas:
            return Account(account, endpoint, key=key, sas="" if key else sas.removeprefix("?"))
    return _with_token(account, endpoint, name=name)


def _with_token(account: str, endpoint: str, *, name: str) -> Account:
    if urlsplit(endpoint).scheme != "https":
        raise DeniedError(
            f"{name}: no key for {endpoint}, and tokens are not sent over http",
            hint="set AZURE_STORAGE_KEY, or the option 'anonymous'",
        )
    return Account(account, endpoint, token=DefaultAzureCredential())


def _from_connection_string(text: str, *, name: str) -> Account:
    # https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    account = parts.get("AccountName", "")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    scheme = parts.get("DefaultEndpointsProtocol", "https")
    endpoint = parts.get("BlobEndpoint") or (account and f"{scheme}://{account}.blob.{suffix}")
    if not endpoint:
        raise UsageError(
            f"{name}: AZURE_STORAGE_CONNECTION_STRING names no account", hint="copy it again from the Azure portal"
        )
    sas = parts.get("SharedAccessSignature", "").removeprefix("?")
    return Account(account or _account_in(endpoint), endpoint.rstrip("/"), key=parts.get("AccountKey", ""), sas=sas)


def _account_in(endpoint: str) -> str:
    """Return the account that an endpoint names: first label of the host, or the path of an emulator."""
    parts = urlsplit(endpoint)
    return parts.path.strip("/") or (parts.hostname or "").partition(".")[0]
