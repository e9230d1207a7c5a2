"""The builder inside every engine: the context goes up as a tar stream, the log comes back as JSON messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from opsctl.docker import progress
from opsctl.docker.engine import Engine
from opsctl.docker.job import BUILDX_HINT, Build, Tail, failure
from opsctl.docker.progress import Lines
from opsctl.errors import MissingToolError, OpsctlError, TransientError, UsageError
from opsctl.events import Output, Progress, Sink

__all__ = ["run"]

Stream = Literal["stdout", "stderr"]

_STEP = re.compile(r"Step (\d+)/\d+ : (.*)")
_RED, _PLAIN = "\x1b[91m", "\x1b[0m"


def run(build: Build, engine: Engine, sink: Sink) -> str:
    """Build and return the id of the image, which has no tag yet.

    Raises:
        BuildFailedError: an instruction failed.
        MissingToolError: the Dockerfile needs BuildKit.
        ConfigError: the Dockerfile cannot be parsed.
    """
    refused = build.dockerfile.needs_buildkit()
    if refused:
        line, name = refused
        raise MissingToolError(f"{build.context.dockerfile}:{line}: {name} needs BuildKit", hint=BUILDX_HINT)
    log = _Log(build, sink)
    try:
        _stream(build, engine, log)
    except UsageError as error:  # refused before the first step
        raise log.failure(error.message.removeprefix(f"{_SUBJECT}: ")) from error
    if not log.image:
        raise TransientError(f"{_SUBJECT}: the engine at {engine.url} ended it without an image")
    return log.image


_SUBJECT = "build"


def _stream(build: Build, engine: Engine, log: _Log) -> None:
    # The engine makes one last step of all labels.
    labels = {**build.labels, **dict([build.mark.split("=", 1)])}
    sent = _reported(build, engine, log.sink)
    with engine.stream(
        _SUBJECT,
        lambda api: api.build(
            fileobj=sent,  # type: ignore[arg-type]  # sent as it is, so an iterator does
            custom_context=True,
            dockerfile=build.context.inside,
            buildargs=dict(build.args),  # the SDK writes proxy settings into it
            labels=labels,
            target=build.target,
            nocache=not build.cached,
            rm=True,
            forcerm=True,
            decode=True,
        ),
    ) as notes:
        for note in notes:
            log.take(note)


def _reported(build: Build, engine: Engine, sink: Sink) -> Iterator[bytes]:
    """Yield the context, and say how much of it has gone."""
    done = 0
    for chunk in build.context.stream():
        engine.refuse_cancelled()
        yield chunk
        done += len(chunk)
        if len(chunk) >= _WORTH_TELLING:
            sink(Progress(build.span, min(done, build.context.size), build.context.size))


_WORTH_TELLING = 1 << 16


@dataclass(slots=True)
class _Log:
    """What the engine says while it builds."""

    build: Build
    sink: Sink
    image: str = ""
    step: int = 0
    instruction: str = ""
    lines: Mapping[Stream, Lines] = field(default_factory=lambda: {"stdout": Lines(), "stderr": Lines()})
    tail: Tail = field(default_factory=Tail)

    def take(self, note: Mapping[str, object]) -> None:
        failed = progress.error_text(note)
        if failed:
            raise self.failure(failed)
        aux = note.get("aux")
        if isinstance(aux, Mapping) and "ID" in aux:
            self.image = str(aux["ID"])
        text, stream = _unpainted(str(note.get("stream") or ""))
        for line in self.lines[stream].feed(text):
            self._line(line, stream)

    def failure(self, text: str) -> OpsctlError:
        """Say what failed, and where in the Dockerfile."""
        line = self.build.dockerfile.line(self.step)
        return failure(self.build, text, line=line, instruction=self.instruction, tail=self.tail.lines)

    def _line(self, line: str, stream: Stream) -> None:
        if match := _STEP.fullmatch(line):
            self.step, self.instruction = int(match[1]), match[2]
        self.tail.add(line)
        self.sink(Output(self.build.span, line, stream))


def _unpainted(text: str) -> tuple[str, Stream]:
    """Take off the red in which the engine wraps what a command writes to standard error."""
    if not text.startswith(_RED):
        return text, "stdout"
    return text.removeprefix(_RED).removesuffix(_PLAIN), "stderr"
