"""Credentials for registries, from where the docker command keeps them.

In this order: the variable DOCKER_AUTH_CONFIG, then in `config.json` (DOCKER_CONFIG, else ~/.docker) the helper of
the registry (`credHelpers`), the helper of all (`credsStore`), the entry in `auths`
(https://docs.docker.com/reference/cli/docker/login/, github.com/docker/docker-credential-helpers for the protocol).
The SDK can do some of this, but warns on standard error and asks every helper about every registry at each build.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl import process
from opsctl.docker.reference import DEFAULT_REGISTRY
from opsctl.errors import ConfigError, DeniedError, LocalIOError, MissingToolError, Problem

__all__ = ["ANONYMOUS", "Credentials", "find"]

_DEFAULT_KEY = "https://index.docker.io/v1/"
"""Under this name everybody keeps the credentials of the default registry."""

_DEFAULT_HOSTS = frozenset({"docker.io", "index.docker.io"})
_TOKEN_USER = "<token>"  # noqa: S105 - by this user name a helper says that the secret is an identity token
_NOT_FOUND = "credentials not found"
HELPER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials for one registry; all empty for none.

    Args:
        server: what they are for.
        username: "" with a token.
        password: "" with a token.
        token: identity token.
    """

    server: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def payload(self) -> dict[str, str]:
        """Return what the engine takes as `X-Registry-Auth` (Engine API, section "Authentication")."""
        if self.token:
            return {"identitytoken": self.token, "serveraddress": self.server}
        if not self.username:
            return {}
        return {"username": self.username, "password": self.password, "serveraddress": self.server}


ANONYMOUS = Credentials()


def find(registry: str) -> Credentials:
    """Return the credentials for a registry, `ANONYMOUS` where there are none.

    Args:
        registry: "docker.io" or "host[:port]", as `reference.Reference.registry` has it.

    Raises:
        ConfigError: the configuration cannot be understood.
        MissingToolError: the configured helper is not installed, or no program.
        DeniedError: the helper failed, or may not be run.
        LocalIOError: the configuration cannot be read.
    """
    key = _DEFAULT_KEY if registry == DEFAULT_REGISTRY else registry
    given = os.environ.get("DOCKER_AUTH_CONFIG")
    if given:
        found = _from_auths(_parsed(given, "DOCKER_AUTH_CONFIG"), key, "DOCKER_AUTH_CONFIG")
        if found != ANONYMOUS:
            return found
    path = _path()
    config = _parsed(_read(path), str(path))
    helper = _mapping(config.get("credHelpers")).get(registry) or config.get("credsStore")
    found = _from_helper(str(helper), key) if helper else ANONYMOUS
    return found if found != ANONYMOUS else _from_auths(config, key, str(path))


def _path() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return "{}"
    except OSError as error:
        raise LocalIOError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _broken(str(path), "it is not UTF-8") from error


def _parsed(text: str, source: str) -> Mapping[str, Any]:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _broken(source, "it is not JSON") from error
    if not isinstance(config, dict):
        raise _broken(source, "it is not a JSON object")
    return config


def _from_auths(config: Mapping[str, Any], key: str, source: str) -> Credentials:
    for name, entry in _mapping(config.get("auths")).items():
        if _host(name) == _host(key):
            return _entry(name, _mapping(entry), source)
    return ANONYMOUS


def _entry(name: str, entry: Mapping[str, Any], source: str) -> Credentials:
    if entry.get("identitytoken"):
        return Credentials(name, token=str(entry["identitytoken"]))
    if not entry.get("auth"):
        # An entry without a secret says that a store has it; some tools write the two in plain.
        return Credentials(name, str(entry.get("username") or ""), str(entry.get("password") or ""))
    try:
        username, colon, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _broken(source, f"the credentials for {name} are not base64") from error
    if not colon:
        raise _broken(source, f"the credentials for {name} are not user:password")
    return Credentials(name, username, password.rstrip("\0"))


def _from_helper(helper: str, key: str) -> Credentials:
    """Ask a credential helper; what it prints is never shown."""
    program = f"docker-credential-{helper}"
    try:
        done = process.run([program, "get"], stdin=key.encode(), timeout=HELPER_SECONDS, ok=None)
    except (MissingToolError, DeniedError) as error:
        hint = f"{error.hint}; or take the helper out of {_path()}"
        raise type(error)(f"credentials for {key}: {error.message}", hint=hint) from error
    if done.code != 0:
        if _NOT_FOUND in done.stdout.decode("utf-8", "replace"):
            return ANONYMOUS
        raise DeniedError(f"credentials for {key}: {program} failed with exit code {done.code}", hint=_AGAIN)
    answer = _parsed(done.stdout.decode("utf-8", "replace"), program)
    username, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    if username == _TOKEN_USER:
        return Credentials(key, token=secret)
    return Credentials(key, username, secret) if username or secret else ANONYMOUS


_AGAIN = "log in again with `docker login`"


def _host(name: str) -> str:
    """Return the host of a key of `auths`, which may be a URL with a path."""
    host = name.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DEFAULT_REGISTRY if host in _DEFAULT_HOSTS else host


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _broken(source: str, why: str) -> ConfigError:
    return ConfigError([Problem(source, 0, 0, why, _AGAIN)])
