"""What is sent to the builder is what the docker command sends, ignore file by ignore file.

The docker command's own classic builder is run against an engine that keeps what it is sent; three cases are
built for real.
"""

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.engine import Answer, FakeEngine, notes
from harness.images import Workbench
from opsctl.docker.build import BuildRequest, build
from opsctl.docker.context import open_context
from opsctl.docker.engine import connect
from servers.tools import missing_program

DOCKERFILE = "FROM scratch\nCOPY . /ctx\n"
FILES = [
    *("a", "b.md", "README.md", "secret.txt", "docs/a.md", "docs/b.txt", "docs/deep/c.md", "docs/deep/secret.txt"),
    *("src/a", "src/.hidden", "src/x/y/z.py", "src/x/y/z.pyc", "with space/f", "é/ü", "x[1]", "dir!/f", "d*/f"),
]

CASES = [
    *("", "*", "*\n!docs", "**\n!src/x\nsrc/x/y/z.pyc", "docs\n!docs/deep/c.md", "docs/*\n!docs/deep", "docs/**/*.md"),
    *("**/*.md\n!README.md", "**/secret*\n**/.hidden", "*/secret.txt\n!docs", "docs/**\n!docs/*.md", "**/deep/**"),
    "/docs/\n ./src/x/../a \n# README.md\nb.md\r\n#a",
    *("Dockerfile\n.dockerignore\na", ".dockerignore", "*.md\n!*.md\nREADME.md", "**py\nwith space\né", "**/**"),
    *("x\\[1\\]\ndir!\nd\\*", "src/[!x]\nsrc/[a-c]", "?\n!a", "\ufeffa\nb.md", "!a\na\n!a", "[^a-r]*", "docs/dee?/*"),
]

AFTERWARDS = {"Dockerfile", ".dockerignore"}
"""Sent or not, the builder takes them out where they are ignored; the cases that are built for real look at them."""


OLDEST = 23
"""Older commands read `**` and exceptions below an ignored directory otherwise (github.com/moby/patternmatcher)."""


@pytest.fixture(scope="session")
def docker_command() -> None:
    if reason := missing_program("docker", "docker.io"):
        pytest.skip(reason)
    said = subprocess.check_output(["docker", "--version"], text=True)
    version = re.search(r"version (\d+)", said)
    if version is None or int(version[1]) < OLDEST:
        pytest.skip(f"docker {OLDEST} or newer is wanted to compare with, this is {said.strip()}")


def fill(root: Path, ignored: str) -> Path:
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / ".dockerignore").write_text(ignored, newline="")
    (root / "empty").mkdir(exist_ok=True)
    (root / "link").unlink(missing_ok=True)
    (root / "link").symlink_to("../outside")
    return root


def docker_build(url: str, root: Path, tag: str) -> None:
    env = {**os.environ, "DOCKER_HOST": url, "DOCKER_BUILDKIT": "0"}
    command = ["docker", "build", "-q", "-t", tag, str(root)]
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def entries(data: bytes) -> dict[str, tuple[bytes, int, str]]:
    """Name -> type, mode, target of what is in an archive.

    The docker command leaves out the entry of an ignored directory of which something is kept, and the engine then
    makes one with other permissions; so directories count only when they are empty.
    """
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {member.name: (member.type, member.mode & 0o777, member.linkname) for member in archive}
    parents = {name.rpartition("/")[0] for name in found}
    return {name: entry for name, entry in found.items() if name not in parents | AFTERWARDS}


def compare(engine: FakeEngine, root: Path, ignored: str) -> None:
    fill(root, ignored)
    docker_build(engine.url, root, "x:1")
    ours = b"".join(open_context(root, Path("Dockerfile")).stream())
    theirs = next(asked.body for asked in reversed(engine.asked) if asked.path.startswith("/build"))
    assert entries(ours) == entries(theirs)


@pytest.fixture
def keeper(fake_engine: FakeEngine) -> FakeEngine:
    """An engine that accepts every build."""
    fake_engine.on("POST", "/build", lambda _: Answer(notes({"aux": {"ID": "sha256:" + "0" * 64}})))
    return fake_engine


@pytest.mark.parametrize("ignored", CASES)
def test_the_same_files_are_sent(docker_command: None, keeper: FakeEngine, tmp_path: Path, ignored: str) -> None:
    compare(keeper, tmp_path, ignored)


part = st.sampled_from(["a", "docs", "deep", "src", "x", "*", "**", "*.md", "b.*", "?", "[a-d]*", "secret.txt", "y"])
# An exception without wildcards: with them the classic builder leaves out what BuildKit and opsctl keep.
literal = st.sampled_from(["a", "docs", "docs/a.md", "docs/deep", "docs/deep/c.md", "src/x", "src/x/y/z.py", "src"])
line = st.lists(part, min_size=1, max_size=3).map("/".join) | literal.map(lambda text: f"!{text}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(line, min_size=1, max_size=6))
def test_the_same_files_are_sent_for_random_patterns(
    docker_command: None, keeper: FakeEngine, tmp_path: Path, lines: list[str]
) -> None:
    compare(keeper, tmp_path, "\n".join(lines))


def content(client: Any, image: str) -> list[str]:
    """Names below /ctx."""
    container = client.api.create_container(image, ["-"])["Id"]
    try:
        chunks, _ = client.api.get_archive(container, "/ctx")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            return sorted(archive.getnames())
    finally:
        client.api.remove_container(container, v=True, force=True)


@pytest.mark.parametrize("ignored", ["", "*\n!a", "Dockerfile\nsrc"])
def test_the_same_files_get_in(docker_command: None, bench: Workbench, ignored: str) -> None:
    root = fill(bench.context(None), ignored)
    with connect(bench.url) as engine:
        ours = build(BuildRequest(context=root, tags=[bench.tag("ours")], builder="classic"), engine)
    docker_build(bench.url, root, bench.tag("theirs"))
    assert content(bench.client, ours.image_id) == content(bench.client, bench.tag("theirs"))


def test_an_exception_with_a_wildcard_keeps_what_buildkit_keeps(bench: Workbench, builder: Any) -> None:
    root = fill(bench.context(None), "docs\n!**/*.md\n")
    with connect(bench.url) as engine:
        image = build(BuildRequest(context=root, tags=[bench.tag(builder)], builder=builder), engine).image_id
    kept = [name for name in content(bench.client, image) if name.startswith("ctx/docs/")]
    assert kept == ["ctx/docs/a.md", "ctx/docs/deep", "ctx/docs/deep/c.md"]
