"""`gs://BUCKET/PREFIX`: Google Cloud Storage through its official SDK.

Credentials are application default credentials (`GOOGLE_APPLICATION_CREDENTIALS`, gcloud, the metadata server);
`STORAGE_EMULATOR_HOST` names an emulator, which gets none. `GCSOptions` adds, by URL prefix, `endpoint`, `project`,
`user_project` and `anonymous`. No option holds a secret.

An etag is the generation of the object. Objects up to 16 MiB are sent in one request from memory; larger ones by a
resumable upload, 8 MiB at a time, which becomes visible at its end. The mtime of the source is kept in the
metadata `mtime`. Uploads in parts are composed from objects below `.opsctl-upload/`, which scans do not show. Names
with line breaks are refused, as the service does.
"""

from opsctl.storage.backends.gcs.options import GCSOptions

__all__ = ["GCSOptions"]
