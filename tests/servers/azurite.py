"""Azurite: Azure Blob Storage. The account and its key are the published ones of every emulator.

https://learn.microsoft.com/azure/storage/common/storage-use-azurite (well-known storage account and key)
"""

from pathlib import Path

from servers.launch import Command, Server
from servers.tools import TOOLS, missing_tool

__all__ = ["ACCOUNT", "KEY", "SERVER", "connection_string"]

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def connection_string(url: str) -> str:
    """The connection string of the emulator that listens at `url`."""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={url}/{ACCOUNT};"


def _missing() -> str | None:
    return missing_tool("azurite")


def _command(data: Path, port: int) -> Command:
    node = TOOLS / "azurite/bin/node"
    program = TOOLS / "azurite/node_modules/azurite/dist/src/blob/main.js"
    options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]  # newer SDKs name newer API versions
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(data)]
    return Command([str(node), str(program), *where, *options])


# 403: it wants a signature.
SERVER = Server("azurite", _missing, _command, ready=f"/{ACCOUNT}?comp=list", ready_codes=frozenset({403}))
