"""Media types by file name, the same on every machine: the files of the system are not asked."""

from __future__ import annotations

import functools
import mimetypes

__all__ = ["guess_content_type"]

# What Python 3.11 to 3.13 do not know, or know differently from each other (IANA media types registry).
_MORE = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".gz": "application/gzip",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".whl": "application/zip",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}


def guess_content_type(key: str) -> str:
    """Return the media type that the name suggests, "" where it suggests none.

    `x.tar.gz` is a gzip file, not a tar file with an encoding: stored bytes are served as they are.
    """
    suffix = key[key.rfind(".") :].lower() if "." in key.rpartition("/")[2] else ""
    return _types().get(suffix, "")


@functools.cache
def _types() -> dict[str, str]:
    return {**mimetypes.MimeTypes(filenames=()).types_map[True], **_MORE}
