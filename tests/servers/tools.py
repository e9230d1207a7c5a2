"""Where `.ci/install-tools` puts what it installs, and what it says when it could not."""

import shutil
from pathlib import Path

__all__ = ["TOOLS", "missing_program", "missing_tool"]

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


def missing_tool(name: str) -> str | None:
    """Why `.tools/NAME` is not there, or None when it is."""
    if (TOOLS / name / ".installed").exists():
        return None
    reason = TOOLS / f"{name}.missing"
    why = f" ({reason.read_text().strip()})" if reason.exists() else ""
    return f"not installed{why}: run .ci/install-tools {name}"


def missing_program(program: str, package: str) -> str | None:
    """Why `program` of the Debian package is not on PATH, or None when it is."""
    return None if shutil.which(program) else f"{program} is not installed: apt-get install {package}"
