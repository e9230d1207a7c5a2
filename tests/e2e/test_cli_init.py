"""`opsctl init`: what it writes works at once."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from harness.program import PROGRAM, Opsctl

PIPELINES = ["pipelines/ci.yaml", "pipelines/deploy.yaml"]
FILES = ["opsctl.yaml", *PIPELINES, ".github/workflows/opsctl.yml", ".opsctl/.gitignore"]
TEST = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test(self): ...\n"


def files(shop: Path) -> list[str]:
    """Return what is written: a page too where there is nothing that could be released."""
    empty = not (shop / "shop.py").exists()
    return [*FILES, *(["public/index.html"] if empty else [])]


@pytest.fixture(params=["nothing", "python", "docker"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory as people have them before they know opsctl."""
    if request.param != "nothing":
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests/test_shop.py").write_text(TEST)
        (tmp_path / "shop.py").write_text("print('shop')\n")
    if request.param == "docker":
        (tmp_path / "Dockerfile").write_text("FROM scratch\nEXPOSE 8000\n")
    return tmp_path


def test_what_is_written_is_right(opsctl: Opsctl, shop: Path) -> None:
    expected = files(shop)
    done = opsctl("init", "--name", "shop", "-o", "json", check=True)
    assert "before the workflow can run: set the repository variable OPSCTL_PACKAGE" in done.stderr
    assert json.loads(done.stdout) == {"project": "shop", "written": expected, "kept": []}
    opsctl("config", "check", check=True)
    for name in PIPELINES:
        opsctl("pipeline", "validate", name, check=True)


@pytest.mark.parametrize("shop", ["python"], indirect=True)
def test_what_is_written_runs(opsctl: Opsctl, shop: Path) -> None:
    opsctl("init", "--name", "shop", check=True)
    env = {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    for name in PIPELINES:
        opsctl("run", name, env=env, check=True)
    opsctl("deploy", "status", "shop", "--env", "local", check=True)
    assert (shop / ".opsctl/releases").is_dir()


def test_the_workflow_passes_the_tools_that_check_workflows(opsctl: Opsctl, shop: Path) -> None:
    opsctl("init", check=True)
    tools = Path(sys.executable).parent
    workflow = shop / ".github/workflows/opsctl.yml"
    for argv in (
        [tools / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow],
        [tools / "zizmor", "--offline", "--quiet", "--no-progress", workflow],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_second_time_changes_nothing(opsctl: Opsctl, shop: Path) -> None:
    opsctl("init", check=True)
    (shop / "opsctl.yaml").write_text("mine")
    done = opsctl("init", check=True)
    assert done.stdout.splitlines() == [f"kept   {name}" for name in FILES]
    assert "OPSCTL_PACKAGE" not in done.stderr
    assert (shop / "opsctl.yaml").read_text() == "mine"


def test_a_name_that_cannot_be_one_is_told_before_anything_is_written(opsctl: Opsctl, tmp_path: Path) -> None:
    done = opsctl("init", "--name", "My Shop")
    assert done.code == 2
    assert done.stderr == "error: 'My Shop' is no name for a project\nhint: for example 'my-shop'\n"
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_the_name_is_asked_for(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "init"], cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    ) as child:
        os.close(follower)
        os.write(leader, b"asked-for\n")
        shown = b""
        while b"next:" not in shown:
            shown += os.read(leader, 4096)
        assert child.wait(30) == 0
    os.close(leader)
    assert b"Name of the project [" in shown
    assert "project: asked-for\n" in (tmp_path / "opsctl.yaml").read_text()
