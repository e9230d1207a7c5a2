"""What the worker and the run say to each other: one request, then messages, as lines of JSON.

The run gives the worker a `Request` on its standard input. The worker answers on its standard output with any number of
`Told` and `Hide`, and one `Done` or `Failed` at the end.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opsctl.config.binder import Binder
from opsctl.config.expressions import OPENING
from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode, SequenceNode
from opsctl.config.scalars import unbind
from opsctl.config.yaml import Source
from opsctl.errors import ConfigError, OpsctlError, Problem, StepFailedError
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted
from opsctl.pipeline.evaluation import evaluate
from opsctl.pipeline.kinds import OutputValue, WorkResult
from opsctl.pipeline.texts import readable

__all__ = [
    "Done",
    "Failed",
    "Hide",
    "Request",
    "Told",
    "decode_message",
    "decode_options",
    "decode_request",
    "encode",
    "encode_options",
    "encode_request",
    "failed",
    "problem_of",
    "told",
]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one step.

    Args:
        kind: of the step.
        options: what `encode_options` made.
        step: id.
        run_id: of the run.
        root: absolute directory of the project.
        project_file: absolute path, None where there is none.
        overrides: `--set` flags.
    """

    kind: str
    options: Any
    step: str
    run_id: str
    root: str
    project_file: str | None
    overrides: tuple[str, ...]


class Told(msgspec.Struct, frozen=True, tag="event", tag_field="say"):
    """An event.

    Args:
        name: of its class.
        fields: by name.
    """

    name: str
    fields: dict[str, Any]

    def event(self) -> Event:
        """Return the event."""
        return _EVENTS[self.name](**self.fields)


class Hide(msgspec.Struct, frozen=True, tag="hide", tag_field="say"):
    """A secret that must not be shown from now on."""

    value: str


class Done(msgspec.Struct, frozen=True, tag="done", tag_field="say"):
    """The work is done."""

    outputs: dict[str, OutputValue]
    detail: str
    changed: bool

    @property
    def result(self) -> WorkResult:
        """The same as the kind returned it."""
        return WorkResult(self.outputs, self.detail, self.changed)


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed", tag_field="say"):
    """The work failed.

    Args:
        message: one line.
        hint: one line, or "".
        exit_code: of the error.
        file: what the failure points to, "" for the step.
        line: from 1, 0 for none.
    """

    message: str
    hint: str
    exit_code: int
    file: str = ""
    line: int = 0


_EVENTS: Final[Mapping[str, type[Event]]] = {
    cls.__name__: cls for cls in (SpanStarted, SpanFinished, Output, Message, Progress)
}
_NOWHERE: Final = Origin("options")
_encoder = msgspec.json.Encoder()
_messages = msgspec.json.Decoder(Told | Hide | Done | Failed)
_requests = msgspec.json.Decoder(Request)


def encode(message: Told | Hide | Done | Failed) -> bytes:
    """Return a message as one line; what is not Unicode in it is made readable."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(_readable(msgspec.to_builtins(message))) + b"\n"


def encode_request(request: Request) -> bytes:
    """Return a request.

    Raises:
        StepFailedError: a value is not Unicode, so it cannot be handed on as it is.
    """
    try:
        return _encoder.encode(request)
    except UnicodeEncodeError as error:
        raise StepFailedError("a value of the step is not UTF-8 text", hint="rename the file or input") from error


def _readable(value: Any) -> Any:
    match value:
        case str():
            return readable(value)
        case dict():
            return {key: _readable(item) for key, item in value.items()}
        case _:
            return value


def decode_message(line: bytes) -> Told | Hide | Done | Failed:
    """Return what the worker said.

    Raises:
        msgspec.MsgspecError: it is none of the messages.
    """
    message: Told | Hide | Done | Failed = _messages.decode(line)
    return message


def decode_request(data: bytes) -> Request:
    """Return what the run asks for."""
    return _requests.decode(data)


def told(event: Event) -> Told:
    """Return an event as a message."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return Told(type(event).__name__, fields)


def failed(error: OpsctlError) -> Failed:
    """Return an error as a message; errors that point into a file keep the place."""
    place = problem_of(error)
    return Failed(message=place.message, hint=error.hint, exit_code=error.exit_code, file=place.file, line=place.line)


def problem_of(error: OpsctlError) -> Problem:
    """Return what an error says, and the place in a file that it points to, if it does."""
    if not isinstance(error, ConfigError):
        file, line = str(getattr(error, "file", "")), int(getattr(error, "line", 0))
        return Problem(file, line, 0, error.message, error.hint)
    first, more = error.problems[0], len(error.problems) - 1
    return dataclasses.replace(first, message=f"{first.message} (and {more} more)") if more else first


def encode_options(options: Any) -> Any:
    """Return evaluated options as plain values."""
    return _escaped(unbind(options))


def decode_options(values: Any, model: Any) -> Any:
    """Return options from plain values."""
    node = _node(values)
    binder = Binder(Source("options", node))
    options = binder.bind(node, model)
    binder.finish()
    return evaluate(options, {})


def _escaped(value: Any) -> Any:
    """Return values in which `${{` means nothing any more: it came out of an expression.

    `${{ '${{' }}` is how the expression language spells it.
    """
    match value:
        case str():
            return value.replace(OPENING, f"{OPENING} '{OPENING}' }}}}")
        case dict():
            return {key: _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
        case _:
            return value


def _node(value: Any) -> Node:
    """Return plain values as the tree of a file would hold them: the way back of `plain`."""
    match value:
        case dict():
            return MappingNode(
                _NOWHERE, {key: _node(item) for key, item in value.items()}, dict.fromkeys(value, _NOWHERE)
            )
        case list():
            return SequenceNode(_NOWHERE, [_node(item) for item in value])
        case str():
            return ScalarNode(_NOWHERE, value, value, quoted=True)
        case _:
            return ScalarNode(_NOWHERE, value, json.dumps(value), quoted=False)
