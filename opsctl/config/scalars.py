"""The scalar types of the files people write: how each is spelled, and what its value is.

One spelling per idea, the same in `opsctl.yaml`, in pipelines and on the command line. Every type has
`parse(text)`, which raises `ScalarError` (a ValueError), `str(value)`, which gives a text that parses to the same
value, and `schema()`, its JSON Schema. The types whose text may hold `${{ }}` are in `opsctl.config.dynamic`; they
are offered here too, so that a model has one place to import from.
"""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Protocol, Self

from msgspec import Meta, Struct, structs

from opsctl.config.dynamic import Dynamic, Flag, Number, Text
from opsctl.config.nodes import Node, ScalarError, plain

__all__ = [
    "Duration",
    "FileMode",
    "Flag",
    "Number",
    "Percent",
    "ScalarType",
    "Script",
    "SecretRef",
    "Size",
    "Text",
    "unbind",
]

Script = Annotated[str, Meta(extra={"expression_hint": "pass the value by env: and use it as a shell variable"})]
"""Text for a shell. `${{ }}` in it is refused, because a substituted value could be a command."""


class ScalarType(Protocol):
    """What the binder asks of a scalar type.

    Attributes:
        noun: what a value is called in messages, with its article.
        numeric: an unquoted number goes to `parse`, which says what is missing, instead of to "quote it".
    """

    noun: ClassVar[str]
    numeric: ClassVar[bool]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the value of `text`.

        Raises:
            ScalarError: it is not one.
        """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""


class Duration(float):
    """A time span in seconds, written as a number and one unit: `500ms`, `10s`, `5m`, `2h`."""

    noun: ClassVar[str] = "a duration"
    numeric: ClassVar[bool] = True

    UNITS: ClassVar[dict[str, Decimal]] = {
        "ms": Decimal("0.001"),
        "s": Decimal(1),
        "m": Decimal(60),
        "h": Decimal(3600),
    }
    LONGEST: ClassVar[int] = 10 * 366 * 24 * 3600
    """Seconds; a longer one is a slip of the keyboard, and far larger ones overflow timers."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the seconds that `text` says.

        Raises:
            ScalarError: no unit, an unknown unit, several units, a sign, or more than ten years.
        """
        match = _QUANTITY.fullmatch(text)
        unit = match["unit"] if match else ""
        if match is None or unit not in cls.UNITS:
            raise ScalarError(f"{_short(text)} is not a duration", hint=cls._cure(text, unit))
        seconds = Decimal(match["number"]) * cls.UNITS[unit]
        if seconds > cls.LONGEST:
            raise ScalarError(f"{_short(text)} is longer than ten years", hint="check the unit: ms, s, m or h")
        return cls(seconds)

    @classmethod
    def _cure(cls, text: str, unit: str) -> str:
        if text.startswith("-"):
            return "a duration is not negative"
        if _NUMBER.fullmatch(text):
            return f"add a unit: {text}s"
        if re.fullmatch(r"([0-9]+(h|m|s|ms)){2,}", text):
            return "use one unit, for example 90s for one minute and a half"
        if unit in {"d", "w"}:
            return "units are ms, s, m, h; a day is 24h"
        return "write a number and one of the units ms, s, m, h: 500ms, 10s, 5m, 2h"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$",
            "description": "a duration: a number and one of the units ms, s, m, h",
            "examples": ["500ms", "10s", "5m", "2h"],
        }

    def __str__(self) -> str:
        milliseconds = Decimal(repr(float(self))) * 1000
        for unit in ("h", "m", "s"):
            amount, rest = divmod(milliseconds, self.UNITS[unit] * 1000)
            if amount and not rest:
                return f"{amount}{unit}"
        return f"{milliseconds.normalize():f}ms"


class Size(int):
    """A number of bytes, written with a unit: `512B`, `64KiB`, `256MiB`, `1GB`."""

    noun: ClassVar[str] = "a size"
    numeric: ClassVar[bool] = True

    UNITS: ClassVar[dict[str, int]] = {
        "B": 1,
        "KB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "TB": 10**12,
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
        "TiB": 2**40,
    }
    LARGEST: ClassVar[int] = 2**63 - 1
    """Bytes; what engines and file systems keep sizes in."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the bytes that `text` says.

        Raises:
            ScalarError: no unit, an unknown unit, a sign, not a whole number of bytes, or past 8 EiB.
        """
        match = _QUANTITY.fullmatch(text)
        unit = match["unit"] if match else ""
        if match is None or unit not in cls.UNITS:
            raise ScalarError(f"{_short(text)} is not a size", hint=cls._cure(text, unit))
        amount = Decimal(match["number"]) * cls.UNITS[unit]
        if amount != amount.to_integral_value() or amount > cls.LARGEST:
            raise ScalarError(f"{_short(text)} is not a whole number of bytes below 8 EiB")
        return cls(amount)

    @classmethod
    def _cure(cls, text: str, unit: str) -> str:
        if text.startswith("-"):
            return "a size is not negative"
        if _NUMBER.fullmatch(text):
            return f"add a unit: {text}B, {text}MiB, {text}GB"
        letter = unit[:1].upper()
        if letter in {"K", "M", "G", "T"} and unit.upper() in {letter, f"{letter}B", f"{letter}I", f"{letter}IB"}:
            return f"write {letter}B (powers of 1000) or {letter}iB (powers of 1024)"
        return f"write a number and one of the units {', '.join(cls.UNITS)}"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?([KMGT]i?)?B$",
            "description": "a size: a number and one of the units B, KB, MB, GB, TB, KiB, MiB, GiB, TiB",
            "examples": ["512B", "256MiB", "1GB"],
        }

    def __str__(self) -> str:
        for unit in ("TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB", "KB"):
            amount, rest = divmod(int(self), self.UNITS[unit])
            if amount and not rest:
                return f"{amount}{unit}"
        return f"{int(self)}B"


class FileMode(int):
    """Permission bits, written as a quoted octal number: `'0644'`."""

    noun: ClassVar[str] = "a file mode"
    numeric: ClassVar[bool] = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the bits that `text` says.

        Raises:
            ScalarError: not three or four octal digits.
        """
        if not re.fullmatch(r"[0-7]{3,4}", text, re.ASCII):
            raise ScalarError(f"{_short(text)} is not a file mode", hint="write the octal digits in quotes: '0644'")
        return cls(int(text, 8))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {
            "type": "string",
            "pattern": "^[0-7]{3,4}$",
            "description": "permission bits: three or four octal digits, in quotes",
            "examples": ["0644", "0755"],
        }

    def __str__(self) -> str:
        return f"{int(self):04o}"


