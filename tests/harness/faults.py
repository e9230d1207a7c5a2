"""A proxy in front of a real HTTP server that does to its answers what networks and overloaded servers do."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["ALWAYS", "CUT", "LOSE", "FaultProxy", "closed_port", "fault_proxy"]

ALWAYS = 1_000_000
CUT = -1
"""Instead of a status: the body of the answer ends early, with the connection."""
LOSE = -2
"""Instead of a status: the server does what it was asked, but its answer is lost, with the connection."""


class _Fault(NamedTuple):
    method: str
    status: int
    part_of_path: str
    left: int


class FaultProxy:
    """Faults to come, and what was asked.

    Attributes:
        url: Of the proxy.
        requests: Method and path of every request.
        headers: Headers of every request, names in lower case.
    """

    def __init__(self, url: str, upstream: str) -> None:
        self.url = url
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()

    def fail(self, method: str, status: int, *, times: int = 1, path: str = "") -> None:
        """Make the next `times` requests of a method whose path contains `path` fail: a status, CUT or LOSE."""
        with self._lock:
            self._faults.append(_Fault(method, status, path, times))

    def take(self, method: str, path: str) -> int | None:
        """The fault of the request that has just come, None for none."""
        with self._lock:
            self.requests.append((method, path))
            for index, fault in enumerate(self._faults):
                if fault.method == method and fault.part_of_path in path and fault.left:
                    self._faults[index] = fault._replace(left=fault.left - 1)
                    return fault.status
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.proxy.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = self.proxy.take(self.command, self.path)
        if fault is not None and fault > 0:
            self._answer(fault, [], b"", 0)
            return
        status, headers, data = self._ask(body)
        if fault == LOSE:
            self.close_connection = True
            return
        length = dict(headers).get("content-length", str(len(data)))
        self._answer(status, headers, data[: len(data) // 2] if fault == CUT else data, int(length))
        self.close_connection = self.close_connection or fault == CUT

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _forward  # noqa: N815 - names of the base class

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name not in {"connection", "content-length", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in front of the server at the URL `upstream`, for the time of a `with` block."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        proxy = FaultProxy(f"http://127.0.0.1:{server.server_port}", upstream)
        handler.proxy = proxy
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, but not listening
        yield bound.getsockname()[1]
