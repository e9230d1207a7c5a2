"""Texts that are not Unicode: bytes of file names, arguments and variables that no encoding explains.

Python keeps them as lone surrogates (PEP 383), which no JSON can hold.
"""

from __future__ import annotations

__all__ = ["is_text", "readable"]


def is_text(text: str) -> bool:
    """Tell whether a text is Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str) -> str:
    r"""Return a text with `\udcff` in place of what is not Unicode: to be read, not to be used."""
    return text.encode("utf-8", "backslashreplace").decode()
