"""A wire between a client and the engine that a test can cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Wire", "wire"]


class Wire:
    """Forwards connections to the engine until it is cut; then nobody answers any more.

    Args:
        engine: URL of the engine.
        path: of the socket that it listens on.
    """

    def __init__(self, engine: str, path: Path) -> None:
        self.url = f"unix://{path}"
        self._engine = urlsplit(engine)
        self._at = b""
        self._open: list[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._path = path
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, part: str) -> None:
        """Cut when a request whose path contains `part` comes; it does not get through."""
        self._at = part.encode()

    def cut(self) -> None:
        """Cut now."""
        self._path.unlink(missing_ok=True)
        for end in [self._server, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                upstream = self._connect()
                self._open += [client, upstream]
                for source, sink in ((client, upstream), (upstream, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _connect(self) -> socket.socket:
        if self._engine.scheme != "unix":
            return socket.create_connection((str(self._engine.hostname), self._engine.port or 2375))
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(self._engine.path)
        return upstream

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self._at and self._at in data.partition(b"\r\n")[0]:
                    self.cut()
                    return
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(engine: str, path: Path) -> Iterator[Wire]:
    """A wire to the engine."""
    made = Wire(engine, path)
    try:
        yield made
    finally:
        made.cut()
