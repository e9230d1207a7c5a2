"""`opsctl docker build|test|push|prune` as people and scripts use it: streams, exit codes, files."""

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import docker
import pytest

from harness.images import Workbench
from harness.program import Opsctl

PROJECT = """
opsctl: 1
project: shop
services:
  web:
    build: {context: web, args: {TEXT: hello}}
    test:
      - run: cat /text
      - file: {path: /text, mode: '0644', contains: hello}
    image: {name: NAME, tags: ['1', latest]}
    env: {MODE: test}
  broken:
    build: {context: broken}
"""


@pytest.fixture
def on_engine(opsctl: Opsctl, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Opsctl:
    """The program, on the engine, in a directory with a project."""
    monkeypatch.setenv("DOCKER_HOST", bench.url)
    root = bench.context(None, {"opsctl.yaml": PROJECT.replace("NAME", bench.name)})
    dockerfile = f"FROM {bench.base}\nARG TEXT\nRUN echo $TEXT > /text\n"
    for name, text in (("web", dockerfile), ("broken", f"FROM {bench.base}\nRUN echo first\nRUN echo why && exit 3\n")):
        (root / name).mkdir()
        (root / name / "Dockerfile").write_text(text)
    opsctl.cwd = root
    return opsctl


def test_a_directory_is_built_once_and_then_only_tagged(on_engine: Opsctl, bench: Workbench) -> None:
    first = on_engine("docker", "build", "web", "-t", bench.tag("a"), "--build-arg", "TEXT=x", check=True)
    image = bench.client.images.get(bench.tag("a"))
    assert first.stdout == f"{image.id}\n{bench.tag('a')}\n"
    assert "Step 3/4 : RUN echo $TEXT > /text" in first.stderr
    again = on_engine("docker", "build", "web", "-t", bench.tag("b"), "--build-arg", "TEXT=x", "-o", "json", check=True)
    assert json.loads(again.stdout) == {
        "image_id": image.id,
        "tags": [bench.tag("b")],
        "content_hash": image.labels["opsctl.content"],
        "skipped": True,
        "builder": "",
    }
    assert "Step" not in again.stderr


def test_arguments_without_a_value_come_from_the_environment(on_engine: Opsctl, bench: Workbench) -> None:
    words = ("docker", "build", "web", "--build-arg", "TEXT", "--label", "l=m", "-t", bench.tag())
    on_engine(*words, env={"TEXT": "from outside"}, check=True)
    found = on_engine("docker", "test", bench.tag(), "--run", 'test "$(cat /text)" = "from outside"', check=True)
    assert "passed" in found.stdout
    assert bench.client.images.get(bench.tag()).labels["l"] == "m"


def test_the_dockerfile_is_named_from_here_and_messages_name_it_so(on_engine: Opsctl, bench: Workbench) -> None:
    (on_engine.cwd / "docker").mkdir()
    (on_engine.cwd / "docker/own.Dockerfile").write_text(f"FROM {bench.base}\nCOPY Dockerfile /copied\n")
    words = ("docker", "build", "web", "-f", "docker/own.Dockerfile", "-t", bench.tag())
    on_engine(*words, check=True)
    (on_engine.cwd / "docker/own.Dockerfile").write_text("FROM\n")
    failed = on_engine(*words)
    assert failed.code == 3
    assert "own.Dockerfile:1:1: FROM requires" in failed.stderr


def test_a_service_is_built_tested_and_pushed_by_its_name(on_engine: Opsctl, bench: Workbench, registry: str) -> None:
    name = f"{registry}/{bench.name}"
    (on_engine.cwd / "opsctl.yaml").write_text(PROJECT.replace("NAME", name))
    built = on_engine("docker", "build", "--service", "web", check=True)
    assert built.stdout.splitlines()[1:] == [f"{name}:1", f"{name}:latest"]
    tested = on_engine("docker", "test", "-s", "web", "--junit", "out/web.xml", "-o", "json", check=True)
    result = json.loads(tested.stdout)
    assert [check["passed"] for check in result["checks"]] == [True, True]
    report = ET.parse(on_engine.cwd / "out/web.xml").getroot()  # noqa: S314 - our own
    assert report.attrib["tests"] == "2"
    pushed = on_engine("docker", "push", "-s", "web", check=True)
    lines = pushed.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"{name}@sha256:")


def test_a_failing_step_ends_with_1_its_place_and_no_tag(on_engine: Opsctl, bench: Workbench) -> None:
    failed = on_engine("docker", "build", "broken", "-t", bench.tag())
    assert failed.code == 1
    assert failed.stdout == ""
    assert "error: broken/Dockerfile:3: RUN echo why && exit 3: " in failed.stderr
    assert "why" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not [tag for image in bench.client.images.list() for tag in image.tags if tag == bench.tag()]


def test_under_github_actions_the_step_becomes_an_annotation(on_engine: Opsctl, bench: Workbench) -> None:
    failed = on_engine("docker", "build", "broken", env={"GITHUB_ACTIONS": "true"})
    assert failed.code == 1
    assert "::error" in failed.stdout + failed.stderr
    assert "broken/Dockerfile" in failed.stdout + failed.stderr


