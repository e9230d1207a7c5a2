"""How the tests of a directory are run.

A step that runs no test must not be green: pytest ends with code 5 when it finds none, `unittest` does so from
Python 3.12 on only, so that its step counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["PYTHON", "to_command", "uses_pytest"]

PYTHON: Final = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files that make a directory a Python project."""

_NOT_OURS = frozenset({"build", "dist", "node_modules", "site-packages", "venv"})
_PYTEST_STYLE = re.compile(r"^(async\s+)?def test|^class Test\w*\s*:|^\s*(import|from)\s+pytest\b", re.MULTILINE)
_TEST_CASE = re.compile(r"\b\w*TestCase\b")

_UNITTEST = """\
python - <<'END'
import sys, unittest
ran = unittest.main(None, argv=["unittest", "discover"{start}], exit=False).result
sys.exit("no test was found" if not ran.testsRun and not ran.skipped else not ran.wasSuccessful())
END"""


def to_command(root: Path) -> str:
    """Return the script that runs the tests in `root`, "" where none was recognised."""
    if re.search(r"^test\s*:", _text(root / "Makefile"), re.MULTILINE):
        return "make test"
    if uses_pytest(root):
        return "python -m pytest"
    return _unittest(root)


def uses_pytest(root: Path) -> bool:
    """Say whether there are tests, and pytest is what runs them: it is set up, or they are written for it."""
    texts = [_text(path) for path in _test_files(root)]
    return bool(texts) and (_has_pytest(root) or any(_PYTEST_STYLE.search(text) for text in texts))


def _has_pytest(root: Path) -> bool:
    places = [*(root / name for name in (*PYTHON, "tox.ini")), *root.glob("requirements*.txt")]
    made_for_it = any((root / name).is_file() for name in ("pytest.ini", "conftest.py", "tests/conftest.py"))
    return made_for_it or any("pytest" in _text(path) for path in places)


def _unittest(root: Path) -> str:
    """Return the script for the place that holds test cases.

    Discovery does not go into a directory that is no package, so that one has to be named.
    """
    for name in (".", "tests", "test"):
        if any(_TEST_CASE.search(_text(path)) for path in (root / name).glob("test*.py")):
            top = ', "-t", "."' if (root / name / "__init__.py").is_file() else ""
            return _UNITTEST.format(start="" if name == "." else f', "-s", "{name}"{top}')
    return ""


def _test_files(root: Path) -> Iterator[Path]:
    for pattern in ("test_*.py", "*_test.py"):
        yield from root.glob(pattern)
        for directory in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
            if directory.name not in _NOT_OURS and not directory.name.startswith("."):
                yield from directory.rglob(pattern)


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""
