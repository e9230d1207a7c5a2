"""Test results as JUnit XML, the form that CI systems read (Jenkins, GitLab, GitHub actions, Azure DevOps).

The elements are those of the schema of the Jenkins plugin
(https://github.com/jenkinsci/xunit-plugin, `junit-10.xsd`): `testsuites`, `testsuite`, `testcase` with at most one
of `skipped`, `error`, `failure`, then `system-out`. Whatever text a test prints, the document stays well-formed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from opsctl.errors import LocalIOError

__all__ = ["Case", "Suite", "render", "write"]

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets), and the carriage return, which parsers change."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test.

    Args:
        name: unique in its suite.
        seconds: wall time.
        outcome: "error" is a test that could not be run.
        message: why it did not pass, one line; "" when it did.
        output: what it printed, as far as it says why.
    """

    name: str
    seconds: float = 0.0
    outcome: Literal["passed", "failed", "error", "skipped"] = "passed"
    message: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that belong together.

    Args:
        name: what was tested; also the class name of the cases.
        cases: in the order they ran.
        started: seconds since the epoch, 0 when it is not known.
    """

    name: str
    cases: Sequence[Case]
    started: float = 0.0


_ELEMENT = {"failed": "failure", "error": "error", "skipped": "skipped"}


def render(suites: Sequence[Suite]) -> bytes:
    """Return the document, in UTF-8."""
    root = ET.Element("testsuites", _counts([case for suite in suites for case in suite.cases]))
    for suite in suites:
        attributes = {"name": _clean(suite.name), **_counts(suite.cases), **_skipped(suite.cases), **_stamp(suite)}
        element = ET.SubElement(root, "testsuite", attributes)
        for case in suite.cases:
            _add(element, suite, case)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def write(path: Path, suites: Sequence[Suite]) -> None:
    """Write the document; a reader sees all of it or what was there before.

    Raises:
        LocalIOError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(render(suites))
        Path(file.name).chmod(0o666 & ~_umask())
        Path(file.name).replace(path)
    except OSError as error:
        raise LocalIOError(f"cannot write {path}: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _add(parent: ET.Element, suite: Suite, case: Case) -> None:
    names = {"classname": _clean(suite.name), "name": _clean(case.name)}
    element = ET.SubElement(parent, "testcase", {**names, "time": _seconds(case.seconds)})
    if case.outcome in _ELEMENT:
        ET.SubElement(element, _ELEMENT[case.outcome], {"message": _clean(case.message)})
    if case.output:
        ET.SubElement(element, "system-out").text = _clean(case.output)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome == "failed" for case in cases)),
        "errors": str(sum(case.outcome == "error" for case in cases)),
        "time": _seconds(sum(case.seconds for case in cases)),
    }


def _skipped(cases: Sequence[Case]) -> dict[str, str]:
    return {"skipped": str(sum(case.outcome == "skipped" for case in cases))}


def _stamp(suite: Suite) -> dict[str, str]:
    if not suite.started:
        return {}
    moment = datetime.fromtimestamp(suite.started, UTC)
    return {"timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S")}


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _clean(text: str) -> str:
    """Show what XML cannot hold as an escape, so that it is not lost."""
    return _NOT_XML.sub(lambda match: _escape(match[0]), text.replace("\r\n", "\n"))


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"  # noqa: PLR2004 - one byte
