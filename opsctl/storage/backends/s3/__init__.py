"""`s3://BUCKET/PREFIX`: Amazon S3 and servers that speak its language, through boto3.

Credentials, region and endpoint come from where boto3's users expect them: environment, `~/.aws`, SSO, instance
metadata. `S3Options` adds, by URL prefix, `endpoint`, `region`, `profile`, `addressing`, `checksum`, `conditional`,
`anonymous` and `requester_pays`. No option holds a secret.

Objects up to 16 MiB are sent in one request from memory; larger ones in parts, one in memory at a time, and the upload
is aborted on any error. The mtime of the source is kept in the metadata `mtime`, where only `stat` sees it. Metadata
values are ASCII. Checksums are those that the server keeps of the whole object; an etag is never taken for one.
"""

from opsctl.storage.backends.s3.options import S3Options

__all__ = ["S3Options"]
