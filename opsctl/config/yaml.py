"""YAML files as trees of nodes with the place of every value.

Reads one document from the parser's events, without recursion, and resolves scalars by the YAML 1.2 core schema
(<https://yaml.org/spec/1.2.2/#103-core-schema>): `on`, `NO`, `12:30` and `2024-01-01` are texts, `0o17` is 15. What
is dangerous or ambiguous is refused: duplicate keys, keys that are not texts, tags, merge keys, a second document,
byte order marks, and aliases that expand without bounds. Must not know any model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import yaml

from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode, SequenceNode
from opsctl.config.yamltext import complaint, decode, resolve
from opsctl.errors import ConfigError, Problem

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Source", "dump", "load", "read", "resolve"]

MAX_BYTES: Final = 1024 * 1024
"""A pipeline of several thousand steps; nothing that people keep by hand is larger, and it is read in seconds."""

MAX_DEPTH: Final = 64
"""Levels of nesting. The deepest field of a model is at ten; whatever walks a tree stays far from the recursion
limit."""

MAX_NODES: Final = 100_000
"""Values after aliases are expanded: ten for each line of a file of 10,000 lines."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Source(msgspec.Struct, frozen=True):
    """A file that could be read.

    Args:
        name: path as the user gave it.
        root: its tree.
        problems: what is wrong with its YAML; the binder reports it together with the rest.
    """

    name: str
    root: Node
    problems: tuple[Problem, ...] = ()


