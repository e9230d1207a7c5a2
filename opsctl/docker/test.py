"""Test a built image: run commands in it, look at its files and settings, ask it over HTTP.

A check that does not hold is a result, not an exception; what keeps a check from being made (the engine goes
away, the image is not there) is one. Every container is removed, also when the run is cancelled; those of a run
that was killed are removed by the next one (`reaper`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from opsctl.config.models import TestCheck
from opsctl.docker import probe, reaper
from opsctl.docker.engine import Engine
from opsctl.docker.model import ContainerSpec, ImageInfo, PortBinding
from opsctl.docker.probe import Finding, Site
from opsctl.docker.spans import span
from opsctl.errors import StepFailedError, UsageError
from opsctl.events import Message, Sink, discard
from opsctl.junit import Case, Suite
from opsctl.words import counted

__all__ = ["CheckResult", "TestRequest", "TestResult", "run", "suite"]

Kind = Literal["run", "file", "http", "metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """What to test.

    Args:
        image: reference or id.
        checks: made in this order; all of them, also after one that fails.
        port: port in the container for HTTP checks that name none, None for the only one the image exposes.
        env: plain settings of the containers.
        secrets: settings whose values must not be shown.
        name: what is tested, for people; the image by default.
        parent: piece of work that this one belongs to.
    """

    __test__: ClassVar[bool] = False  # pytest would take the class for a test

    image: str
    checks: Sequence[TestCheck]
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check.

    Args:
        name: as given, or made from the check; unique in its test.
        kind: which kind of check.
        passed: it holds.
        seconds: wall time.
        message: why it does not hold, one line.
        output: last lines that the container printed, of a check that does not hold.
    """

    name: str
    kind: Kind
    passed: bool
    seconds: float
    message: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of a test.

    Args:
        image: as it was asked for.
        image_id: "sha256:..." of what was tested.
        checks: in the order of the request.
        started: seconds since the epoch.
    """

    __test__: ClassVar[bool] = False

    image: str
    image_id: str
    checks: tuple[CheckResult, ...]
    started: float

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)

    def require(self) -> None:
        """Go on only if every check holds.

        Raises:
            StepFailedError: some do not.
        """
        if not self.failed:
            return
        first, more = self.failed[0], len(self.failed) - 1
        others = f" (and {more} more)" if more else ""
        raise StepFailedError(f"image {self.image}: {first.name}: {first.message}{others}")


def run(request: TestRequest, engine: Engine, sink: Sink = discard) -> TestResult:
    """Make the checks.

    Raises:
        NotFoundError: the image is not in the engine.
        UsageError: a check cannot be made of this image (no port, a path that is not absolute).
        InterruptedRunError: the engine was cancelled.
    """
    image = engine.images.inspect(request.image)
    started = time.time()
    name = request.name or request.image
    work = f"test:{name}"
    with span(sink, work, f"test {name}", parent=request.parent) as outcome, contextlib.ExitStack() as stack:
        for left in reaper.reap(engine):
            sink(Message(work, f"removed {left}, which a killed test had left", level="debug"))
        bench = _Bench(request, image, engine, stack)
        named = zip(names(request.checks), request.checks, strict=True)
        checks = tuple(_checked(one, bench, sink, work=work) for one in named)
        failed = sum(not check.passed for check in checks)
        outcome.status = "failed" if failed else "ok"
        outcome.detail = f"{failed} of {len(checks)} checks failed" if failed else counted(len(checks), "check")
    return TestResult(request.image, image.id, checks, started)


def suite(result: TestResult) -> Suite:
    """Return a test as a suite for JUnit XML."""
    cases = [
        Case(
            check.name,
            check.seconds,
            "passed" if check.passed else "failed",
            check.message,
            "\n".join(check.output),
        )
        for check in result.checks
    ]
    return Suite(result.image, cases, result.started)


def names(checks: Sequence[TestCheck]) -> list[str]:
    """Return the name of each check: the given one or one made from it, with a number where it came before."""
    used: dict[str, int] = {}
    unique = []
    for check in checks:
        name = check.name or _title(check)
        used[name] = used.get(name, 0) + 1
        unique.append(name if used[name] == 1 else f"{name} ({used[name]})")
    return unique


def _title(check: TestCheck) -> str:
    match check:
        case TestCheck(run=str(script)):
            first, *more = script.strip().splitlines() or [""]
            return f"run {first} ..." if more else f"run {first}"
        case TestCheck(run=list(argv)):
            return f"run {' '.join(argv)}"
        case TestCheck(file=file) if file:
            return f"file {file.path}" if file.exists else f"no file {file.path}"
        case TestCheck(http=http) if http:
            return f"http {http.path} {http.status}"
        case _:
            return "metadata"


def _checked(named: tuple[str, TestCheck], bench: _Bench, sink: Sink, *, work: str) -> CheckResult:
    name, check = named
    begin = time.monotonic()
    own = f"{work}/{name}"
    with span(sink, own, name, parent=work) as outcome:
        kind, finding = _make(check, bench, sink, own)
        outcome.status, outcome.detail = ("ok", "") if finding.passed else ("failed", finding.message)
    return CheckResult(name, kind, finding.passed, time.monotonic() - begin, finding.message, finding.output)


def _make(check: TestCheck, bench: _Bench, sink: Sink, own: str) -> tuple[Kind, Finding]:
    if check.run is not None:
        with bench.container(_command(check.run), seconds=check.timeout) as container:
            return "run", probe.run_command(bench.engine, container, sink, timeout=check.timeout, span=own)
    if check.file is not None:
        _refuse_relative(check.file.path)
        return "file", probe.check_file(bench.engine, bench.still(), check.file)
    if check.http is not None:
        return "http", probe.check_http(bench.engine, bench.site(check.http.port), check.http)
    if check.metadata is not None:
        return "metadata", probe.check_metadata(bench.image, check.metadata)
    raise UsageError("a check has exactly one of run, file, http, metadata")


def _command(command: str | list[str]) -> list[str]:
    return ["/bin/sh", "-c", command] if isinstance(command, str) else command


def _refuse_relative(path: str) -> None:
    if not path.startswith("/"):
        raise UsageError(f"file check: {path!r} is not absolute", hint=f"write /{path}")


class _Bench:
    """The containers of one test, made when they are first needed."""

    def __init__(self, request: TestRequest, image: ImageInfo, engine: Engine, stack: contextlib.ExitStack) -> None:
        self.image = image
        self.engine = engine
        self._request = request
        self._stack = stack
        self._still = ""
        self._sites: dict[int, Site] = {}

    def still(self) -> str:
        """Return a container that is never started, for looking at files."""
        if not self._still:
            # An image without a command cannot be created without one.
            self._still = self._stack.enter_context(self.container(["-"], seconds=_FILES_SECONDS))
        return self._still

    def site(self, port: int | None) -> Site:
        """Return a started container of the image's own command, reachable at that port."""
        inside = port or self._request.port or self._only_port()
        if inside not in self._sites:
            self._sites[inside] = self._stack.enter_context(self._serving(inside))
        return self._sites[inside]

    @contextlib.contextmanager
    def container(
        self, command: Sequence[str] | None, *, seconds: float, ports: Sequence[PortBinding] = ()
    ) -> Iterator[str]:
        """Create a container and remove it at the end.

        Args:
            command: argv in place of the image's entry point and command, None for these.
            seconds: how long it is needed at most.
            ports: what is reachable.
        """
        spec = ContainerSpec(
            image=self.image.id,
            entrypoint=None if command is None else [],
            command=command or (),
            env=self._request.env,
            secrets=self._request.secrets,
            labels=reaper.labels(self.engine, seconds=seconds),
            ports=ports,
        )
        container = self.engine.containers.create(spec)
        try:
            yield container
        finally:
            self.engine.containers.remove(container)

    @contextlib.contextmanager
    def _serving(self, port: int) -> Iterator[Site]:
        seconds = sum(check.http.within for check in self._request.checks if check.http)
        address, host = probe.reachable(self.engine.url)
        binding = PortBinding(port, address=address)
        with self.container(None, seconds=seconds + _FILES_SECONDS, ports=[binding]) as container:
            begin = time.monotonic()
            self.engine.containers.start(container)
            yield Site(container, port, host, begin)

    def _only_port(self) -> int:
        ports = [int(port.partition("/")[0]) for port in self.image.exposed if port.endswith("/tcp")]
        if len(ports) == 1:
            return ports[0]
        shown = ", ".join(map(str, ports)) or "none"
        raise UsageError(
            f"image {self._request.image}: http checks need a port, the image exposes {shown}",
            hint="add port: to the check or to the service",
        )


_FILES_SECONDS = 300.0
"""How long looking at files may take before a later run takes the container for a left one."""