def test_failed_checks_end_with_1_a_table_and_a_report(on_engine: Opsctl, bench: Workbench) -> None:
    checks = on_engine.cwd / "checks.yaml"
    checks.write_text("- run: echo 'a <b> & c'; exit 4\n- {file: {path: /bin/busybox}, name: box}\n")
    done = on_engine("docker", "test", bench.base, "-f", "checks.yaml", "--junit", "r.xml")
    assert done.code == 1
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["CHECK", "RESULT", "SECONDS", "MESSAGE"]
    assert rows[2][:2] == ["box", "passed"]
    assert "failed" in done.stdout.splitlines()[1]
    assert "exit code 4" in done.stdout.splitlines()[1]
    case = ET.parse(on_engine.cwd / "r.xml").getroot()[0][0]  # noqa: S314 - our own
    assert [child.tag for child in case] == ["failure", "system-out"]
    assert case[1].text == "a <b> & c"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["build"], 2, "name a directory"),
        (["build", "."], 4, "no Dockerfile"),
        (["build", "web", "--service", "web"], 2, "not both"),
        (["build", "nowhere"], 4, "not a directory"),
        (["build", "web", "-t", "Upper"], 2, "'Upper' is not an image reference"),
        (["build", "web", "--label", "x"], 2, "NAME=VALUE"),
        (["build", "--service", "wbe"], 4, "did you mean 'web'"),
        (["test", "opsctl-test/no:1", "--run", "true"], 4, "not in the engine"),
        (["test"], 2, "name an image"),
        (["test", "x"], 2, "nothing to check"),
        (["push"], 2, "nothing to push"),
        (["push", "opsctl-test/no:1"], 4, "not in the engine"),
        (["push", "x", "--service", "web"], 2, "not both"),
        (["prune", "--keep", "-1"], 2, "-1"),
        (["build", "web", "--engine", "unix:///no/such.sock"], 6, "does not answer"),
        (["build", "web", "--engine", "nonsense"], 2, "nonsense"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_with_its_code(
    on_engine: Opsctl, args: list[str], code: int, message: str
) -> None:
    done = on_engine("docker", *args)
    assert (done.code, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.parametrize(
    "text", ["- run: x\n  file: {path: /a}\n", "- rnu: x\n", "run: x\n", "", "- {http: {path: /, status: 9}}\n"]
)
def test_a_wrong_file_of_checks_is_named_with_the_place(on_engine: Opsctl, bench: Workbench, text: str) -> None:
    (on_engine.cwd / "checks.yaml").write_text(text)
    done = on_engine("docker", "test", bench.base, "-f", "checks.yaml")
    assert done.code == 3
    assert "checks.yaml" in done.stderr


def test_denied_is_5(on_engine: Opsctl, bench: Workbench, registry_auth: Any) -> None:
    reference = f"{registry_auth.host}/{bench.name}:1"
    bench.client.api.tag(bench.base, f"{registry_auth.host}/{bench.name}", "1")
    done = on_engine("docker", "push", reference)
    assert done.code == 5
    assert "hint: log in with `docker login" in done.stderr


def test_interrupting_a_build_is_130_and_leaves_no_tag_and_no_container(on_engine: Opsctl, bench: Workbench) -> None:
    (on_engine.cwd / "web/Dockerfile").write_text(f"FROM {bench.base}\nRUN echo {bench.name} && sleep 600\n")
    child = on_engine.start("docker", "build", "web", "-t", bench.tag())
    assert child.stderr is not None
    container = ""
    for line in child.stderr:
        container = line.split()[-1] if "Running in" in line else container
        if line.rstrip().endswith(bench.name):  # the command's own output, not the step
            break
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    with suppress(docker.errors.NotFound):  # the engine takes it away when it sees that nobody listens any more
        bench.client.api.wait(container, timeout=60, condition="removed")
    assert not [tag for image in bench.client.images.list() for tag in image.tags if tag == bench.tag()]


def test_interrupting_a_test_removes_its_container(on_engine: Opsctl, bench: Workbench) -> None:
    child = on_engine.start("docker", "test", bench.base, "--run", f"echo {bench.name}-begun; sleep 600")
    assert child.stderr is not None
    for line in child.stderr:
        if line.rstrip().endswith(f" {bench.name}-begun"):
            break
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    running = bench.client.containers.list(all=True, filters={"label": "opsctl.test"})
    assert not [one for one in running if bench.name in str(one.attrs["Config"]["Cmd"])]


def test_prune_lists_first_and_removes_when_told(on_engine: Opsctl, bench: Workbench) -> None:
    for text in "abc":
        on_engine(
            "docker", "build", "web", "-t", bench.tag(text), "--build-arg", f"TEXT={bench.name}{text}", check=True
        )
    # Others may build on this engine too, so only the own images are looked at.
    listed = on_engine("docker", "prune", "--keep", "1000000", "-o", "json", check=True)
    assert bench.name not in listed.stdout
    plan = on_engine("docker", "prune", "--keep", "1", "-o", "json", check=True)
    mine = [item["names"] for item in json.loads(plan.stdout)["removed"] if bench.name in str(item["names"])]
    assert mine == [[bench.tag("b")], [bench.tag("a")]]
    assert {bench.tag(text) for text in "abc"} <= {tag for image in bench.client.images.list() for tag in image.tags}


def test_help_shows_real_examples(opsctl: Opsctl) -> None:
    for command in ("build", "test", "push", "prune"):
        page = opsctl("docker", command, "--help", check=True).stdout
        examples = [line for line in page.splitlines() if line.startswith(f"  opsctl docker {command}")]
        assert examples
        assert "\\b" not in page


def test_the_path_of_a_context_may_look_like_an_option(on_engine: Opsctl, bench: Workbench) -> None:
    odd = on_engine.cwd / "-odd dir"
    odd.mkdir()
    (odd / "Dockerfile").write_text(f"FROM {bench.base}\nCOPY . /x\n")
    on_engine("docker", "build", "-t", bench.tag(), "--", "-odd dir", check=True)
    assert Path(odd).is_dir()