def read(path: Path, *, name: str = "") -> Source:
    """Read a YAML file.

    Args:
        path: the file.
        name: what messages call it, `path` by default.

    Raises:
        ConfigError: it cannot be read, or is not one YAML document.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Problem(name, 0, 0, "there is no such file")]) from None
    except IsADirectoryError:
        raise ConfigError([Problem(name, 0, 0, "is a directory, not a file")]) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise ConfigError([Problem(name, 0, 0, f"cannot be read: {reason}")]) from error
    return load(data, name=name)


def load(data: bytes, *, name: str) -> Source:
    """Parse one YAML document.

    Args:
        data: the bytes of the file.
        name: what messages call it.

    Raises:
        ConfigError: it is not one YAML document, or larger or deeper than anything people write.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(name, 0, 0, f"is larger than {MAX_BYTES // 1024} KiB", "split it")])
    text = decode(data, name)
    composer = _Composer(name, text)
    try:
        composer.compose(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        composer.fail(complaint(error, name, text, unclosed=composer.unclosed()))
    if composer.root is None or _is_nothing(composer.root):
        composer.fail(Problem(name, 0, 0, "is empty", "a file starts with: opsctl: 1"))
    return Source(name, composer.root, tuple(composer.problems))


def dump(value: Any) -> str:
    """Return plain values (dicts, lists, texts, numbers, booleans, None) as YAML that `load` reads back as the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 or YAML 1.1 would take for something else than a text."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(resolve(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and not node.text and not node.quoted


class _Anchor(msgspec.Struct):
    """What an anchor stands for: None while the value is still being read."""

    node: Node | None = None
    nodes: int = 0
    height: int = 0


class _Frame(msgspec.Struct):
    """A collection that is being read.

    Args:
        origin: where it starts.
        before: nodes read before it.
        anchor: name of its anchor, or "".
        is_key: it stands where a key belongs.
        height: levels below it so far.
        awaits_value: of a map: a key has been read.
        key: of a map: the key whose value comes next; None when the value is to be dropped.
    """

    origin: Origin
    before: int
    anchor: str
    is_key: bool
    entries: list[Node] | None = None
    items: dict[str, Node] = {}
    keys: dict[str, Origin] = {}
    height: int = 0
    awaits_value: bool = False
    key: str | None = None

    def close(self) -> Node:
        if self.entries is not None:
            return SequenceNode(self.origin, self.entries)
        return MappingNode(self.origin, self.items, self.keys)


class _Composer:
    """Builds the tree from events with a stack of its own."""

    def __init__(self, name: str, text: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._name = name
        self._text = text
        self._lines: list[str] | None = None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._documents = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.DocumentStartEvent: self._document,
        }

    def compose(self, events: Iterator[Any]) -> None:
        for event in events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)

    def unclosed(self) -> Origin | None:
        """Return where the innermost `[` or `{` is that has not been closed yet."""
        lines = self._text.splitlines()
        for frame in reversed(self._stack):
            if lines[frame.origin.line - 1][frame.origin.column - 1 :][:1] in {"[", "{"}:
                return frame.origin
        return None

    def fail(self, problem: Problem) -> NoReturn:
        raise ConfigError([*self.problems, problem])

    def _problem(self, origin: Origin, message: str, hint: str = "") -> Problem:
        return Problem(self._name, origin.line, origin.column, message, hint)

    def _report(self, origin: Origin, message: str, hint: str = "") -> None:
        self.problems.append(self._problem(origin, message, hint))

    def _origin(self, mark: Any) -> Origin:
        return Origin(self._name, mark.line + 1, mark.column + 1)

    def _document(self, event: Any) -> None:
        origin = self._origin(event.start_mark)
        self._documents += 1
        if self._documents > 1:
            self.fail(self._problem(origin, "a second document begins here", "one file holds one document: remove ---"))
        if event.version not in {None, (1, 2)}:
            self._report(origin, "the file asks for another version of YAML", "remove %YAML: files are YAML 1.2")

    def _count(self, origin: Origin, nodes: int, height: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            more = f"the file has more than {MAX_NODES:,} values once its aliases are expanded"
            self.fail(self._problem(origin, more, "repeat less by alias (*name)"))
        if len(self._stack) + height > MAX_DEPTH:
            self.fail(self._problem(origin, f"nested deeper than {MAX_DEPTH} levels"))

    def _at_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and frame.entries is None and not frame.awaits_value

    def _scalar(self, event: Any) -> None:
        origin = self._origin(event.start_mark)
        self._count(origin, 1, 1)
        node = self._scalar_node(event, origin)
        self._remember(event.anchor, node, 1, 1)
        if self._at_key():
            self._key(node)
        else:
            self._attach(node, 1)

    def _scalar_node(self, event: Any, origin: Origin) -> ScalarNode:
        text: str = event.value
        if event.tag is not None:
            self._refuse_tag(event.tag, origin)
        if "\0" in text:
            self._report(origin, "the text holds a NUL character", "remove \\0; no tool can take it")
        quoted = bool(event.style)
        value = text if quoted else resolve(text)
        return ScalarNode(origin, value, text, quoted, self._first(event, origin))

    def _first(self, event: Any, origin: Origin) -> Origin | None:
        """Return where the text begins, if the file holds it character by character."""
        start, end = event.start_mark, event.end_mark
        if event.style == "|":
            return self._first_of_block(start.line + 1)
        lead = 1 if event.style else 0
        verbatim = start.line == end.line and end.column - start.column == len(event.value) + 2 * lead
        if not verbatim:
            return None
        return Origin(self._name, origin.line, origin.column + 1) if lead else origin

    def _first_of_block(self, line: int) -> Origin | None:
        if self._lines is None:
            self._lines = self._text.splitlines()
        for content in self._lines[line:]:
            if content.strip():
                return Origin(self._name, line + 1, len(content) - len(content.lstrip(" ")) + 1)
        return None

    def _refuse_tag(self, tag: str, origin: Origin) -> None:
        short = tag.replace("tag:yaml.org,2002:", "!!")
        self._report(origin, f"tags like {short!r} are not allowed", "remove the tag; quote what is a text")

    def _open(self, event: Any) -> None:
        origin = self._origin(event.start_mark)
        self._count(origin, 1, 1)
        if event.tag is not None:
            self._refuse_tag(event.tag, origin)
        entries: list[Node] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
        if event.anchor:
            self._anchors[event.anchor] = _Anchor()
        self._stack.append(_Frame(origin, self._nodes - 1, event.anchor or "", self._at_key(), entries))

    def _close(self, _event: Any) -> None:
        frame = self._stack.pop()
        node = frame.close()
        height = frame.height + 1
        self._remember(frame.anchor, node, self._nodes - frame.before, height)
        if frame.is_key:
            self._refuse_key(frame.origin)
        else:
            self._attach(node, height)

    def _remember(self, name: str | None, node: Node, nodes: int, height: int) -> None:
        if name:
            self._anchors[name] = _Anchor(node, nodes, height)

    def _alias(self, event: Any) -> None:
        origin = self._origin(event.start_mark)
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            self.fail(self._problem(origin, f"there is no anchor '&{event.anchor}' above", "define it before its use"))
        if anchor.node is None:
            self.fail(self._problem(origin, f"'*{event.anchor}' contains itself"))
        self._count(origin, anchor.nodes, anchor.height)
        if not self._at_key():
            self._attach(anchor.node, anchor.height)
        elif isinstance(anchor.node, ScalarNode):
            self._key(anchor.node, origin)
        else:
            self._refuse_key(origin)

    def _attach(self, node: Node, height: int) -> None:
        """Put a value where it belongs: into its list, under its key, or at the top."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height)
        if frame.entries is not None:
            frame.entries.append(node)
            return
        frame.awaits_value = False
        if frame.key is not None:
            frame.items[frame.key] = node

    def _key(self, node: ScalarNode, origin: Origin | None = None) -> None:
        frame = self._stack[-1]
        origin = origin or node.origin
        frame.awaits_value = True
        frame.key = None
        if node.text == "<<" and not node.quoted:
            self._report(
                origin, "merge keys ('<<') are not part of YAML 1.2", "repeat the keys, or alias the whole map"
            )
        elif node.text in frame.keys:
            first = frame.keys[node.text]
            self._report(origin, f"duplicate key '{node.text}'", f"the first is in line {first.line}")
        else:
            if not isinstance(node.value, str):
                self._report(origin, f"the key {node.text or 'null'} is not a text", f"quote it: '{node.text}'")
            frame.key = node.text
            frame.keys[node.text] = origin

    def _refuse_key(self, origin: Origin) -> None:
        self._stack[-1].awaits_value = True
        self._stack[-1].key = None
        self._report(origin, "a key is a text, not a list or a map", "quote what begins with [ or {")
