"""The first files of a project fit what is in its directory, and are right whatever that is."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opsctl.cli.starter import HOW_TO_INSTALL, Findings, make_files, plant, survey
from opsctl.cli.starter.survey import to_name
from opsctl.cli.starter.tests import _UNITTEST, to_command
from opsctl.config.models import DEPLOY_VERBS
from opsctl.config.project import load_project
from opsctl.deploy.artifact import collect
from opsctl.errors import LocalIOError, NotFoundError

CASE = "import unittest\nclass T(unittest.TestCase):\n    def test(self): ...\n"
PYTEST = "def test_it():\n    assert True\n"
PACKAGE = ', "-s", "tests", "-t", "."'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, Findings("x")),
        (
            {"Dockerfile": "FROM a\nEXPOSE 81/tcp 9090\n"},
            Findings("x", dockerfile=True, port=81, files=("Dockerfile",)),
        ),
        ({"Dockerfile": "FROM a\nexpose 80/tcp\n"}, Findings("x", dockerfile=True, port=80, files=("Dockerfile",))),
        ({"Dockerfile": "EXPOSE $PORT\n"}, Findings("x", dockerfile=True, files=("Dockerfile",))),
        ({"Makefile": "all:\n\ntest: all\n\ttrue\n"}, Findings("x", test="make test")),
        (
            {"pyproject.toml": "[project]\nname='x'\n", "tests/test_a.py": CASE, "src/x.py": ""},
            Findings(
                "x",
                install="pip install --editable .",
                test=_UNITTEST.format(start=', "-s", "tests"'),
                files=("pyproject.toml", "src/"),
            ),
        ),
        (
            {"pyproject.toml": "[project.optional-dependencies]\ndev=[]\ntest=['pytest']\n", "test_a.py": ""},
            Findings(
                "x",
                install="pip install --editable '.[test]'",
                test="python -m pytest",
                files=("pyproject.toml",),
            ),
        ),
        ({"tests/test_a.py": PYTEST}, Findings("x", install="pip install pytest", test="python -m pytest")),
        (
            {"tests/test_a.py": PYTEST + CASE},
            Findings("x", install="pip install pytest", test="python -m pytest"),
        ),
        ({"tests/test_a.py": "print(1)\n"}, Findings("x")),
        ({"tests/__init__.py": "", "tests/test_a.py": CASE}, Findings("x", test=_UNITTEST.format(start=PACKAGE))),
        ({"test_a.py": CASE}, Findings("x", test=_UNITTEST.format(start=""))),
        ({".venv/x/test_a.py": PYTEST, "node_modules/test_a.py": PYTEST}, Findings("x")),
        ({"public/a.html": ""}, Findings("x", files=("public/",), site="public")),
        ({"dist/x.whl": "", "site/index.html": ""}, Findings("x", files=("site/",), site="site")),
        ({"setup.py": "", "conftest.py": "", "test_a.py": ""}, None),
        (
            {"pyproject.toml": "not toml ["},
            Findings("x", install="pip install --editable .", files=("pyproject.toml",)),
        ),
        ({".git/HEAD": "ref: refs/heads/release/1\n"}, Findings("x", branch="release/1")),
        ({".git/HEAD": "0123abc\n"}, Findings("x")),
    ],
)
def test_what_is_found(tmp_path: Path, files: dict[str, str], found: Findings | None) -> None:
    root = tmp_path / "x"
    root.mkdir()
    seen = survey(write(root, files))
    if found is None:
        assert seen.install == "pip install --editable . pytest"
        return
    assert seen == found


@given(st.text())
def test_a_name_is_always_one_that_a_project_may_have(text: str) -> None:
    name = to_name(text)
    assert to_name(name) == name
    assert 0 < len(name) <= 44
    assert name not in DEPLOY_VERBS


@given(
    st.builds(
        Findings,
        name=st.text(max_size=60).map(to_name),
        dockerfile=st.booleans(),
        port=st.one_of(st.none(), st.integers(1, 65535)),
        test=st.sampled_from(["", "make test", "python -m pytest", _UNITTEST.format(start="")]),
        install=st.sampled_from(["", "pip install --editable '.[test]'"]),
        site=st.sampled_from(["", "public", "site", "dist"]),
        files=st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1), max_size=3).map(tuple),
        branch=st.text(st.characters(exclude_categories=["C"]), min_size=1),
    )
)
def test_every_project_is_right(tmp_path_factory: pytest.TempPathFactory, found: Findings) -> None:
    files = make_files(found)
    root = tmp_path_factory.mktemp("project")
    (root / "opsctl.yaml").write_text(files["opsctl.yaml"])
    assert load_project(cwd=root, env={}).project.project == found.name
    for name in ("pipelines/ci.yaml", "pipelines/deploy.yaml", ".github/workflows/opsctl.yml"):
        assert yaml.safe_load(files[name])
    assert yaml.safe_load(files[".github/workflows/opsctl.yml"])[True]["push"]["branches"] == [found.branch]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write(tmp_path, {"a": "mine"})
    (tmp_path / "dangling").symlink_to("nowhere")
    planted = plant(tmp_path, {"a": "new", "b/c": "new", "dangling": "new"}, project="x")
    assert (planted.written, planted.kept) == (["b/c"], ["a", "dangling"])
    assert (tmp_path / "a").read_text() == "mine"
    assert (tmp_path / "b/c").read_text() == "new"
    assert not (tmp_path / "nowhere").exists()


def test_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"pipelines": "a file"})
    with pytest.raises(LocalIOError, match=r"cannot write .*pipelines/ci.yaml"):
        plant(tmp_path, {"pipelines/ci.yaml": "x"}, project="x")


def test_a_file_whose_name_is_no_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    (tmp_path / "a.txt").touch()
    assert survey(tmp_path).files == ("a.txt",)


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        survey(tmp_path / "none")


@pytest.mark.parametrize("count", [0, 3, 21])
def test_a_release_never_holds_the_files_of_the_project_itself(tmp_path: Path, count: int) -> None:
    write(
        tmp_path,
        {f"page{index}.html": "x" for index in range(count)}
        | {".env": "TOKEN=x", "tests/data.txt": "x", ".git/HEAD": "x"},
    )
    plant(tmp_path, make_files(survey(tmp_path)), project="x")
    project = load_project(cwd=tmp_path, env={}).project
    [service] = project.services.values()
    assert service.artifact is not None
    pages = sorted(f"page{index}.html" for index in range(count))
    held = [file.path for file in collect(service.artifact, tmp_path).files]
    assert held == (pages or ["index.html"])


@pytest.mark.parametrize("found", [Findings("x"), Findings("x", install="pip install --editable .")])
def test_the_workflow_installs_opsctl_only_from_where_the_user_says(found: Findings) -> None:
    """On a package index the name `opsctl` belongs to somebody else, whose code CI would run."""
    workflow = make_files(found)[".github/workflows/opsctl.yml"]
    steps = yaml.safe_load(workflow)["jobs"]["ci"]["steps"]
    [install] = [step for step in steps if "OPSCTL_PACKAGE" in step.get("run", "")]
    assert install["env"] == {"OPSCTL_PACKAGE": "${{ vars.OPSCTL_PACKAGE }}"}
    assert "install opsctl" not in "".join(step.get("run", "") for step in steps)
    script = install["run"].replace("pip install", "printf %s")
    unset = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=False)
    assert unset.returncode != 0
    assert f"OPSCTL_PACKAGE: {HOW_TO_INSTALL}" in unset.stderr
    env = {"OPSCTL_PACKAGE": "https://example.com/opsctl.whl#sha256=1 2"}
    named = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert named.stdout == env["OPSCTL_PACKAGE"]


@pytest.mark.parametrize("tests", [{}, {"tests/test_a.py": CASE}, {"tests/__init__.py": "", "tests/test_a.py": CASE}])
def test_a_unittest_step_that_ran_nothing_fails(tmp_path: Path, tests: dict[str, str]) -> None:
    write(tmp_path, tests or {"test_a.py": "import unittest  # TestCase is nowhere"})
    done = subprocess.run(["sh", "-c", to_command(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if tests else 1), done.stderr
    assert ("no test was found" in done.stderr) == (not tests)
