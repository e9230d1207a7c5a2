"""What the engine says becomes the error with the right exit code and a cure, in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.docker import faults
from opsctl.errors import (
    ConflictError,
    DeniedError,
    LocalIOError,
    MissingToolError,
    NotFoundError,
    OpsctlError,
    StepFailedError,
    TransientError,
    UsageError,
)

# What engines and registries really said.
SAID = [
    (
        "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated",
        ConflictError,
    ),
    ("listen tcp4 0.0.0.0:80: bind: address already in use", ConflictError),
    ('Conflict. The container name "/web" is already in use by container "12ab".', ConflictError),
    ("error while removing network: network opsctl id 8b has active endpoints", ConflictError),
    ("write /var/lib/docker/tmp/x: no space left on device", LocalIOError),
    ("pull access denied for web, repository does not exist or may require 'docker login'", DeniedError),
    ("unauthorized: authentication required", DeniedError),
    ("no basic auth credentials", DeniedError),
    ('Get "https://r.example.com/v2/": unauthorized: incorrect username or password', DeniedError),
    ("manifest for r.example.com/web:1 not found: manifest unknown: manifest unknown", NotFoundError),
    ("No such image: web:1", NotFoundError),
    ("lstat /var/lib/docker/overlay2/x/merged/a/b: not a directory", NotFoundError),
    ('Get "https://r.example.com/v2/": dial tcp: lookup r.example.com: no such host', TransientError),
    ('Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', TransientError),
    ("net/http: TLS handshake timeout", TransientError),
    ("toomanyrequests: You have reached your pull rate limit", TransientError),
    ("received unexpected HTTP status: 503 Service Unavailable", TransientError),
    ("unexpected EOF", TransientError),
    ('Get "https://127.0.0.1:5000/v2/": http: server gave HTTP response to HTTPS client', UsageError),
    ('OCI runtime create failed: exec: "no such": executable file not found in $PATH: unknown', StepFailedError),
    ("exec user process caused: exec format error", StepFailedError),
    ("something nobody has seen before", StepFailedError),
]


@pytest.mark.parametrize(("text", "error"), SAID)
def test_words_become_errors(text: str, error: type[OpsctlError]) -> None:
    found = faults.said("image web", text)
    assert type(found) is error
    assert found.message.startswith("image web: ")


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (401, "x", DeniedError),
        (403, "x", DeniedError),
        (403, "network a has active endpoints", ConflictError),
        (404, "No such container: x", NotFoundError),
        (409, "removal is already in progress", ConflictError),
        (400, "invalid reference format", UsageError),
        (400, "OCI runtime create failed: exec: no", StepFailedError),
        (500, "driver failed", TransientError),
        (500, "Bind for 0.0.0.0:80 failed: port is already allocated", ConflictError),
        (503, "", TransientError),
    ],
)
def test_the_status_goes_before_the_words(status: int, text: str, error: type[OpsctlError]) -> None:
    assert type(faults.answered("x", status, text)) is error


def test_what_the_runtime_wraps_around_a_reason_is_taken_off() -> None:
    text = (
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
        'process: exec: "nope": executable file not found in $PATH: unknown'
    )
    found = faults.said("container x", text)
    assert found.message == 'container x: OCI runtime create failed: exec: "nope": executable file not found in $PATH'


@given(st.text(max_size=80), st.integers(400, 599))
def test_every_answer_is_one_line(text: str, status: int) -> None:
    for error in (faults.said("image web", text), faults.answered("image web", status, text)):
        assert len(error.message.splitlines()) == 1
        assert len(error.hint.splitlines()) <= 1


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (PermissionError(13, "denied"), DeniedError),
        (ConnectionRefusedError(111, "refused"), TransientError),
        (TimeoutError(), TransientError),
        (Exception("Install paramiko package to enable ssh:// support"), MissingToolError),
    ],
)
def test_the_cause_is_found_however_deep_it_is(cause: Exception, error: type[OpsctlError]) -> None:
    outer = OSError("connection aborted", cause)
    wrapped = RuntimeError("wrapped", outer)
    outer.__context__ = wrapped  # a circle does not hang it
    for seen in (cause, wrapped):
        if type(cause) is not Exception:
            assert type(faults.unreachable("unix:///x", seen)) is error
    assert type(faults.unreachable("unix:///x", cause)) is error
