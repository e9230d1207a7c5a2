"""What is in a directory that is about to become a project."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsctl.cli.starter.tests import PYTHON, to_command, uses_pytest
from opsctl.config.models import DEPLOY_VERBS
from opsctl.docker import dockerfile
from opsctl.errors import LocalIOError, NotFoundError

__all__ = ["NOT_SHIPPED", "Findings", "survey", "to_name"]

LONGEST: Final = 40
_EXTRAS = ("test", "tests", "dev")
NOT_SHIPPED = frozenset(
    {"build", "dist", "docs", "node_modules", "pipelines", "test", "tests", "venv", "opsctl.yaml", "Makefile"}
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Args:
        name: of the project, made from the directory's.
        dockerfile: there is one.
        port: what the Dockerfile exposes first, None for nothing.
        install: command that installs it for its tests, "" where it is no Python project.
        test: script that runs its tests, and fails when there were none; "" where none was recognised.
        files: files and directories at the top that a release could be made of.
        site: directory that is made to be published ("public"), "" where there is none.
        branch: the current branch of its repository, "main" where there is none.
    """

    name: str
    dockerfile: bool = False
    port: int | None = None
    install: str = ""
    test: str = ""
    files: tuple[str, ...] = ()
    site: str = ""
    branch: str = "main"


def survey(root: Path) -> Findings:
    """Look at a directory.

    Raises:
        NotFoundError: it is not there.
        LocalIOError: it cannot be read.
    """
    if not root.is_dir():
        raise NotFoundError(f"{str(root)!r} is not a directory", hint="make it first")
    try:
        return Findings(
            name=to_name(root.resolve().name),
            dockerfile=(root / "Dockerfile").is_file(),
            port=_port(root / "Dockerfile"),
            install=_install_command(root),
            test=to_command(root),
            files=_shipped(root),
            site=_site(root),
            branch=_branch(root),
        )
    except OSError as error:
        raise LocalIOError(f"cannot read {str(error.filename or root)!r}: {error.strerror}") from error


def to_name(text: str) -> str:
    """Return a name for a project or service: lower-case letters, digits and `-`, and no verb of `opsctl deploy`."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST].strip("-") or "app"
    return f"{name}-app" if name in DEPLOY_VERBS else name


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _port(path: Path) -> int | None:
    instructions = dockerfile.parse(_text(path)).instructions if path.is_file() else ()
    for instruction in instructions:
        port = instruction.value.split("/")[0].strip() if instruction.keyword == "EXPOSE" else ""
        if port.isdecimal() and 0 < int(port) < 2**16:
            return int(port)
    return None


def _install_command(root: Path) -> str:
    pytest = uses_pytest(root)
    if not any((root / name).is_file() for name in PYTHON):
        return "pip install pytest" if pytest else ""
    extra = next((name for name in _EXTRAS if name in _extras(root)), "")
    if extra:
        return f"pip install --editable '.[{extra}]'"
    return f"pip install --editable .{' pytest' if pytest else ''}"


def _extras(root: Path) -> list[str]:
    try:
        project = tomllib.loads(_text(root / "pyproject.toml")).get("project", {})
        return list(project.get("optional-dependencies", {}))
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        return []  # it is not ours to judge


def _shipped(root: Path) -> tuple[str, ...]:
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in root.iterdir() if _may_ship(path))
    return tuple(name for name in names if not name.endswith("/") or any((root / name).rglob("*.*")))


def _site(root: Path) -> str:
    """Return the directory that is made to be published; `dist` may as well hold packages."""
    if (root / "public").is_dir() and any((root / "public").iterdir()):
        return "public"
    return next((name for name in ("site", "dist") if (root / name / "index.html").is_file()), "")


def _may_ship(path: Path) -> bool:
    known = not path.name.startswith((".", "test_")) and path.name not in NOT_SHIPPED
    return known and not path.is_symlink() and path.name.encode("utf-8", "replace").decode() == path.name


def _branch(root: Path) -> str:
    for directory in (root.resolve(), *root.resolve().parents):
        head = _text(directory / ".git" / "HEAD")
        if head:
            return head.strip().removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else "main"
    return "main"
