"""Which stores of a project file can hold what must outlive the program."""

from __future__ import annotations

from typing import Final

from opsctl.storage.url import scheme_of

__all__ = ["CURE", "objection"]

CURE: Final = "use a directory (file://) or a bucket"


def objection(url: str, what: str) -> str:
    """Return why a store cannot hold something; "" when it can.

    Args:
        url: as the file says it.
        what: it is to hold ("releases").
    """
    return f"{url} is gone when the program ends: it cannot hold {what}" if scheme_of(url) == "mem" else ""
