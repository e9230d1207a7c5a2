"""JUnit XML that every CI system reads, whatever a test prints."""

import stat
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl import junit
from opsctl.errors import LocalIOError
from opsctl.junit import Case, Suite

# The schema of the Jenkins plugin, as far as it binds: element -> attributes, and children in their order.
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package"},
    "testcase": {"name", "classname", "time", "status", "assertions"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message", "type"},
    "system-out": set(),
}
REQUIRED = {"testsuite": {"name", "tests"}, "testcase": {"name", "classname"}}
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["testcase"],
    "testcase": ["skipped", "error", "failure", "system-out"],
}


def read(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 - written a moment ago


def check(element: ET.Element) -> None:
    assert set(element.attrib) <= ATTRIBUTES[element.tag]
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
    order = [CHILDREN.get(element.tag, []).index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        check(child)


outcomes = st.sampled_from(["passed", "failed", "error", "skipped"])
texts = st.text(max_size=20) | st.text("<>&\"']]>\0\x1b\x85\ud800\uffff\r\n", max_size=8)
cases = st.builds(Case, texts, st.floats(0, 1e6), outcomes, texts, texts)
suites = st.lists(st.builds(Suite, texts, st.lists(cases, max_size=4), st.integers(0, 4_000_000_000)), max_size=3)


@given(suites)
def test_every_report_is_well_formed_and_follows_the_schema(suites: list[Suite]) -> None:
    root = read(junit.render(suites))
    check(root)
    assert len(root) == len(suites)
    for element, suite in zip(root, suites, strict=True):
        assert int(element.attrib["tests"]) == len(suite.cases) == len(element)
        assert int(element.attrib["failures"]) == len(element.findall("*/failure"))
        assert int(element.attrib["errors"]) == len(element.findall("*/error"))
        assert int(element.attrib["skipped"]) == len(element.findall("*/skipped"))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=30))
def test_plain_text_comes_through_as_it_is(text: str) -> None:
    root = read(junit.render([Suite("s", [Case(text, 0, "failed", text, f"x{text}")])]))
    found = root[0][0]
    assert (found.attrib["name"], found[0].attrib["message"], found[1].text) == (text, text, f"x{text}")


def test_what_xml_cannot_hold_is_shown_not_lost() -> None:
    root = read(junit.render([Suite("s", [Case("a", 0, "passed", "", "\x1b[31m\0\ud800")])]))
    assert root[0][0][0].text == "\\x1b[31m\\x00\\ud800"


def test_times_are_utc_and_sums() -> None:
    root = read(junit.render([Suite("s", [Case("a", 1.25), Case("b", 0.5)], started=86400.9)]))
    assert root[0].attrib["time"] == root.attrib["time"] == "1.750"
    assert root[0].attrib["timestamp"] == "1970-01-02T00:00:00"


def test_a_file_is_written_whole_readable_and_with_its_directories(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a" / "web.xml"
    junit.write(path, [Suite("old", [])])
    junit.write(path, [Suite("new", [])])
    assert read(path.read_bytes())[0].attrib["name"] == "new"
    assert stat.S_IMODE(path.stat().st_mode) & 0o444
    assert [item.name for item in path.parent.iterdir()] == ["web.xml"]


def test_a_disk_that_refuses_is_an_error_with_the_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalIOError, match=r"web\.xml"):
        junit.write(tmp_path / "file" / "web.xml", [])
