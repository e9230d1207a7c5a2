"""BuildKit through `docker buildx build`, where the docker command has it.

Values of build arguments go through the environment, except those whose names mean something to the docker command
itself. The image is loaded into the engine
without a tag; its id comes back in a file.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opsctl import process
from opsctl.docker import ignore
from opsctl.docker.engine import Engine
from opsctl.docker.job import Build, Tail, failure
from opsctl.errors import OpsctlError
from opsctl.events import Output, Sink

__all__ = ["argv", "available", "run"]

GRACE_SECONDS = 10.0
"""How long a cancelled build may take to tell BuildKit."""

_BY_ADDRESS = "default"
"""How buildx calls the engine of DOCKER_HOST; that of a docker context has the context's name."""

_PLACE = re.compile(r"(\S+):(\d+)")
_STEP = re.compile(r" > \[[^\]]*\] (.*?):?")
_ERROR = re.compile(r"ERROR: (.*)")
_NOISE = re.compile(
    r"(?:failed to build: |failed to solve(?: with frontend \S+)?: |rpc error: code = \w+ desc = "
    r"|failed to create LLB definition: )+"
)


_READ_BY_THE_COMMAND: Final = re.compile(
    r"PATH|HOME|USER|SHELL|TERM|TZ|LANG|NO_COLOR|TMPDIR|SOURCE_DATE_EPOCH|(?i:[a-z]+_PROXY)"
    r"|(?:AWS|AZURE|BUILDKIT|BUILDX|CLOUDSDK|COMPOSE|DOCKER|EXPERIMENTAL|GLIBC|GO|GOOGLE|LC|LD|MALLOC|OTEL|SSH|SSL|XDG)_.*"
    r"|GODEBUG|GOTRACEBACK|GOMAXPROCS|GOMEMLIMIT|GOGC|GCONV_PATH|LOCPATH|NLSPATH|RES_OPTIONS|LOCALDOMAIN|HOSTALIASES"
)
"""Variables by which docker, buildx, credential helpers, the Go runtime and the loader are told what to do."""


def available() -> bool:
    """Whether the docker command has buildx."""
    if process.which("docker") is None:
        return False
    return process.run(["docker", "buildx", "version"], ok=None).code == 0


def argv(build: Build, file: Path, id_file: Path, *, builder: str) -> list[str]:
    """Return the command line; it holds names of arguments, and values only of those that the environment cannot take.

    A build argument is no secret: it stays in the history of the image.

    Args:
        build: what to build.
        file: the Dockerfile.
        id_file: where the id of the image is written.
        builder: name under which buildx knows the engine; others may be current, and build elsewhere.
    """
    words = ["docker", "buildx", "build", "--builder", builder, "--load", "--progress", "plain"]
    words += ["--iidfile", str(id_file), "--file", str(file)]
    words += [f"--label={name}={value}" for name, value in build.labels.items()]
    words += [
        f"--build-arg={name}" if _by_environment(name) else f"--build-arg={name}={build.args[name]}"
        for name in build.args
    ]
    words += ["--target", build.target] if build.target else []
    words += ["--pull"] if build.pull else []
    words += [] if build.cached else ["--no-cache"]
    return [*words, "--", str(build.context.root)]


def run(build: Build, engine: Engine, sink: Sink) -> str:
    """Build and return the id of the image, which has no tag yet.

    Raises:
        BuildFailedError: an instruction failed.
        InterruptedRunError: the engine was cancelled.
    """
    with tempfile.TemporaryDirectory(prefix="opsctl-") as directory:
        file, id_file = labelled(build, Path(directory)), Path(directory) / "id"
        words = argv(build, file, id_file, builder=engine.context or _BY_ADDRESS)
        given = {name: value for name, value in build.args.items() if _by_environment(name)}
        child = process.spawn(words, env={**os.environ, **given, **engine.environment()})
        tail = Tail()
        with _ended(child), engine.cancels(lambda: _stop(child)):
            for line in _lines(child):
                tail.add(line)
                sink(Output(build.span, line))
            code = child.wait()
        if code != 0:
            raise _failure(build, tail.lines)
        return id_file.read_text("utf-8").strip()


def labelled(build: Build, directory: Path) -> Path:
    """Write a copy of the Dockerfile in which the mark is the last step of the target, and its ignore file.

    A label given by `--label` leaves no step, and then an image built on this one could not be told from it.
    """
    original = build.context.dockerfile
    lines = original.read_bytes().removesuffix(b"\n").split(b"\n")
    end = build.dockerfile.stage_end(build.target) or len(lines) + 1
    lines.insert(end - 1, f"LABEL {build.mark}".encode())
    copy = directory / original.name
    copy.write_bytes(b"\n".join([*lines, b""]))
    ignored_by = ignore.find(build.context.root, original)
    if ignored_by:
        shutil.copyfile(ignored_by, directory / f"{original.name}{ignore.NAME}")
    return copy


def _by_environment(name: str) -> bool:
    return _READ_BY_THE_COMMAND.fullmatch(name) is None


def _stop(child: process.Child) -> None:
    """End the build without waiting for that, so that whoever cancels can go on."""
    options = {"grace": GRACE_SECONDS, "number": signal.SIGINT}
    threading.Thread(target=process.terminate, args=(child,), kwargs=options, daemon=True).start()


@contextlib.contextmanager
def _ended(child: process.Child) -> Iterator[None]:
    """Leave no child behind, whatever happens to the block."""
    try:
        yield
    finally:
        process.terminate(child, grace=GRACE_SECONDS, number=signal.SIGINT)
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()


def _lines(child: process.Child) -> Iterator[str]:
    if child.stderr is None:
        return
    for raw in child.stderr:
        yield raw.decode("utf-8", "replace").rstrip("\r\n")


def _failure(build: Build, tail: tuple[str, ...]) -> OpsctlError:
    """Find the instruction, its line and the reason in the last lines.

    They hold ` > [stage 3/4] RUN false:`, with newer BuildKits also `Dockerfile:3`, and at the end `ERROR: ...`.
    """
    steps = [match[1] for match in map(_STEP.fullmatch, tail) if match]
    reasons = [match[1] for match in map(_ERROR.fullmatch, tail) if match]
    places = [match for match in map(_PLACE.fullmatch, tail) if match and match[1] == build.context.dockerfile.name]
    step = steps[-1] if steps else ""
    line = int(places[-1][2]) if places else build.dockerfile.find(step)
    text = _NOISE.sub("", reasons[-1]) if reasons else "docker buildx build failed"
    return failure(build, text, line=line, instruction=step, tail=tail)
