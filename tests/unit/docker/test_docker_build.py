"""What a build is made of: the hash, the argv, the errors that builders' words become."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Answer, Asked, FakeEngine, notes
from opsctl.docker import buildx, dockerfile
from opsctl.docker.build import CONTENT_LABEL, BuildRequest, build, content_hash
from opsctl.docker.context import open_context
from opsctl.docker.engine import Engine, connect
from opsctl.docker.job import Build, BuildFailedError, failure
from opsctl.errors import (
    ConfigError,
    DeniedError,
    InterruptedRunError,
    LocalIOError,
    MissingToolError,
    NotFoundError,
    OpsctlError,
    StepFailedError,
    TransientError,
    UsageError,
)
from opsctl.events import Event, Output, SpanFinished

IMAGE = "sha256:" + "1" * 64
MARK = "opsctl.content=" + "a" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    path.mkdir()
    (path / "Dockerfile").write_text("FROM scratch\nCOPY a /a\nRUN false\n")
    (path / "a").write_text("1")
    return path


def job(root: Path, **changes: Any) -> Build:
    context = open_context(root, Path("Dockerfile"))
    given = {"args": {}, "labels": {}, "mark": MARK, "target": "", "pull": False, "cached": True, "span": "build"}
    parsed = dockerfile.parse(context.dockerfile.read_text())
    return Build(context=context, dockerfile=parsed, **{**given, **changes})


@pytest.fixture
def engine(fake_engine: FakeEngine) -> Iterator[Engine]:
    fake_engine.on("GET", "/images/json", Answer([]))
    fake_engine.on("POST", "/images/.*/tag", Answer(status=201))
    with connect(fake_engine.url) as connected:
        yield connected


# The content hash.


def hashed(root: Path, *, bases: dict[str, str] | None = None, **changes: Any) -> str:
    context = open_context(root, Path("Dockerfile"))
    text = context.dockerfile.read_bytes()
    return content_hash(BuildRequest(context=root, **changes), context, text, bases=bases or {})


def test_the_hash_covers_what_makes_the_image_and_nothing_else(root: Path) -> None:
    same = hashed(root)
    assert hashed(root, tags=["x:1"], name="other", parent="p", force=True, builder="classic") == same
    different = [
        *(hashed(root, args={"A": "1"}), hashed(root, args={"A": "2"}), hashed(root, labels={"A": "1"})),
        *(hashed(root, target="x"), hashed(root, bases={"a": ""}), hashed(root, bases={"a": IMAGE})),
    ]
    (root / "a").write_text("2")
    different.append(hashed(root))
    assert len({same, *different}) == len(different) + 1


def test_a_dockerfile_outside_of_the_context_counts(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "other.Dockerfile"
    hashes = set()
    for text in (b"FROM a", b"FROM b", b"FROM b\r", b"FROM \xff", b"FROM \xfe"):
        outside.write_bytes(text)
        context = open_context(root, outside)
        hashes.add(content_hash(BuildRequest(context=root), context, text, bases={}))
    assert len(hashes) == 5


# Refused before anything is sent.


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tags": ["Web"]}, UsageError),
        ({"tags": ["web@sha256:" + "0" * 64]}, UsageError),
        ({"labels": {CONTENT_LABEL: "x"}}, UsageError),
        ({"context": Path("/nowhere")}, NotFoundError),
        ({"dockerfile": Path("no")}, NotFoundError),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_sent(
    fake_engine: FakeEngine, engine: Engine, root: Path, changes: dict[str, Any], error: type[OpsctlError]
) -> None:
    before = len(fake_engine.asked)
    with pytest.raises(error):
        build(BuildRequest(**{"context": root, **changes}), engine)
    assert len(fake_engine.asked) == before


def test_what_needs_buildkit_is_refused_with_its_line_when_there_is_none(engine: Engine, root: Path) -> None:
    (root / "Dockerfile").write_text("FROM scratch\nRUN --mount=type=cache,target=/x ls\n")
    with pytest.raises(MissingToolError, match=r"Dockerfile:2: RUN --mount needs BuildKit") as caught:
        build(BuildRequest(context=root, builder="classic"), engine)
    assert "buildx" in caught.value.hint


def test_buildx_that_is_asked_for_and_not_there_is_named(
    engine: Engine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingToolError, match="buildx is not installed"):
        build(BuildRequest(context=root, builder="buildx"), engine)


# The classic builder's stream.


def streamed(*items: dict[str, Any]) -> Any:
    return lambda _: Answer(notes(*items))


def test_the_stream_becomes_output_and_the_image_is_tagged_last(
    fake_engine: FakeEngine, engine: Engine, root: Path
) -> None:
    said = [
        {"stream": "Step 1/3 : FROM scratch"},
        {"stream": "\n"},
        {"stream": "one\ntwo\n"},
        {"stream": "\x1b[91mred\n\x1b[0m"},
        {"aux": {"ID": IMAGE}},
    ]
    fake_engine.on("POST", "/build", streamed(*said))
    told: list[Event] = []
    result = build(BuildRequest(context=root, tags=["web:1", "web"], builder="classic"), engine, told.append)
    assert (result.image_id, result.tags, result.skipped, result.builder) == (
        *(IMAGE, ("web:1", "web:latest"), False, "classic"),
    )
    outputs = [(event.text, event.stream) for event in told if isinstance(event, Output)]
    assert outputs == [
        ("Step 1/3 : FROM scratch", "stdout"),
        *[(x, "stdout") for x in ("one", "two")],
        ("red", "stderr"),
    ]
    assert [asked.path for asked in fake_engine.asked][-2:] == [f"/images/{IMAGE}/tag"] * 2


def test_arguments_and_labels_reach_the_builder_as_they_are(
    fake_engine: FakeEngine, engine: Engine, root: Path
) -> None:
    fake_engine.on("POST", "/build", streamed({"aux": {"ID": IMAGE}}))
    odd = "a b&c=d\"e'\n$é"
    request = BuildRequest(
        context=root, args={"A": odd}, labels={"l": odd}, target="prod", builder="classic", force=True
    )
    result = build(request, engine)
    query = next(asked.query for asked in fake_engine.asked if asked.path == "/build")
    assert json.loads(query["buildargs"]) == {"A": odd}
    assert json.loads(query["labels"]) == {"l": odd, CONTENT_LABEL: result.content_hash}
    flags = [query[name] for name in ("target", "nocache", "rm", "forcerm")]
    assert flags == ["prod", "True", "True", "True"]


def test_a_failing_step_is_named_with_file_line_and_last_lines(
    fake_engine: FakeEngine, engine: Engine, root: Path
) -> None:
    text = "The command '/bin/sh -c false' returned a non-zero code: 1"
    said = [
        {"stream": "Step 3/3 : RUN false\n"},
        {"stream": "why\n"},
        {"errorDetail": {"message": text}, "error": text},
    ]
    fake_engine.on("POST", "/build", streamed(*said))
    told: list[Event] = []
    with pytest.raises(BuildFailedError) as caught:
        build(BuildRequest(context=root, tags=["web:1"], builder="classic"), engine, told.append)
    error = caught.value
    assert (error.file, error.line) == (str(root / "Dockerfile"), 3)
    assert error.tail == ("Step 3/3 : RUN false", "why")
    assert error.message.startswith(f"{root}/Dockerfile:3: RUN false: The command")
    finished = told[-1]
    assert isinstance(finished, SpanFinished)
    assert (finished.status, finished.file, finished.line) == ("failed", error.file, 3)
    assert not [asked for asked in fake_engine.asked if "/tag" in asked.path]


def test_a_stream_that_ends_without_an_image_is_no_success(fake_engine: FakeEngine, engine: Engine, root: Path) -> None:
    fake_engine.on("POST", "/build", streamed({"stream": "Step 1/3 : FROM scratch\n"}))
    with pytest.raises(TransientError, match="without an image"):
        build(BuildRequest(context=root, builder="classic"), engine)


def test_cancelling_ends_the_build_and_gives_no_tag(fake_engine: FakeEngine, engine: Engine, root: Path) -> None:
    begun, done = threading.Event(), threading.Event()

    def endless(asked: Asked) -> Answer:
        def chunks() -> Iterator[bytes]:
            yield b'{"stream":"Step 1/3 : FROM scratch\\n"}\r\n'
            begun.set()
            done.wait()

        return Answer(chunks())

    fake_engine.on("POST", "/build", endless)
    canceller = threading.Thread(target=lambda: (begun.wait(), engine.cancel()))
    canceller.start()
    told: list[Event] = []
    try:
        with pytest.raises(InterruptedRunError):
            build(BuildRequest(context=root, tags=["web:1"], builder="classic"), engine, told.append)
    finally:
        done.set()
        canceller.join()
    assert isinstance(told[-1], SpanFinished)
    assert told[-1].status == "cancelled"
    assert not [asked for asked in fake_engine.asked if "/tag" in asked.path]


def test_a_file_that_cannot_be_read_ends_the_build_with_its_name(
    fake_engine: FakeEngine, engine: Engine, root: Path
) -> None:
    fake_engine.on("GET", "/images/json", lambda _: ((root / "a").unlink(), Answer([]))[1])
    fake_engine.on("POST", "/build", streamed({"aux": {"ID": IMAGE}}))
    with pytest.raises(LocalIOError, match="/a"):
        build(BuildRequest(context=root, builder="classic"), engine)


# Finding an image of the same content.


def labelled(fake_engine: FakeEngine, last_step: str) -> None:
    def listed(asked: Asked) -> Answer:
        wanted = json.loads(asked.query["filters"])["label"][0]
        step = last_step.replace("CONTENT", wanted)
        fake_engine.on("GET", f"/images/{IMAGE}/json", Answer({"Id": IMAGE, "Config": {}}))
        fake_engine.on("GET", f"/images/{IMAGE}/history", Answer([{"CreatedBy": step}]))
        return Answer([{"Id": IMAGE}])

    fake_engine.on("GET", "/images/json", listed)


def test_an_image_of_the_same_content_only_gets_the_tag(fake_engine: FakeEngine, engine: Engine, root: Path) -> None:
    labelled(fake_engine, "/bin/sh -c #(nop)  LABEL CONTENT")
    result = build(BuildRequest(context=root, tags=["web:2"], builder="classic"), engine)
    assert (result.image_id, result.skipped, result.builder) == (IMAGE, True, "")
    assert not [asked for asked in fake_engine.asked if asked.path == "/build"]


def test_an_image_built_on_one_of_that_content_is_not_taken_for_it(
    fake_engine: FakeEngine, engine: Engine, root: Path
) -> None:
    labelled(fake_engine, "RUN something else")
    fake_engine.on("POST", "/build", streamed({"aux": {"ID": IMAGE}}))
    assert not build(BuildRequest(context=root, builder="classic"), engine).skipped


# What builders' words become.


@pytest.mark.parametrize(
    ("text", "instruction", "error"),
    [
        (
            "The command '/bin/sh -c curl --connect-timeout 1 denied: x' returned a non-zero code: 7",
            "RUN curl",
            StepFailedError,
        ),
        ("executor failed running [/bin/sh -c x timeout]: exit code: 1", "RUN x timeout", StepFailedError),
        ("COPY failed: file not found in build context: stat x: file does not exist", "COPY x /x", StepFailedError),
        ("pull access denied for x, repository does not exist", "FROM x", DeniedError),
        ("manifest for x:1 not found: manifest unknown", "FROM x:1", NotFoundError),
        ("Error processing tar file(exit status 1): write /x: no space left on device", "COPY . /", LocalIOError),
        ("Get https://x: dial tcp: i/o timeout", "ADD https://x /x", TransientError),
        ("the --mount option requires BuildKit", "RUN --mount", MissingToolError),
        ("dockerfile parse error line 5: unknown instruction: FOO", "", ConfigError),
        ("the Dockerfile (Dockerfile) cannot be empty", "", ConfigError),
    ],
)
def test_a_builders_words_become_the_right_error(
    root: Path, text: str, instruction: str, error: type[OpsctlError]
) -> None:
    found = failure(job(root), text, line=2, instruction=instruction)
    assert isinstance(found, error)
    assert len(found.message.splitlines()) == 1
    assert str(root) in found.message


def test_an_error_of_the_parser_has_its_line(root: Path) -> None:
    found = failure(job(root), "dockerfile parse error line 5: unknown instruction: FOO")
    assert isinstance(found, ConfigError)
    assert (found.problems[0].line, found.problems[0].message) == (5, "unknown instruction: FOO")


# buildx.


def test_the_argv_of_buildx_holds_no_values_of_arguments(root: Path) -> None:
    build = job(root, args={"TOKEN": "hunter2", "B": ""}, labels={"l": "v w"}, target="prod", pull=True, cached=False)
    words = buildx.argv(build, Path("/tmp/x/Dockerfile"), Path("/tmp/x/id"), builder="lab")
    assert words == [
        *("docker", "buildx", "build", "--builder", "lab", "--load", "--progress", "plain"),
        *("--iidfile", "/tmp/x/id", "--file", "/tmp/x/Dockerfile", "--label=l=v w"),
        *("--build-arg=TOKEN", "--build-arg=B", "--target", "prod", "--pull", "--no-cache", "--", str(root)),
    ]


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("FROM a\nRUN b", "", f"FROM a\nRUN b\nLABEL {MARK}\n"),
        ("FROM a AS x\nRUN b\nFROM c\n", "x", f"FROM a AS x\nRUN b\nLABEL {MARK}\nFROM c\n"),
        ("FROM a AS x\nFROM c AS y\n", "y", f"FROM a AS x\nFROM c AS y\nLABEL {MARK}\n"),
    ],
)
def test_the_mark_is_the_last_step_of_the_target(
    root: Path, tmp_path: Path, text: str, target: str, expected: str
) -> None:
    (root / "Dockerfile").write_text(text)
    (root / ".dockerignore").write_text("x")
    copy = buildx.labelled(job(root, target=target), tmp_path)
    assert copy.read_text() == expected
    assert (tmp_path / "Dockerfile.dockerignore").read_text() == "x"


FAILED_RUN = """#6 [3/4] RUN false
#6 ERROR: executor failed running [/bin/sh -c false]: exit code: 1
------
 > [3/4] RUN false:
