"""Options of stores: each backend declares its own as a typed value; this binds what the user wrote to it.

A backend's options are a frozen `msgspec.Struct` whose fields are `str`, `bool`, `int`, `Literal[...]` or one of those
`| None`, each with a default. `bind_options` refuses anything that the struct does not name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from opsctl.errors import UsageError

__all__ = ["NoOptions", "bind_options"]

_Options = TypeVar("_Options", bound=msgspec.Struct)


class NoOptions(msgspec.Struct, frozen=True):
    """What stores have that leave nothing to choose."""


def bind_options(given: Mapping[str, str | bool | int], model: type[_Options], *, scheme: str) -> _Options:
    """Return the options of a store as the typed value that its backend declares.

    Args:
        given: what the user wrote for the prefix of the store.
        model: the backend's declaration.
        scheme: of the URL, for messages.

    Raises:
        UsageError: an option that the backend does not know, or a value of the wrong type; the hint names the nearest.
    """
    known = [field.encode_name for field in msgspec.structs.fields(model)]
    for name in given:
        if name not in known:
            raise UsageError(f"unknown option {name!r} of {scheme}:// stores", hint=_nearest(name, known))
    try:
        return msgspec.convert(dict(given), model)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise UsageError(f"option {name!r} of {scheme}:// stores: {_lower_first(reason)}") from error


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    everything = f"known: {', '.join(sorted(known))}" if known else "this store has no options"
    return f"did you mean {close[0]!r}? {everything}" if close else everything


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
