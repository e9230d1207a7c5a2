"""The text of a YAML file: its encoding, its plain scalars, and what its parser complains about."""

from __future__ import annotations

import re
from typing import Final

import yaml

from opsctl.config.nodes import Origin
from opsctl.errors import ConfigError, Problem

__all__ = ["complaint", "decode", "resolve"]

_ENCODINGS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.2 does not allow (<https://yaml.org/spec/1.2.2/#51-character-set>)."""


def decode(data: bytes, name: str) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it is not UTF-8, starts with a byte order mark, or holds a control character.
    """
    for mark, encoding in _ENCODINGS.items():
        if data.startswith(mark):
            raise ConfigError([Problem(name, 1, 1, f"the file is {encoding}", "save it as UTF-8")])
    if data[:2].count(0) == 1:  # one of two bytes of the first character: UTF-16 without a mark
        raise ConfigError([Problem(name, 1, 1, "the file is UTF-16", "save it as UTF-8")])
    if data.startswith(b"\xef\xbb\xbf"):
        cure = "save it as UTF-8 without one"
        raise ConfigError([Problem(name, 1, 1, "the file starts with a byte order mark", cure)])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        fault = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise ConfigError([_at(name, before, fault, "save the file as UTF-8")]) from error
    if bad := _UNPRINTABLE.search(text):
        what = "a NUL character" if bad[0] == "\0" else f"the control character U+{ord(bad[0]):04X}"
        raise ConfigError([_at(name, text[: bad.start()], f"{what} cannot stand in a text file", "remove it")])
    return text


def _at(name: str, before: str, message: str, hint: str) -> Problem:
    return Problem(name, before.count("\n") + 1, len(before) - before.rfind("\n"), message, hint)


_CONSTANTS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(f"{sign}inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMERIC_START: Final = frozenset("0123456789+-.")
_INT: Final = re.compile(r"[-+]?[0-9]{1,40}")
_RADIX: Final = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def resolve(text: str) -> bool | float | str | None:
    """Return what a plain scalar means by the core schema of YAML 1.2.

    Whole numbers of more than 40 digits come out as floats; no field takes them.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def complaint(error: yaml.YAMLError, name: str, text: str, *, unclosed: Origin | None) -> Problem:
    """Return what the parser says in the words of people who write files, and where.

    The two parsers of PyYAML (libyaml's and the pure one) word the same errors differently.

    Args:
        error: what the parser raised.
        name: of the file.
        text: of the file.
        unclosed: the innermost bracket that was open then.
    """
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(name, 0, 0, f"cannot be read as YAML: {' '.join(str(error).split())}")
    mark, context = error.problem_mark, error.context_mark
    said = error.problem or "the file cannot be read as YAML"
    char = text[mark.index : mark.index + 1] if mark else ""
    if unclosed and mark and not text[mark.index :].strip():
        opening = text.splitlines()[unclosed.line - 1][unclosed.column - 1]
        hint = f"close it with {_CLOSING[opening]}"
        return Problem(name, unclosed.line, unclosed.column, f"the {opening!r} is not closed", hint)
    last = mark.line + 1 if mark else 0
    first = context.line + 1 if context else 0
    for pattern, message, hint, at_context in _COMPLAINTS:
        if re.search(pattern, f"{error.context or ''}: {said}"):
            place = context if at_context and context else mark
            return _problem(name, place, message.format(last=last), hint.format(first=first))
    if char == "\t":
        return _problem(name, mark, "a tab cannot stand here", "indent with spaces")
    if "cannot start any token" in said:
        return _problem(name, mark, f"a plain text cannot begin with {char!r}", "put it in quotes")
    return _problem(name, mark, said, "")


_CLOSING: Final = {"[": "]", "{": "}"}
_INDENT: Final = "keys of one map, and dashes of one list, start in the same column; this one began in line {first}"
_COMPLAINTS: Final = (
    ("tab character", "a tab cannot stand here", "indent with spaces", False),
    (
        "mapping values are not allowed",
        "':' cannot stand here",
        "quote a text that holds ': '; check the indent",
        False,
    ),
    ("unexpected end of stream", "the quote that begins here is not closed", "", True),
    (
        "unknown escape character",
        "this escape is not known",
        "write '\\\\' for a backslash, or use single quotes",
        False,
    ),
    ("flow sequence", "the '[' is not closed: ',' or ']' is missing in line {last}", "", True),
    ("flow mapping", "the '{{' is not closed: ',' or '}}' is missing in line {last}", "", True),
    ("expected ':'", "a key without ':'", "write key: value, with a space after the colon", True),
    ("block (mapping|collection|sequence)", "the indentation is wrong, or something is left over here", _INDENT, False),
    ("document start", "something follows the end of the document", "", False),
    ("node content", "a value is missing here", "close what is open with ] or }}", False),
)


def _problem(name: str, mark: yaml.Mark | None, message: str, hint: str) -> Problem:
    if mark is None:
        return Problem(name, 0, 0, message, hint)
    return Problem(name, mark.line + 1, mark.column + 1, message, hint)
