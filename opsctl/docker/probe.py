"""The four kinds of checks of an image, each on the container or image that is given to it."""

from __future__ import annotations

import http.client
import tarfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from opsctl.config.models import FileCheck, HttpCheck, MetadataCheck
from opsctl.docker.engine import Engine
from opsctl.docker.model import ContainerState, ImageInfo, PathStat
from opsctl.errors import NotFoundError, StepFailedError, TransientError, UsageError
from opsctl.events import Output, Sink

__all__ = ["Finding", "Site", "check_file", "check_http", "check_metadata", "reachable", "run_command"]

TAIL_LINES = 50
"""Lines of a container's log that go with a check that does not hold."""

POLL_SECONDS = 0.1
ATTEMPT_SECONDS = 5.0
CHUNK = 1 << 16
BODY_BYTES = 1 << 20
"""How much of a body is searched."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        passed: it holds.
        message: why it does not, one line.
        output: last lines that the container printed.
    """

    passed: bool
    message: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A started container that answers over HTTP.

    Args:
        container: its id.
        port: in the container.
        host: where its published port is reached.
        begin: when it was started, on this process's monotonic clock.
    """

    container: str
    port: int
    host: str
    begin: float


def run_command(engine: Engine, container: str, sink: Sink, *, timeout: float, span: str) -> Finding:
    """Start a container and hold it to exit code 0.

    Args:
        engine: where it is.
        container: created with the command.
        sink: told every line.
        timeout: seconds; then it is killed.
        span: piece of work that the lines belong to.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        engine.containers.start(container)
        for line in engine.containers.logs(container, follow=True, timeout=timeout):
            tail.append(line)
            sink(Output(span, line))
        engine.containers.wait(container, timeout=ATTEMPT_SECONDS)
    except StepFailedError as error:
        return Finding(False, error.message)
    except TransientError:
        if not engine.containers.inspect(container).running:
            raise
        engine.containers.kill(container)
        return Finding(False, f"no end after {timeout:g} s", tuple(tail))
    state = engine.containers.inspect(container)
    return Finding(True) if state.exit_code == 0 else Finding(False, _ended(state), tuple(tail))


def check_file(engine: Engine, container: str, check: FileCheck) -> Finding:
    """Look at a path of a container, which may never have been started; links are followed."""
    try:
        found = engine.containers.stat(container, check.path)
    except NotFoundError:
        return Finding(not check.exists, f"{check.path} is not there" if check.exists else "")
    if not check.exists:
        return Finding(False, f"{check.path} is there")
    path = found.target or check.path
    if found.target:
        try:
            found = engine.containers.stat(container, path)
        except NotFoundError:
            return Finding(False, f"{check.path} leads to {path}, which is not there")
    wrong = _wrong_mode(check, found) or _wrong_content(engine, container, path, check, found)
    return Finding(not wrong, wrong)


def check_http(engine: Engine, site: Site, check: HttpCheck) -> Finding:
    """Ask until the answer is the expected one, the deadline has passed, or the container has ended."""
    deadline = site.begin + check.within
    while True:
        engine.refuse_cancelled()
        state = engine.containers.inspect(site.container)
        if not state.running:
            return Finding(False, _ended(state), _tail(engine, site))
        left = deadline - time.monotonic()
        wrong = _ask(state, site, check, timeout=min(ATTEMPT_SECONDS, max(left, POLL_SECONDS)))
        if not wrong:
            return Finding(True)
        if left <= 0:
            return Finding(False, f"{check.path}: {wrong}, for {check.within:g} s", _tail(engine, site))
        time.sleep(min(POLL_SECONDS, left))


def check_metadata(image: ImageInfo, check: MetadataCheck) -> Finding:
    """Compare the image's configuration with what is expected of it."""
    wrong = list(_differences(image, check))
    return Finding(not wrong, "; ".join(wrong))


def reachable(url: str) -> tuple[str, str]:
    """Return the address to publish ports on, and the host to reach them at, for an engine.

    Raises:
        UsageError: ports of that engine cannot be reached from here.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return "127.0.0.1", "127.0.0.1"
    if parts.scheme in {"tcp", "http", "https"} and parts.hostname:
        return "0.0.0.0", parts.hostname  # noqa: S104 - the engine is elsewhere, the port an ephemeral one
    raise UsageError(f"http checks cannot reach containers of the engine at {url}", hint="test on a local engine")


def _wrong_mode(check: FileCheck, found: PathStat) -> str:
    if check.mode is None or found.mode == check.mode:
        return ""
    return f"{check.path} has mode {found.mode:04o}, not {check.mode:04o}"


def _wrong_content(engine: Engine, container: str, path: str, check: FileCheck, found: PathStat) -> str:
    if not check.contains:
        return ""
    if found.kind != "file":
        return f"{check.path} is a {found.kind}, not a file"
    with engine.containers.open_archive(container, path) as archive:
        held = any(_holds(archive, member, check.contains.encode()) for member in archive if member.isreg())
    return "" if held else f"{check.path} does not contain {check.contains!r}"


def _holds(archive: tarfile.TarFile, member: tarfile.TarInfo, wanted: bytes) -> bool:
    file = archive.extractfile(member)
    before = b""
    while file and (chunk := file.read(CHUNK)):
        window = before + chunk
        if wanted in window:
            return True
        before = window[len(window) - len(wanted) + 1 :]
    return False


def _ask(state: ContainerState, site: Site, check: HttpCheck, *, timeout: float) -> str:
    """Make one request, and return what is wrong with the answer, "" for nothing."""
    bound = state.ports.get(f"{site.port}/tcp")
    if bound is None:
        return f"port {site.port} is not published"
    connection = http.client.HTTPConnection(site.host, bound[1], timeout=timeout)
    try:
        connection.request("GET", check.path, headers={"Host": f"localhost:{site.port}", "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(BODY_BYTES) if check.contains else b""
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({str(error) or type(error).__name__})"
    except ValueError as error:  # a path that cannot be sent
        raise UsageError(f"http check: {error}") from error
    finally:
        connection.close()
    if answer.status != check.status:
        return f"status {answer.status}, not {check.status}"
    return "" if check.contains.encode() in body else f"the body does not contain {check.contains!r}"


def _ended(state: ContainerState) -> str:
    if state.oom_killed:
        return "killed for want of memory"
    return state.error or f"exit code {state.exit_code}"


def _tail(engine: Engine, site: Site) -> tuple[str, ...]:
    return tuple(engine.containers.logs(site.container, tail=TAIL_LINES))


def _differences(image: ImageInfo, check: MetadataCheck) -> Iterator[str]:
    for name in ("user", "workdir", "entrypoint", "cmd"):
        expected, found = getattr(check, name), getattr(image, name)
        found = list(found) if isinstance(found, tuple) else found
        if expected is not None and expected != found:
            yield f"{name} is {found!r}, not {expected!r}"
    open_ports = {int(port.partition("/")[0]) for port in image.exposed}
    for port in check.exposed or ():
        if port not in open_ports:
            yield f"port {port} is not exposed"
    yield from _missing("env", check.env, image.env)
    yield from _missing("label", check.labels, image.labels)


def _missing(kind: str, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for name, value in expected.items():
        if name not in found:
            yield f"{kind} {name} is not set"
        elif found[name] != value:
            yield f"{kind} {name} is {found[name]!r}, not {value!r}"
