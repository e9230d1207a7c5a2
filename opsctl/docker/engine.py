"""The client of one Docker engine; the only module that imports the Docker SDK, and only when it is used.

`connect` finds the engine as the docker command does (an explicit URL, DOCKER_HOST, the current docker context,
the default socket), negotiates the API version and returns an `Engine` with typed values in and out. Everything
the SDK, requests or a socket raises is translated here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from opsctl.docker import faults
from opsctl.docker.containers import Containers
from opsctl.docker.images import Images
from opsctl.docker.model import parse_time
from opsctl.docker.networks import Networks
from opsctl.docker.wire import Wire
from opsctl.errors import (
    ConfigError,
    InterruptedRunError,
    NotFoundError,
    OpsctlError,
    Problem,
    TransientError,
    UsageError,
)

if TYPE_CHECKING:
    from docker.api.client import APIClient
    from requests import Response

__all__ = ["Engine", "connect"]

T = TypeVar("T")

CONNECT_SECONDS = 10.0
"""How long the first request may take: long enough for a busy engine, short enough to fail a wrong address."""

CALL_SECONDS = 120.0
"""Read timeout of one request; the slowest one is the removal of a large container."""

Endpoint = dict[str, Any]
"""`base_url` and `tls` as the SDK takes them."""


class Engine:
    """A connected engine. Methods may be called from several threads.

    Args:
        api: negotiated SDK client.
        endpoint: what it was made from; streams get connections of their own.
        url: address for messages.
        context: docker context it was found by, "" when it was found by its address.
    """

    def __init__(self, api: APIClient, endpoint: Endpoint, *, url: str, context: str = "") -> None:
        self._api = api
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._open: set[Callable[[OpsctlError], None]] = set()
        self._cancelled = False
        self.url = url
        self.context = context
        self.images = Images(self)
        self.containers = Containers(self)
        self.networks = Networks(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def api_version(self) -> str:
        """Version of the API that both sides speak ("1.41")."""
        return self._api.api_version

    def version(self) -> str:
        """Return the version of the engine ("20.10.24")."""
        return str(self.call(f"engine at {self.url}", lambda api: api.version())["Version"])

    def time(self) -> float:
        """Return the engine's clock, in seconds since the epoch: leases and stamps compare with nothing else."""
        info = self.call(f"engine at {self.url}", lambda api: api.info())
        return parse_time(info["SystemTime"])

    def cancel(self) -> None:
        """Cut every open stream, from any thread: builds, pulls, pushes, followed logs end with InterruptedRunError.

        Single requests still work, so that what was started can be cleaned up.
        """
        with self._lock:
            self._cancelled = True
            cuts = list(self._open)
        for cut in cuts:
            cut(InterruptedRunError(f"engine at {self.url}: cancelled"))

    def refuse_cancelled(self) -> None:
        """Raise InterruptedRunError once the engine was cancelled."""
        if self._cancelled:
            raise InterruptedRunError(f"engine at {self.url}: cancelled")

    @contextlib.contextmanager
    def cancels(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` when the engine is cancelled while the block runs, which then ends with InterruptedRunError."""
        with self._registered(lambda _: stop()):
            yield
        self.refuse_cancelled()

    def environment(self) -> dict[str, str]:
        """Return the variables that make the docker command use this engine."""
        if self.context:
            return {"DOCKER_CONTEXT": self.context}
        # A context in the environment would win over the address.
        return {"DOCKER_HOST": self.url, "DOCKER_CONTEXT": ""}

    def close(self) -> None:
        """Give back the connections."""
        self._api.close()

    def call(self, subject: str, use: Callable[[APIClient], T]) -> T:
        """Make one request; see `Wire.call`."""
        with self._translated(subject):
            return use(self._api)

    def stream(
        self, subject: str, use: Callable[[APIClient], T], *, timeout: float | None = None
    ) -> AbstractContextManager[T]:
        """Open a stream; see `Wire.stream`."""
        return self._stream(subject, use, timeout)

    @contextlib.contextmanager
    def _stream(self, subject: str, use: Callable[[APIClient], T], timeout: float | None) -> Iterator[T]:
        cut = _Cut()
        try:
            with (
                self._registered(cut),
                _alarm(subject, timeout, cut),
                self._connection(cut) as api,
                self._translated(subject),
            ):
                yield use(api)
        except Exception as error:
            # What a reader sees when its socket is cut ranges from a timeout to "I/O operation on closed file".
            if cut.reason:
                raise cut.reason from error
            raise
        if cut.reason:  # a cut connection may look like a regular end
            raise cut.reason

    @contextlib.contextmanager
    def _registered(self, cut: Callable[[OpsctlError], None]) -> Iterator[None]:
        with self._lock:
            self.refuse_cancelled()
            self._open.add(cut)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(cut)

    @contextlib.contextmanager
    def _connection(self, cut: _Cut) -> Iterator[APIClient]:
        api = _client(self._endpoint, version=self.api_version, timeout=None)
        # Called as soon as the headers of an answer are there, before its body is read.
        api.hooks["response"].append(cut.watch)
        try:
            yield api
        finally:
            cut.close()
            api.close()

    @contextlib.contextmanager
    def _translated(self, subject: str) -> Iterator[None]:
        # Importing requests and urllib3 costs nothing here: the SDK has done it.
        from docker.errors import APIError, DockerException  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except APIError as error:
            raise faults.answered(subject, error.status_code or 0, error.explanation or str(error)) from error
        except (RequestException, HTTPError, ConnectionError, TimeoutError) as error:
            raise faults.unreachable(self.url, error) from error
        except DockerException as error:
            raise UsageError(f"{subject}: {error}") from error


class _Cut:
    """Cuts the connections of the answers it has seen, also while another thread reads from them."""

    def __init__(self) -> None:
        self._answers: list[Response] = []
        self.reason: OpsctlError | None = None

    def watch(self, answer: Response, **_options: object) -> None:
        self._answers.append(answer)
        if self.reason:
            self.close()

    def __call__(self, reason: OpsctlError) -> None:
        self.reason = self.reason or reason
        self.close()

    def close(self) -> None:
        from docker.errors import DockerException  # noqa: PLC0415 - loaded by then
        from docker.types import CancellableStream  # noqa: PLC0415 - loaded by then

        for answer in self._answers:
            # An answer that was read to its end has no socket any more, and ssh channels cannot be shut down.
            with contextlib.suppress(AttributeError, OSError, DockerException):
                CancellableStream(iter(()), answer).close()
            answer.close()


@contextlib.contextmanager
def _alarm(subject: str, timeout: float | None, cut: _Cut) -> Iterator[None]:
    """Cut when the block takes longer."""
    if timeout is None:
        yield
        return
    timer = threading.Timer(timeout, cut, (TransientError(f"{subject}: no end after {timeout:g} s"),))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def connect(url: str = "") -> Engine:
    """Connect to an engine and agree on an API version.

    Args:
        url: `unix://`, `tcp://` or `ssh://` address; by default DOCKER_HOST, then the current docker context,
            then the default socket.

    Raises:
        TransientError: nothing answers there.
        DeniedError: the socket may not be opened.
        MissingToolError: a library for that kind of address is not installed.
        NotFoundError: the docker context that is asked for does not exist.
        UsageError: the address makes no sense.
        ConfigError: the Docker config file is broken.
    """
    endpoint = _endpoint(url)
    context = ""
    if "base_url" not in endpoint:
        endpoint, context = _context_endpoint()
    shown = _shown(endpoint)
    return Engine(_negotiate(endpoint, shown), endpoint, url=shown, context=context)


def _endpoint(url: str) -> Endpoint:
    """Return what the URL and the environment say; without `base_url` when they name no engine."""
    from docker.errors import DockerException  # noqa: PLC0415 - the SDK costs 90 ms, only when it is used
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    try:
        found: Endpoint = {**kwargs_from_env()}
    except DockerException as error:
        raise UsageError(f"TLS settings of the engine: {error}", hint="check DOCKER_CERT_PATH") from error
    return found | ({"base_url": url} if url else {})


def _context_endpoint() -> tuple[Endpoint, str]:
    """Return what the current docker context says, and its name."""
    from docker.context import ContextAPI  # noqa: PLC0415

    context = ContextAPI.get_context(_context_name())
    if context is None:
        # The SDK falls back to the local engine; deploying there would be wrong.
        raise NotFoundError(f"docker context {_context_name()!r} does not exist", hint="see `docker context ls`")
    return ({"base_url": context.Host, "tls": context.TLSConfig} if context.Host else {}), str(context.name)


def _context_name() -> str | None:
    return os.environ.get("DOCKER_CONTEXT") or None


def _shown(endpoint: Endpoint) -> str:
    from docker.constants import DEFAULT_UNIX_SOCKET  # noqa: PLC0415

    return str(endpoint.get("base_url") or DEFAULT_UNIX_SOCKET).removeprefix("http+")


def _negotiate(endpoint: Endpoint, shown: str) -> APIClient:
    from docker.constants import MINIMUM_DOCKER_API_VERSION  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        _knock(shown)
        # The SDK would ask for `/version`, for which a busy engine starts programs; `/_ping` says the same at once.
        with contextlib.closing(_client(endpoint, version=MINIMUM_DOCKER_API_VERSION, timeout=CONNECT_SECONDS)) as api:
            version = api.get(f"{api.base_url}/_ping", timeout=CONNECT_SECONDS).headers.get("Api-Version")
        if version:
            return _client(endpoint, version=version, timeout=CALL_SECONDS)
    except (DockerException, RequestException, OSError) as error:
        raise _unconnected(shown, error) from error
    raise UsageError(f"{shown} answers, but is not a Docker engine", hint="check DOCKER_HOST")


def _knock(shown: str) -> None:
    """See that a socket can be opened; the SDK would leave its own half open when it cannot."""
    if shown.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(CONNECT_SECONDS)
            probe.connect(f"/{shown.removeprefix('unix://').lstrip('/')}")  # unix://var/run is a common way to write it


def _unconnected(shown: str, error: Exception) -> OpsctlError:
    from docker.errors import InvalidConfigFile, InvalidVersion  # noqa: PLC0415
    from requests.exceptions import InvalidURL  # noqa: PLC0415

    if isinstance(error, InvalidConfigFile):
        return _broken_config(error)
    if isinstance(error, InvalidVersion):
        return UsageError(f"engine at {shown} is too old: {error}", hint="upgrade Docker")
    if isinstance(error, InvalidURL) or "Invalid bind address" in str(error):
        return UsageError(f"{shown!r} is not the address of an engine", hint="for example unix:///var/run/docker.sock")
    return faults.unreachable(shown, error)


def _client(endpoint: Endpoint, *, version: str | None, timeout: float | None) -> APIClient:
    from docker.api.client import APIClient  # noqa: PLC0415
    from docker.auth import AuthConfig  # noqa: PLC0415

    try:
        client = APIClient(**endpoint, version=version, timeout=timeout)  # type: ignore[arg-type]  # the stubs say int; requests takes a float
    except ValueError as error:
        # Credentials in config.json that are not base64 of "user:password" surface as a bare ValueError.
        raise _broken_config(error) from error
    # Credentials come from `auth`, for the registry that is asked. The SDK would run every configured helper at each
    # build, for every registry, and fail when one is not installed; an entry keeps it from reading the file again.
    client._auth_configs = AuthConfig({"auths": {"unused.invalid": {}}})  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    return client


def _broken_config(error: Exception) -> ConfigError:
    from docker.utils.config import find_config_file  # noqa: PLC0415

    where = str(find_config_file() or "~/.docker/config.json")
    return ConfigError([Problem(where, 0, 0, f"broken credentials: {error}", "log in again with `docker login`")])


_contract: type[Wire] = Engine
