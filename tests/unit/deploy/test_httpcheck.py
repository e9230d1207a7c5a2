"""One look over HTTP: what passes, and what is said when it does not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from opsctl.deploy.httpcheck import look


@contextmanager
def answering(answer: bytes | None) -> Iterator[tuple[str, int]]:
    """A server that sends these bytes to whoever connects, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            connection, _ = server.accept()
            held.append(connection)
            connection.recv(4096)
            if answer is not None:
                connection.sendall(answer)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[:2]
        finally:
            thread.join()
            for connection in held:
                connection.close()


@pytest.mark.parametrize("status", [200, 204, 301, 399])
def test_success_and_redirects_pass(status: int) -> None:
    with answering(f"HTTP/1.1 {status} x\r\n\r\n".encode()) as end:
        assert look(end, "/up?deep=1", timeout=5) == (True, f"GET /up?deep=1 answered {status}")


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_errors_do_not(status: int) -> None:
    with answering(f"HTTP/1.1 {status} x\r\n\r\n".encode()) as end:
        assert look(end, "/up", timeout=5) == (False, f"GET /up answered {status}")


def test_a_closed_port_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        end = server.getsockname()[:2]
    passed, detail = look(end, "/up", timeout=5)
    assert not passed
    assert detail == "GET /up failed: Connection refused"


def test_silence_ends_with_the_timeout() -> None:
    with answering(None) as end:
        passed, detail = look(end, "/up", timeout=0.05)
    assert not passed
    assert detail == "GET /up got no answer within 0.05 s"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_not_http_does_not_pass(answer: bytes) -> None:
    with answering(answer) as end:
        passed, detail = look(end, "/up", timeout=5)
    assert not passed
    assert "\n" not in detail
    assert detail.startswith("GET /up failed: ")
