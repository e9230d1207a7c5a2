"""Every example in README.md and docs/ is real: its commands run, and they print what the page says.

A fenced block `console` is a session: a line that begins with `$ ` is a command, the lines below it are what it prints
(standard output and standard error together). `...` stands for what differs from run to run: inside a line for any
text, alone on a line for any lines. All blocks of a page run in one directory, one after the other: a copy of the
example project. A block below the comment `<!-- needs: docker -->` runs where an engine answers. Other blocks whose
first line is `# file: NAME` are written to NAME before the commands after them.
"""

import os
import re
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.containers import clean

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_ENGINE = [page for page in PAGES if "<!-- needs: docker -->" in page.read_text()]
FENCE = re.compile(
    r"(?:<!-- needs: (?P<needs>\w+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """One command of a page and what it prints."""

    command: str
    expected: str


def examples(body: str) -> list[Example]:
    """Split a session into its commands; a line that ends with a backslash goes on in the next one."""
    found = []
    for chunk in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = chunk.split("\n")
        end = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
        found.append(Example("\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :]).rstrip("\n")))
    return found


def pattern(expected: str) -> re.Pattern[str]:
    """Turn what a page says into an expression for what is printed."""
    lines = [r"(?:.*\n)*?" if line.strip() == "..." else _line(line) for line in expected.split("\n")]
    return re.compile("".join(lines))


def _line(line: str) -> str:
    return ".*?".join(re.escape(part) for part in line.split("...")) + r"\n"


def run(command: str, cwd: Path) -> str:
    """Run one command as a person would type it."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "110"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    return done.stdout


def write_file(body: str, cwd: Path) -> None:
    """Write the file that a block shows, when its first line names one."""
    named = re.match(r"# file: (\S+)\n", body)
    if named:
        path = cwd / named[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body[named.end() :])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example project, in a repository of its own."""
    for name in ("opsctl.yaml", "examples", "pipelines"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    shutil.rmtree(tmp_path / "examples/shop/dist", ignore_errors=True)
    for argv in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "example"]):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)
    return tmp_path


def replay(page: Path, project: Path, *, engine: bool) -> None:
    """Run the blocks of a page in order, those that need an engine only when there is one."""
    for block in FENCE.finditer(page.read_text()):
        if block["needs"] and not engine:
            continue
        write_file(block["body"], project)
        if block["language"] != "console":
            continue
        for example in examples(block["body"]):
            printed = run(example.command, project)
            wanted = pattern(example.expected) if example.expected else re.compile("")
            said = f"$ {example.command}\n--- printed\n{printed}--- the page\n{example.expected}"
            assert wanted.fullmatch(printed), said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_happens(page: Path, project: Path) -> None:
    replay(page, project, engine=False)


@pytest.mark.parametrize("page", WITH_ENGINE, ids=lambda page: page.name)
def test_what_a_page_shows_with_an_engine_is_what_happens(
    page: Path, project: Path, docker_client: Any, docker_engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine)  # the engine of the tests need not be at the usual socket
    name = f"docs-{uuid.uuid4().hex[:8]}"  # the engine may hold the containers of a real demo
    monkeypatch.setenv("OPSCTL_PROJECT", name)
    with clean(docker_client, name):
        replay(page, project, engine=True)


def test_the_matcher_finds_a_difference() -> None:
    assert pattern("a ... c\n...\nend").fullmatch("a b c\nx\ny\nend\n")
    assert not pattern("a\nb").fullmatch("a\nc\n")
    assert not pattern("a").fullmatch("a\nmore\n")


def test_the_reference_is_what_the_schemas_say() -> None:
    script = "import make_reference; print(make_reference.page(), end='')"
    made = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT / "docs", text=True)
    assert made == (ROOT / "docs" / "reference.md").read_text(), "run: make reference"


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