------
ERROR: failed to build: failed to solve: executor failed running [/bin/sh -c false]: exit code: 1
"""
FAILED_PARSE = """#1 DONE 0.1s
ERROR: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: failed to create \
LLB definition: dockerfile parse error line 5: unknown instruction: FOO
"""


@pytest.fixture
def fake_buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command with a buildx that does what its script says."""
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 9\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    return script


@pytest.mark.parametrize(("output", "line"), [(FAILED_RUN, 3), (FAILED_PARSE, 5)])
def test_what_buildx_prints_when_it_fails_is_read(
    fake_buildx: Path, engine: Engine, root: Path, output: str, line: int
) -> None:
    fake_buildx.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{output}END\nexit 1\n")
    told: list[Event] = []
    with pytest.raises(OpsctlError) as caught:
        buildx.run(job(root), engine, told.append)
    assert f"{root}/Dockerfile:{line}" in caught.value.message
    assert "rpc error" not in caught.value.message
    assert len(told) == len(output.splitlines())


def test_values_reach_buildx_by_the_environment_and_the_id_comes_back(
    fake_buildx: Path, engine: Engine, root: Path
) -> None:
    fake_buildx.write_text(
        f"""#!/bin/sh
echo "$TOKEN $DOCKER_HOST" >&2
while [ "$1" != --iidfile ]; do shift; done
printf '{IMAGE}' > "$2"
"""
    )
    told: list[Event] = []
    assert buildx.run(job(root, args={"TOKEN": "t"}), engine, told.append) == IMAGE
    assert told == [Output("build", f"t {engine.url}")]


