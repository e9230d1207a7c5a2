"""Every form in which a secret may come up: as it is, line by line, and as tools encode it by accident.

Base64 at every alignment (also wrapped), hexadecimal, URL, JSON, XML, Python and shell quoting.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["SHORTEST", "encodings"]

SHORTEST: Final = 4
"""Characters of the shortest secret, and of the shortest line of one that is hidden by itself. Hiding every `ab` would
tear up the log and tell where the secret is; GitHub and Woodpecker draw the line at about the same place."""

_WRAPS: Final = (64, 76)
"""Columns at which tools break base64: openssl and PEM (RFC 7468), coreutils and MIME (RFC 2045)."""
_HEX_WRAP: Final = 60
"""Columns of `xxd -p`."""
_LINE_BREAK: Final = re.compile(rb"[\r\n]")
_LINE: Final = re.compile(r"[^\r\n]+")


def encodings(value: str) -> set[bytes]:
    """Return every form in which a secret is searched for.

    The whole of it in each encoding, each of its lines in each encoding, and each line of what wraps. No form holds a
    line break or is shorter than `SHORTEST`; there is none when no line of the secret is long enough.
    """
    lines = [line for line in map(str.strip, _LINE.findall(value)) if len(line) >= SHORTEST]
    if not lines:
        return set()
    forms: set[bytes] = set()
    for text in {value, value.strip(), *lines}:
        forms.update(_of_text(text))
        forms.update(_of_bytes(text.encode("utf-8", "surrogateescape")))
    return {form for form in forms if len(form) >= SHORTEST and not _LINE_BREAK.search(form)}


def _of_text(text: str) -> Iterator[bytes]:
    for form in {text, *_urls(text), *_json(text), *_markup(text), *_shell(text)}:
        yield form.encode("utf-8", "surrogateescape")


def _urls(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogateescape")
    # Everything; what Python leaves; what JavaScript's encodeURIComponent and encodeURI leave.
    for safe in ("", "/", "!'()*~", ";,/?:@&=+$!*'()#~"):
        encoded = quote(raw, safe=safe)
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield quote_plus(raw)


def _json(text: str) -> Iterator[str]:
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield escaped[1:-1]
        yield escaped[1:-1].replace("/", "\\/")
        # Go's encoding/json, and everything that writes JSON into HTML.
        yield re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", escaped[1:-1])
    yield repr(text)[1:-1]


def _markup(text: str) -> Iterator[str]:
    yield html.escape(text, quote=False)
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&apos;")


def _shell(text: str) -> Iterator[str]:
    yield shlex.quote(text)
    yield text.replace("'", "'\\''")
    yield re.sub(r"([^A-Za-z0-9_@%+=:,./-])", r"\\\1", text)
    yield re.sub(r'([\\"$`])', r"\\\1", text)
    yield text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")


def _of_bytes(data: bytes) -> Iterator[bytes]:
    for form in (data.hex(), data.hex().upper()):
        yield form.encode()
        yield from _wrapped(form.encode(), _HEX_WRAP)
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        whole = encode(data)
        yield whole
        yield whole.rstrip(b"=")
        for width in _WRAPS:
            yield from _wrapped(whole, width)
        for shift in range(3):
            yield _core(encode(b"\0" * shift + data), shift, len(data))


def _core(encoded: bytes, shift: int, size: int) -> bytes:
    """Return the base64 characters that depend on the secret alone, whatever stands before and after it.

    Args:
        encoded: base64 of `shift` bytes and the secret.
        shift: bytes before it, modulo 3.
        size: bytes of the secret.
    """
    return encoded[-(-shift * 8 // 6) : (shift + size) * 8 // 6]


def _wrapped(encoded: bytes, width: int) -> Iterable[bytes]:
    return (encoded[start : start + width] for start in range(0, len(encoded), width))
