"""Builds on a real engine, by the classic builder and by buildx where it is installed."""

import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.images import Workbench
from opsctl.docker.build import CONTENT_LABEL, BuildRequest, BuildResult, build
from opsctl.docker.engine import Engine, connect
from opsctl.docker.job import BuildFailedError
from opsctl.errors import ConfigError, InterruptedRunError, MissingToolError
from opsctl.events import Event, Output, SpanFinished


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with connect(docker_engine) as connected:
        yield connected


def made(bench: Workbench, root: Path, engine: Engine, tag: str = "1", **changes: Any) -> BuildResult:
    return build(BuildRequest(context=root, tags=[bench.tag(tag)], **changes), engine)


def content(bench: Workbench, image: str, path: str) -> bytes:
    container = bench.client.api.create_container(image, ["-"], labels={"opsctl-test": bench.name})["Id"]
    chunks, _ = bench.client.api.get_archive(container, path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file is not None
        return file.read()


def leftovers(bench: Workbench) -> list[str]:
    """Containers that builds of the test's context have left: they run what only these Dockerfiles run."""
    containers = bench.client.api.containers(all=True)
    return [one["Id"] for one in containers if bench.name in one["Command"]]


FULL = """ARG WHO=nobody
FROM BASE AS first
ARG WHO
COPY a /a
RUN echo "$WHO" > /who
FROM BASE AS second
COPY --from=first /who /from-first
LABEL its=own
"""


def test_arguments_labels_files_and_stages_get_into_the_image(bench: Workbench, engine: Engine, builder: Any) -> None:
    root = bench.context(FULL, {"a": "text"})
    request = {"args": {"WHO": "me $HOME"}, "labels": {"given": 'a "b" $c'}, "builder": builder}
    whole = made(bench, root, engine, "whole", **request)
    labels = engine.images.inspect(bench.tag("whole")).labels
    inherited = engine.images.inspect(bench.base).labels
    assert labels == {**inherited, "its": "own", "given": 'a "b" $c', CONTENT_LABEL: whole.content_hash}
    assert content(bench, whole.image_id, "/from-first") == b"me $HOME\n"
    part = made(bench, root, engine, "part", target="first", **request)
    assert content(bench, part.image_id, "/a") == b"text"
    assert engine.images.inspect(part.image_id).labels[CONTENT_LABEL] == part.content_hash != whole.content_hash


def test_what_has_not_changed_is_only_tagged(bench: Workbench, engine: Engine, builder: Any) -> None:
    root = bench.context("FROM BASE\nCOPY a /a\n", {"a": "1"})
    first = made(bench, root, engine, builder=builder)
    again = build(BuildRequest(context=root, tags=[bench.tag("2"), bench.tag("3")], builder=builder), engine)
    assert (again.image_id, again.skipped, again.builder) == (first.image_id, True, "")
    assert {bench.tag(tag) for tag in "123"} <= set(engine.images.inspect(first.image_id).tags)
    assert made(bench, root, engine, "4", builder=builder, force=True).skipped is False
    (root / "a").write_text("2")
    assert made(bench, root, engine, "5", builder=builder).image_id != first.image_id
    (root / "a").write_text("1")
    assert made(bench, root, engine, "6", builder=builder).skipped


def test_a_new_base_image_is_a_change(bench: Workbench, engine: Engine, builder: Any) -> None:
    engine.images.tag(bench.base, bench.tag("base"))
    root = bench.context(f"FROM {bench.tag('base')}\nCOPY a /a\n", {"a": "1"})
    first = made(bench, root, engine, builder=builder)
    assert made(bench, root, engine, builder=builder).skipped
    bench.client.images.build(path=str(bench.context("FROM BASE\nENV NEW=1\n")), tag=bench.tag("base"), rm=True)
    second = made(bench, root, engine, builder=builder)
    assert not second.skipped
    assert second.image_id != first.image_id


def test_an_image_that_others_built_on_ours_is_not_taken_for_ours(
    bench: Workbench, engine: Engine, builder: Any
) -> None:
    root = bench.context("FROM BASE\nCOPY a /a\n", {"a": bench.name})
    ours = made(bench, root, engine, builder=builder)
    child, _ = bench.client.images.build(
        path=str(bench.context(f"FROM {bench.tag()}\nENV CHILD=1\n")), tag=bench.tag("child"), rm=True
    )
    assert child.labels[CONTENT_LABEL] == ours.content_hash
    assert made(bench, root, engine, "again", builder=builder).image_id == ours.image_id


def test_a_failing_command_is_named_with_its_line_and_leaves_nothing(
    bench: Workbench, engine: Engine, builder: Any
) -> None:
    dockerfile = f"FROM BASE\n\n# a comment\nRUN echo {bench.name} one && \\\n    echo two >&2 && exit 3\nRUN true\n"
    root = bench.context(dockerfile)
    told: list[Event] = []
    with pytest.raises(BuildFailedError) as caught:
        build(BuildRequest(context=root, tags=[bench.tag()], builder=builder), engine, told.append)
    assert caught.value.line == 4
    assert any("two" in line for line in caught.value.tail)
    assert any(isinstance(event, Output) and f"{bench.name} one" in event.text for event in told)
    assert isinstance(told[-1], SpanFinished)
    assert (told[-1].status, told[-1].line) == ("failed", 4)
    assert not engine.images.exists(bench.tag())
    assert leftovers(bench) == []


@pytest.mark.parametrize(
    "case",
    [
        ("FROM BASE\nFOO bar\n", ConfigError, r"Dockerfile:2:1: .*FOO"),
        ("", ConfigError, "Dockerfile"),
        ("FROM BASE\nCOPY nowhere /x\n", BuildFailedError, r"Dockerfile:2: COPY nowhere /x"),
        ("FROM BASE AS a\nFROM BASE\nCOPY --from=a /nowhere /x\n", BuildFailedError, r"Dockerfile:3: COPY"),
    ],
)
def test_a_dockerfile_that_is_wrong_is_named_with_its_line(
    bench: Workbench, engine: Engine, builder: Any, case: tuple[str, type[Exception], str]
) -> None:
    dockerfile, error, message = case
    with pytest.raises(error, match=message):
        made(bench, bench.context(dockerfile), engine, builder=builder)


def test_what_needs_buildkit_says_so_or_is_built_by_it(bench: Workbench, engine: Engine, builder: Any) -> None:
    root = bench.context("FROM BASE\nRUN --mount=type=tmpfs,target=/t touch /t/x\n")
    if builder == "buildx":
        assert made(bench, root, engine, builder="auto").builder == "buildx"
        return
    with pytest.raises(MissingToolError, match=r"Dockerfile:2: RUN --mount needs BuildKit"):
        made(bench, root, engine, builder=builder)


def test_a_dockerfile_outside_or_ignored_is_used_and_not_copied(bench: Workbench, engine: Engine, builder: Any) -> None:
    outside = bench.context("FROM BASE\nCOPY . /ctx\n") / "Dockerfile"
    root = bench.context(None, {"a": "1", "b": "2", ".dockerignore": "b\n.dockerignore\n"})
    bench.context(None)
    for number, dockerfile in enumerate((outside, root / "own.Dockerfile")):
        if number:
            dockerfile.write_text(outside.read_text())
            (root / ".dockerignore").write_text("*\n!a\n")
        image = made(bench, root, engine, f"d{number}", dockerfile=dockerfile, builder=builder).image_id
        container = bench.client.api.create_container(image, ["-"], labels={"opsctl-test": bench.name})["Id"]
        chunks, _ = bench.client.api.get_archive(container, "/ctx")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            assert archive.getnames() == ["ctx", "ctx/a"]


def test_cancelling_leaves_no_tag_and_no_container(bench: Workbench, engine: Engine, builder: Any) -> None:
    root = bench.context(f"FROM BASE\nRUN echo {bench.name} && sleep 600\n")
    begun = threading.Event()

    def sink(event: Event) -> None:
        if isinstance(event, Output) and bench.name in event.text:
            begun.set()

    canceller = threading.Thread(target=lambda: (begun.wait(), engine.cancel()))
    canceller.start()
    with pytest.raises(InterruptedRunError):
        build(BuildRequest(context=root, tags=[bench.tag()], builder=builder), engine, sink)
    canceller.join()
    assert not engine.images.exists(bench.tag())


def test_a_large_context_is_streamed(bench: Workbench, engine: Engine) -> None:
    import resource

    root = bench.context("FROM BASE\nRUN true\n")
    with (root / "large").open("wb") as file:
        file.truncate(200 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made(bench, root, engine, builder="classic")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10  # KiB
