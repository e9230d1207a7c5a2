"""Checks of an image on a real engine: what holds, what does not and why, and that nothing is left behind."""

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.images import Workbench
from opsctl.config.models import FileCheck, HttpCheck, MetadataCheck, TestCheck
from opsctl.docker import reaper
from opsctl.docker.engine import Engine, connect
from opsctl.docker.test import CheckResult, TestRequest, run
from opsctl.errors import InterruptedRunError, NotFoundError
from opsctl.events import Event, Output, SpanFinished, discard

SITE = """FROM BASE
COPY index.html /www/up
RUN chmod 644 /www/up && ln -s /www/up /www/link && ln -s /gone /www/dangling
EXPOSE 8080
USER 1000
ENV MODE=test
CMD ["sh", "-c", "echo starting; exec httpd -f -p 8080 -h /www"]
"""


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with connect(docker_engine) as connected:
        yield connected


@pytest.fixture(scope="module")
def site(docker_client: Any, busybox_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with files and a web server."""
    tag = f"opsctl-test/site:{secrets.token_hex(5)}"
    root = tmp_path_factory.mktemp("site")
    (root / "index.html").write_text("hello from up")
    (root / "Dockerfile").write_text(SITE.replace("BASE", busybox_image))
    docker_client.images.build(path=str(root), tag=tag, rm=True)
    yield tag
    docker_client.images.remove(tag, force=True)


def one(engine: Engine, image: str, check: TestCheck, sink: Any = discard, **request: Any) -> CheckResult:
    return run(TestRequest(image=image, checks=[check], **request), engine, sink).checks[0]


def left(engine: Engine, image: str) -> list[str]:
    wanted = engine.images.inspect(image).id
    return [item.name for item in engine.containers.find({reaper.OWNER_LABEL: ""}) if item.image_id == wanted]


HOLD = [
    TestCheck(run="test $(id -u) = 1000 && test $MODE = test && test -f /www/up"),
    TestCheck(run=["sh", "-c", "exit 0"]),
    TestCheck(file=FileCheck(path="/www/up", mode=0o644, contains="from up")),
    TestCheck(file=FileCheck(path="/www/link", mode=0o644, contains="hello")),
    TestCheck(file=FileCheck(path="/www")),
    TestCheck(file=FileCheck(path="/nowhere", exists=False)),
    TestCheck(file=FileCheck(path="/bin/busybox", mode=0o755, contains="BusyBox")),
    TestCheck(http=HttpCheck(path="/up", contains="hello")),
    TestCheck(http=HttpCheck(path="/none", status=404)),
    TestCheck(metadata=MetadataCheck(user="1000", exposed=[8080], env={"MODE": "test"})),
]

DO_NOT_HOLD = [
    (TestCheck(run="exit 7"), "exit code 7"),
    (TestCheck(run=["/no/such"]), "no such file"),
    (TestCheck(run="sleep 600", timeout=0.3), "no end after 0.3 s"),
    (TestCheck(run="sh -c 'kill -9 $$'; exit $?"), "exit code 137"),
    (TestCheck(file=FileCheck(path="/nowhere")), "/nowhere is not there"),
    (TestCheck(file=FileCheck(path="/www/up", exists=False)), "/www/up is there"),
    (TestCheck(file=FileCheck(path="/www/dangling", exists=False)), "/www/dangling is there"),
    (TestCheck(file=FileCheck(path="/www/dangling")), "leads to /gone, which is not there"),
    (TestCheck(file=FileCheck(path="/www/up", mode=0o600)), "mode 0644, not 0600"),
    (TestCheck(file=FileCheck(path="/www/up", contains="bye")), "does not contain 'bye'"),
    (TestCheck(file=FileCheck(path="/www", contains="x")), "a directory, not a file"),
    (TestCheck(file=FileCheck(path="/www/up/x")), "is not there"),
    (TestCheck(http=HttpCheck(path="/none", within=0.5)), "status 404, not 200, for 0.5 s"),
    (TestCheck(http=HttpCheck(path="/up", contains="bye", within=0.5)), "does not contain 'bye'"),
    (TestCheck(http=HttpCheck(path="/up", port=9, within=0.3)), "no answer"),
]


def test_checks_that_hold_pass_and_leave_nothing(engine: Engine, site: str) -> None:
    result = run(TestRequest(image=site, checks=HOLD), engine)
    assert [(check.name, check.message, check.output) for check in result.failed] == []
    assert len(result.checks) == len(HOLD)
    assert left(engine, site) == []


def test_checks_that_do_not_hold_say_why_in_one_line_and_leave_nothing(engine: Engine, site: str) -> None:
    result = run(TestRequest(image=site, checks=[check for check, _ in DO_NOT_HOLD]), engine)
    for check, (_, message) in zip(result.checks, DO_NOT_HOLD, strict=True):
        assert not check.passed
        assert message in check.message
        assert len(check.message.splitlines()) == 1
    assert left(engine, site) == []


def test_the_last_lines_come_with_the_failure_and_all_lines_as_they_are_printed(engine: Engine, site: str) -> None:
    told: list[Event] = []
    script = "i=0; while [ $i -lt 80 ]; do echo line $i; i=$((i+1)); done; printf end >&2; exit 1"
    result = one(engine, site, TestCheck(run=script), told.append)
    assert len(result.output) == 50
    assert "end" in result.output
    assert len([event for event in told if isinstance(event, Output)]) == 81


def test_a_server_that_ends_is_not_waited_for(engine: Engine, bench: Workbench) -> None:
    root = bench.context('FROM BASE\nEXPOSE 80\nCMD ["sh", "-c", "echo broken config; exit 2"]\n')
    bench.client.images.build(path=str(root), tag=bench.tag(), rm=True)
    result = one(engine, bench.tag(), TestCheck(http=HttpCheck(path="/", within=600)))
    assert (result.message, result.output) == ("exit code 2", ("broken config",))


def test_settings_and_secrets_are_given_and_not_shown(engine: Engine, site: str) -> None:
    told: list[Event] = []
    request = TestRequest(
        image=site,
        checks=[TestCheck(run='test "$A-$KEY" = 1-hunter2')],
        env={"A": "1"},
        secrets={"KEY": "hunter2"},
        name="web",
    )
    result = run(request, engine, told.append)
    assert result.failed == ()
    assert "KEY=hunter2" not in f"{request} {told} {result}"
    finished = [event for event in told if isinstance(event, SpanFinished)]
    assert [event.span for event in finished] == ['test:web/run test "$A-$KEY" = 1-hunter2', "test:web"]


def test_all_checks_are_made_on_one_server_also_after_one_that_fails(engine: Engine, site: str) -> None:
    checks = [
        TestCheck(http=HttpCheck(path="/none", within=0.2)),
        TestCheck(http=HttpCheck(path="/up")),
        TestCheck(run="exit 1"),
        TestCheck(run="exit 0"),
    ]
    result = run(TestRequest(image=site, checks=checks), engine)
    assert [check.passed for check in result.checks] == [False, True, False, True]


def test_an_image_that_is_not_there_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        run(TestRequest(image="opsctl-test/nowhere:1", checks=[]), engine)


def test_an_image_without_a_command_can_be_looked_at(engine: Engine, bench: Workbench) -> None:
    root = bench.context("FROM scratch\nCOPY a /a\n", {"a": "text"})
    bench.client.images.build(path=str(root), tag=bench.tag(), rm=True)
    assert one(engine, bench.tag(), TestCheck(file=FileCheck(path="/a", contains="text"))).passed


def test_cancelling_removes_the_container(engine: Engine, site: str) -> None:
    begun = threading.Event()
    canceller = threading.Thread(target=lambda: (begun.wait(), engine.cancel()))
    canceller.start()
    with pytest.raises(InterruptedRunError):
        one(
            engine,
            site,
            TestCheck(run="echo begun; sleep 600"),
            lambda event: begun.set() if isinstance(event, Output) else None,
        )
    canceller.join()
    assert left(engine, site) == []


KILLED = """
import os, signal, sys
from opsctl.config.models import TestCheck
from opsctl.docker.engine import connect
from opsctl.docker.test import TestRequest, run
from opsctl.events import Output

def sink(event):
    if isinstance(event, Output):
        os.kill(os.getpid(), signal.SIGKILL)

run(TestRequest(image=sys.argv[2], checks=[TestCheck(run="echo begun; sleep 600")]), connect(sys.argv[1]), sink)
"""


def test_what_a_killed_test_leaves_is_removed_by_the_next(engine: Engine, site: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, engine.url, site], check=False, timeout=60, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert len(left(engine, site)) == 1
    assert one(engine, site, TestCheck(run="true")).passed
    assert left(engine, site) == []
