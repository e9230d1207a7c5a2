"""URLs of stores: `scheme://authority/path`, and the split into a root and a key.

`file://` differs from RFC 8089 on purpose: `file://.opsctl/releases` is relative to the working directory (of the
file that names it), `file:///srv/x` is absolute. A text without a scheme is a local path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from opsctl.errors import UsageError

__all__ = ["StoreURL", "parse_url", "scheme_of"]

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StoreURL:
    """Where a store is, or an object in it.

    Args:
        scheme: "file", "s3", "gs", "az", "mem" or a plug-in's.
        bucket: bucket, or container, "" for `file`.
        path: what follows, without a leading `/` except for absolute `file` paths.
    """

    scheme: str
    bucket: str
    path: str

    def __str__(self) -> str:
        if self.scheme == "file":
            return f"file://{self.path}"
        return f"{self.scheme}://{self.bucket}/{self.path}" if self.path else f"{self.scheme}://{self.bucket}"

    def child(self, name: str) -> StoreURL:
        """Return the URL of `name` below this one."""
        path = f"{self.path.rstrip('/')}/{name}" if self.path.strip("/") else f"{self.path}{name}"
        return StoreURL(self.scheme, self.bucket, path)

    def split(self) -> tuple[StoreURL, str]:
        """Return the root and the key of an object URL: everything up to the last `/`, and the last name.

        Raises:
            UsageError: the URL names no object.
        """
        root, slash, name = self.path.rpartition("/")
        if not name:
            raise UsageError(f"{self} names no object", hint="give a name after the last '/'")
        keep = root or (("/" if slash else ".") if self.scheme == "file" else "")
        return StoreURL(self.scheme, self.bucket, keep), name


def scheme_of(text: str) -> str:
    """Return the scheme of a URL, "" for a local path."""
    match = _SCHEME.fullmatch(text)
    return match[1] if match else ""


def parse_url(text: str, *, base: Path | None = None) -> StoreURL:
    """Parse the URL of a store or object, or a local path.

    Args:
        text: `scheme://...` or a path.
        base: directory that relative `file` paths are relative to; they stay relative without it.

    Raises:
        UsageError: there is no bucket, or a control character.
    """
    if any(ord(char) < 0x20 for char in text) or not text:  # noqa: PLR2004 - C0 control characters
        raise UsageError(f"not a store URL: {text!r}", hint="for example s3://bucket/prefix or file://dir")
    match = _SCHEME.fullmatch(text)
    scheme, rest = match.groups() if match else ("file", text)
    if scheme == "file":
        path = str(base / rest) if base is not None else rest
        return StoreURL("file", "", path)
    bucket, _, path = rest.partition("/")
    if not bucket:
        raise UsageError(f"{text!r} names no bucket", hint=f"for example {scheme}://bucket/prefix")
    return StoreURL(scheme, bucket, path)
