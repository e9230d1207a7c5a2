"""How the parts of the engine client reach the SDK: a protocol, so that only `engine` imports it.

Every use of the SDK is a small function of its API client, given to `call` or `stream`, which translate whatever
goes wrong into opsctl's errors.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from docker.api.client import APIClient

__all__ = ["Wire"]

T = TypeVar("T")


class Wire(Protocol):
    """The two ways to use the engine."""

    @property
    def url(self) -> str:
        """Where the engine is, for messages."""
        ...

    def call(self, subject: str, use: Callable[[APIClient], T]) -> T:
        """Make one request and return its result.

        Args:
            subject: what it is about, for messages ("image web:1").
            use: the request.
        """
        ...

    def stream(
        self, subject: str, use: Callable[[APIClient], T], *, timeout: float | None = None
    ) -> AbstractContextManager[T]:
        """Open a stream on a connection of its own, without a read timeout; leaving the block cuts it.

        Cutting the connection is how the engine is told to give up a build, a pull or a push.
        `Engine.cancel` cuts it too, from any thread; the block then ends with InterruptedRunError.

        Args:
            subject: what it is about, for messages.
            use: the request that opens it.
            timeout: seconds for the whole block, then it is cut and ends with TransientError.
        """
        ...
