"""`az://CONTAINER/PREFIX`: Azure Blob Storage through its official SDK.

Which account, and how to get in, comes from the options `account` and `endpoint`, or from the variables that the Azure
CLI knows: `AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or
`AZURE_STORAGE_SAS_TOKEN`; without a secret, from the default credential chain of azure-identity. `AzureOptions` knows
`account`, `endpoint` and `anonymous`. No option holds a secret.

Objects up to 16 MiB are sent in one request from memory; larger ones in blocks, one in memory at a time, which become
visible all at once. The mtime of the source is kept in the metadata `mtime`. Names of metadata are C# identifiers
(letters, digits, `_`). Names of objects that Azure would change are refused: backslashes, control characters, segments
that end with a dot.
"""

from opsctl.storage.backends.azure.options import AzureOptions

__all__ = ["AzureOptions"]
