"""What the suites share: fixtures, declared deviations, and short words for putting and reading."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from opsctl.storage.protocol import ObjectInfo, PutOptions, Store

__all__ = ["MIB", "Conformance", "OpenAt", "fill", "keys", "put", "read"]

MIB = 1024 * 1024

OpenAt = Callable[[str], Store]
"""From a name to a store rooted there; the fixture closes what it opened."""


class Conformance:
    """Base of the suites: `store`, and deviations that are declared and checked."""

    deviations: ClassVar[Mapping[str, str]] = {}
    """Name of a test that this store is known to fail -> why."""

    power: ClassVar[type | None] = None
    """The optional power that this suite checks."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = [name for name in cls.deviations if not callable(getattr(cls, name, None))]
        if unknown:
            raise TypeError(f"{cls.__name__} declares deviations from tests that do not exist: {unknown}")

    @pytest.fixture(autouse=True)
    def _declared_deviation(self, request: pytest.FixtureRequest) -> None:
        reason = self.deviations.get(getattr(request.node, "originalname", ""))
        if reason is not None:
            request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def store(self, open_at: OpenAt) -> Store:
        """Return an empty store."""
        return open_at("root")


def put(store: Store, key: str, data: bytes, *, options: PutOptions | None = None) -> ObjectInfo:
    """Write `data`."""
    return store.put(key, io.BytesIO(data), size=len(data), options=options)


def read(store: Store, key: str, *, start: int = 0, length: int | None = None) -> bytes:
    """Return the bytes of an object, or of a range of it."""
    with store.get(key, start=start, length=length) as body:
        return body.read()


def keys(store: Store, prefix: str = "", *, start_after: str = "") -> list[str]:
    """Return the keys that a scan yields."""
    return [info.key for info in store.scan(prefix, start_after=start_after)]


def fill(store: Store, names: Iterable[str], *, data: bytes = b"") -> None:
    """Write many small objects, several at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put(store, name, data), names))