class Percent(float):
    """A share from 0 to 100, written `5%` or `0.5%`; the value is the number before the sign."""

    noun: ClassVar[str] = "a percentage"
    numeric: ClassVar[bool] = True

    @property
    def fraction(self) -> float:
        """The share from 0 to 1."""
        return float(self) / 100

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the percentage that `text` says.

        Raises:
            ScalarError: no `%`, a sign, or more than 100.
        """
        number = text.removesuffix("%")
        if number == text or not _NUMBER.fullmatch(number):
            cure = f"write {text}%" if _NUMBER.fullmatch(text) else "write a number and %: 5%"
            raise ScalarError(f"{_short(text)} is not a percentage", hint=cure)
        if Decimal(number) > 100:  # noqa: PLR2004 - that is what per cent means
            raise ScalarError(f"{_short(text)} is more than 100%")
        return cls(number)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {
            "type": "string",
            "pattern": r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$",
            "description": "a percentage from 0% to 100%",
            "examples": ["5%", "0.5%", "100%"],
        }

    def __str__(self) -> str:
        return f"{Decimal(repr(float(self))).normalize():f}%"


class SecretRef(Struct, frozen=True, gc=False):
    """Where a secret is to be had: `env:NAME`, `file:PATH`, `cmd:COMMAND`. Never the secret itself.

    `opsctl.config.secrets.resolve` gets the value at the moment it is needed; loading a file never does.

    Args:
        scheme: "env", "file" or "cmd".
        name: what follows the colon.
    """

    scheme: str
    name: str

    noun: ClassVar[str] = "a reference to a secret"
    numeric: ClassVar[bool] = False
    private: ClassVar[bool] = True
    """What stands where a reference belongs is never quoted in a message."""

    LATER: ClassVar[frozenset[str]] = frozenset({"aws-sm", "azure-kv", "gcp-sm", "vault"})
    """Schemes that a later version will know."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that `text` spells.

        Raises:
            ScalarError: it is none. The message never quotes the text: it may be a secret that was pasted.
        """
        scheme, _, name = text.partition(":")
        if scheme in cls.LATER:
            raise ScalarError(f"secrets from '{scheme}:' are not yet known to this version of opsctl", hint=_KNOWN_REFS)
        if scheme not in {"env", "file", "cmd"}:
            raise ScalarError("a secret is given by reference, never by value", hint=_KNOWN_REFS)
        fault = _reference_fault(scheme, name)
        if fault:
            raise ScalarError(f"not a reference to a secret: {fault}", hint=_KNOWN_REFS, offset=len(scheme) + 1)
        return cls(scheme, name)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the spelling."""
        return {
            "type": "string",
            "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]*|(file|cmd):[\s\S]*\S[\s\S]*)$",
            "description": "a reference to a secret: env:NAME, file:PATH or cmd:COMMAND",
            "examples": ["env:DATABASE_URL", "file:secrets/db", "cmd:pass show db"],
        }

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


def unbind(value: Any) -> Any:
    """Return a bound value as what a file would say: dicts, lists, texts, numbers, booleans. The way back of binding.

    References to secrets stay references; fields that are None are left out.
    """
    match value:
        case Node():
            return plain(value)
        case Duration() | Size() | FileMode() | Percent() | SecretRef() | Dynamic():
            return _spelled(value)
        case Struct():
            fields = ((info.encode_name, getattr(value, info.name)) for info in structs.fields(value))
            return {key: unbind(child) for key, child in fields if child is not None}
        case dict():
            return {key: unbind(child) for key, child in value.items()}
        case list() | tuple():
            return [unbind(child) for child in value]
        case _:
            return value


def _spelled(value: Any) -> Any:
    return value.constant if isinstance(value, (Flag, Number)) and value.is_constant else str(value)


_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_QUANTITY = re.compile(rf"(?P<number>{_NUMBER.pattern})(?P<unit>[A-Za-z]+)")
_KNOWN_REFS = "write env:NAME, file:PATH or cmd:COMMAND"


def _reference_fault(scheme: str, name: str) -> str:
    if not name.strip() or "\0" in name:
        return f"nothing follows '{scheme}:'"
    if scheme == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return "env: takes the name of an environment variable"
    if scheme == "cmd":
        try:
            shlex.split(name)
        except ValueError as error:
            return f"the command cannot be split into words ({error})"
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")  # noqa: PLR2004 - a line stays readable
