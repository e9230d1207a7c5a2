"""A Docker engine that does what a test tells it: scripted answers and faults over a unix socket.

Only for what a real engine cannot be made to do on demand (a stream that breaks off, a registry that lies) and for
what a client sends. What an engine does by itself is tested on a real one.
"""

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

__all__ = ["Answer", "Asked", "FakeEngine", "notes"]

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24", "Os": "linux", "Arch": "amd64"}


class Asked:
    """One request that came in."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.method = handler.command
        path, _, query = handler.path.partition("?")
        self.path = unquote(re.sub(r"^/v[0-9.]+", "", path))
        self.query = {name: values[-1] for name, values in parse_qs(query).items()}
        self.headers = handler.headers
        self.body = _body(handler)


class Answer:
    """What is answered.

    Args:
        body: JSON value, bytes, or an iterator of chunks, each sent when it is made.
        status: code.
        cut: break the connection off after the last chunk, without ending the stream.
    """

    def __init__(self, body: Any = b"", *, status: int = 200, cut: bool = False) -> None:
        self.body = body
        self.status = status
        self.cut = cut


Reply = Callable[[Asked], Answer] | Answer


def notes(*items: dict[str, Any]) -> Iterator[bytes]:
    """A stream of JSON messages."""
    return iter([json.dumps(item).encode() + b"\r\n" for item in items])


class FakeEngine:
    """The engine. Give it answers with `on`, then connect to `url`."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.version = "1.41"
        """What it says of itself, "" for nothing."""
        self.asked: list[Asked] = []
        self._replies: list[tuple[str, re.Pattern[str], Reply]] = []
        self._server = _Server(str(path), type("Handler", (_Handler,), {"engine": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.on("HEAD", "/_ping", Answer())
        self.on("GET", "/_ping", Answer(b"OK"))
        self.on("GET", "/version", Answer(VERSION))
        self.on("GET", "/info", Answer({"SystemTime": "2024-01-02T03:04:05.5Z"}))

    def on(self, method: str, path: str, reply: Reply) -> None:
        """Answer requests whose path matches the expression; a later rule goes before an earlier one."""
        self._replies.insert(0, (method, re.compile(path), reply))

    def reply(self, asked: Asked) -> Answer:
        """The answer to a request."""
        self.asked.append(asked)
        for method, path, reply in self._replies:
            if method == asked.method and path.fullmatch(asked.path):
                return reply(asked) if callable(reply) else reply
        return Answer({"message": f"no answer for {asked.method} {asked.path}"}, status=404)

    def headers(self) -> list[tuple[str, str]]:
        """What an engine says of itself with every answer."""
        return [("Api-Version", self.version), ("Ostype", "linux")] if self.version else []

    def close(self) -> None:
        """Stop serving; a handler that waits for the test must have been let go."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        answer = self.engine.reply(Asked(self))
        self.send_response(answer.status)
        for name, value in self.engine.headers():
            self.send_header(name, value)
        if isinstance(answer.body, Iterator):
            self._stream(answer.body, cut=answer.cut)
        else:
            self._whole(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - the names the base class asks for

    def _stream(self, chunks: Iterable[bytes], *, cut: bool) -> None:
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _whole(self, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().partition(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


@pytest.fixture
def fake_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeEngine]:
    """An engine that does what the test tells it."""
    # A socket's path must be short; pytest's directories are not always.
    engine = FakeEngine(tmp_path_factory.mktemp("e") / "s")
    yield engine
    engine.close()
