"""References to images: `[registry/]repository[:tag][@digest]`, by the grammar of the distribution project.

https://github.com/distribution/reference/blob/main/reference.go (grammar in the package comment) and normalize.go
(what counts as a registry in front of the first slash).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsctl.errors import UsageError

__all__ = ["DEFAULT_REGISTRY", "Reference", "check_digest", "parse"]

DEFAULT_REGISTRY = "docker.io"
"""Where a reference without a registry points."""

MAX_NAME = 255
"""Longest name, registry included."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[(?:[a-fA-F0-9:]+)\])"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(rf"{_HOST}(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference, taken apart.

    Args:
        name: registry and repository as they were given ("web", "registry.example.com/acme/web").
        tag: "" for none.
        digest: "sha256:...", "" for none.
        registry: "docker.io" when the name gives none.
    """

    name: str
    tag: str
    digest: str
    registry: str

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def tagged(self) -> str:
        """`name:tag`, with the tag "latest" when none is given."""
        return f"{self.name}:{self.tag or 'latest'}"


def parse(text: str) -> Reference:
    """Take a reference apart.

    Raises:
        UsageError: it is not one.
    """
    rest, _, digest = text.partition("@")
    name, tag = _split_tag(rest)
    registry, path = _split_registry(name)
    if digest or "@" in text:
        check_digest(digest)
    if ":" in rest.rpartition("/")[2] and not _TAG.fullmatch(tag):
        raise _wrong(text, "the tag may hold letters, digits, '_', '.' and '-', at most 128")
    if not _PATH.fullmatch(path) or _IDENTIFIER.fullmatch(name):
        hint = "repository names are lower case" if path.lower() != path else "for example registry.example.com/web:1"
        raise _wrong(text, hint)
    if len(name) > MAX_NAME or not _REGISTRY.fullmatch(registry):
        raise _wrong(text, "the name is too long or its registry is not a host name")
    return Reference(name, tag, digest, registry)


def check_digest(digest: str) -> str:
    """Return the digest if it is one ("sha256:" and 64 hex digits).

    Raises:
        UsageError: it is not.
    """
    if not _DIGEST.fullmatch(digest):
        raise _wrong(digest, "a digest is an algorithm, ':' and hex digits")
    return digest


def _split_tag(rest: str) -> tuple[str, str]:
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, path = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    return (first, path) if is_host else (DEFAULT_REGISTRY, name)


def _wrong(text: str, hint: str) -> UsageError:
    return UsageError(f"{text!r} is not an image reference", hint=hint)
