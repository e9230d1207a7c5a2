"""Typed records in a store, changed by compare-and-swap.

A record is one small JSON object:

    {"kind": "releases", "version": 1, "fence": 12, "nonce": "9f3c...", "value": {...}}

`kind` and `version` keep a foreign file, or one of a newer opsctl, from being misread. `fence` is the highest fence of
a lock under which it was written. `nonce` is new with every write: it makes each state of the file differ from all
earlier ones, also on stores whose etag is only a digest, and tells after a lost reply whether the write was ours.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

import msgspec

from opsctl.errors import ConfigError, ConflictError, NotFoundError, Problem, TransientError, UsageError
from opsctl.storage import CanPutIf, Store

__all__ = ["Document", "Saved", "StateStore", "state_store"]

T = TypeVar("T")

MAX_BYTES = 16 << 20
"""A file larger than this is no record; it is refused before it fills the memory."""

ATTEMPTS = 30
"""How often `update` tries before it says that it keeps losing."""


class StateStore(Store, CanPutIf, Protocol):
    """A store that can hold state."""


def state_store(store: Store) -> StateStore:
    """Return `store` as one that can hold state.

    Raises:
        UsageError: it has no conditional writes.
    """
    if not isinstance(store, CanPutIf):
        raise UsageError(
            f"{store.url} cannot hold state: it has no conditional writes",
            hint="keep state in file://, s3://, gs:// or az://",
        )
    return cast("StateStore", store)


@dataclass(frozen=True, slots=True)
class Saved(Generic[T]):
    """A record as it was found or written.

    Args:
        value: what it holds.
        etag: of the file; what the next write compares.
        nonce: of the write; changes with every one.
        fence: the highest that it was written under, 0 for none.
    """

    value: T
    etag: str
    nonce: str
    fence: int


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    version: int
    fence: int
    nonce: str
    value: msgspec.Raw


class Document(Generic[T]):
    """One record of type `T` in a store.

    Args:
        store: one with conditional writes.
        key: of the file.
        model: what it holds: a msgspec Struct, a dataclass or plain JSON types.
        kind: word that says what it is, kept in the file.
        version: of `model`; a file with another one is refused.

    Raises:
        UsageError: the store cannot hold state.
    """

    def __init__(self, store: Store, key: str, model: type[T], *, kind: str, version: int = 1) -> None:
        self._store = state_store(store)
        self._key = key
        self._model = model
        self._kind = kind
        self._version = version

    @property
    def url(self) -> str:
        """Where the record is, for people."""
        return f"{self._store.url.rstrip('/')}/{self._key}"

    def read(self) -> Saved[T] | None:
        """Return the record, or None when there is none.

        Raises:
            ConfigError: the file is not such a record, or is damaged; names its URL.
        """
        # The etag first: should the file change in between, the value is newer than the etag, and a write that
        # stands on both loses. The other way round it would overwrite what it has not seen.
        try:
            etag = self._store.stat(self._key).etag
            with self._store.get(self._key, length=MAX_BYTES + 1) as body:
                data = body.read()
        except NotFoundError:
            return None
        return self._decode(data, etag)

    def create(self, value: T, *, fence: int = 0) -> Saved[T]:
        """Write the record, which must not be there yet.

        Raises:
            ConflictError: it is there.
        """
        return self._write(value, match=None, fence=fence)

    def replace(self, saved: Saved[T], value: T, *, fence: int | None = None) -> Saved[T]:
        """Write the record, which must still be what `saved` says.

        Args:
            saved: what was read or written last.
            value: what it shall hold.
            fence: of the lease that allows this; None keeps the fence that the record has.

        Raises:
            ConflictError: somebody changed it meanwhile, or wrote it under a newer lease than `fence`.
        """
        self._check_fence(saved, fence)
        return self._write(value, match=saved.etag, fence=max(saved.fence, fence or 0))

    def update(self, change: Callable[[T | None], T], *, fence: int | None = None) -> Saved[T]:
        """Write what `change` makes of the record, again and again until nobody interferes.

        Args:
            change: from the value, None where there is no record, to the new one; called once per attempt, so it
                should do nothing else. Where it returns an equal value nothing is written.
            fence: as in `replace`.

        Raises:
            ConflictError: it was written under a newer lease, or somebody else was quicker 30 times.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._update_once(change, fence)
            except _FenceError:
                raise
            except ConflictError as error:
                last = error
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # noqa: S311 - spreads out writers
        raise ConflictError(f"{self.url} changes faster than it can be updated", hint="try again") from last

    def _update_once(self, change: Callable[[T | None], T], fence: int | None) -> Saved[T]:
        saved = self.read()
        if saved is None:
            return self.create(change(None), fence=fence or 0)
        self._check_fence(saved, fence)
        value = change(saved.value)
        return saved if value == saved.value else self.replace(saved, value, fence=fence)

    def _check_fence(self, saved: Saved[T], fence: int | None) -> None:
        if fence is not None and fence < saved.fence:
            raise _FenceError(
                f"{self.url} was written under a newer lock ({saved.fence}) than this one ({fence})",
                hint="this run lost its lock to another one; start again",
            )

    def _write(self, value: T, *, match: str | None, fence: int) -> Saved[T]:
        nonce = secrets.token_hex(8)
        envelope = _Envelope(
            kind=self._kind,
            version=self._version,
            fence=fence,
            nonce=nonce,
            value=msgspec.Raw(msgspec.json.encode(value)),
        )
        data = msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"
        try:
            etag = self._store.put_if(self._key, data, match=match).etag
        except (ConflictError, TransientError):
            # The reply to a write that was done may be lost; the repetition by the SDK then fails its own condition.
            found = self.read()
            if found is None or found.nonce != nonce:
                raise
            etag = found.etag
        return Saved(value=value, etag=etag, nonce=nonce, fence=fence)

    def _decode(self, data: bytes, etag: str) -> Saved[T]:
        if len(data) > MAX_BYTES:
            raise self._foreign(f"is larger than {MAX_BYTES >> 20} MiB")
        try:
            envelope = msgspec.json.decode(data, type=_Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._foreign(f"is not a record of opsctl: {error}") from error
        if envelope.kind != self._kind:
            raise self._foreign(f"is a record of kind {envelope.kind!r}, not {self._kind!r}")
        if envelope.version != self._version:
            raise self._foreign(f"has version {envelope.version}, this opsctl knows {self._version}")
        try:
            value = msgspec.json.decode(envelope.value, type=self._model)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._foreign(f"is damaged: {error}") from error
        return Saved(value=value, etag=etag, nonce=envelope.nonce, fence=envelope.fence)

    def _foreign(self, problem: str) -> ConfigError:
        hint = "was it written by a newer opsctl, or by hand? move it away to start afresh"
        return ConfigError([Problem(self.url, 0, 0, problem, hint)])


class _FenceError(ConflictError):
    """A conflict that no repetition can resolve."""