def test_an_argument_never_changes_what_the_docker_command_itself_does(
    fake_buildx: Path, engine: Engine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    fake_buildx.write_text(
        f"""#!/bin/sh
for word; do case $word in --build-arg=*) echo "$word" >&2;; esac; done
echo "$PATH|$DOCKER_HOST|$HOME|$http_proxy|$LD_PRELOAD|$BUILDKIT_HOST|$VERSION" >&2
while [ "$1" != --iidfile ]; do shift; done
printf '{IMAGE}' > "$2"
"""
    )
    names = ("PATH", "DOCKER_HOST", "HOME", "http_proxy", "LD_PRELOAD", "BUILDKIT_HOST")
    told: list[Event] = []
    buildx.run(job(root, args={**dict.fromkeys(names, "/odd"), "VERSION": "3"}), engine, told.append)
    path, home = os.environ["PATH"], os.environ["HOME"]
    lines = [event.text for event in told if isinstance(event, Output)]
    assert lines == [
        *(f"--build-arg={name}=/odd" for name in names),
        "--build-arg=VERSION",
        f"{path}|{engine.url}|{home}||||3",
    ]


def test_cancelling_ends_buildx_and_all_that_it_started(fake_buildx: Path, engine: Engine, root: Path) -> None:
    # The background process ignores SIGINT and holds the log open: the build is over only when it is gone too.
    fake_buildx.write_text("#!/bin/sh\nsleep 600 &\necho begun >&2\nwait\n")
    with pytest.raises(InterruptedRunError):
        buildx.run(job(root), engine, lambda _: engine.cancel())
