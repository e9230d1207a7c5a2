"""The conformance suite itself: it finds what is broken, and its deviations are checked."""

from collections.abc import Callable

import pytest

from opsctl.testing.storage import StoreConformance

PAGE = """
import pytest
from opsctl.storage import CanPutIf, open_store
from opsctl.storage.backends.memory import MemoryStore
from opsctl.storage.url import parse_url
from opsctl.testing.storage import *

class Broken(MemoryStore):
    def {broken}

class TestBroken(StoreConformance, {suites}):
    deviations = {deviations}

    @pytest.fixture
    def open_at(self, request):
        name = f"mem://{{abs(hash(request.node.nodeid))}}"
        MemoryStore(parse_url(name)).make_bucket()
        return lambda root: Broken(parse_url(f"{{name}}/{{root}}"))

    @pytest.fixture
    def missing_bucket(self, request):
        return Broken(parse_url(f"mem://missing-{{abs(hash(request.node.nodeid))}}"))
"""
SUITES = "PutIfConformance, CopyConformance, MultipartConformance, BucketConformance"


Run = Callable[..., dict[str, int]]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run the tests of a page that match a word, on a memory store with one method replaced."""

    def run(test: str, broken: str, *, suites: str = SUITES, deviations: str = "{}") -> dict[str, int]:
        pytester.makepyfile(PAGE.format(broken=broken, suites=suites, deviations=deviations))
        return pytester.runpytest_inprocess("-k", test, "-p", "no:cacheprovider").parseoutcomes()

    return run


GET = "get(self, key, *, start=0, length=None): "
PUT = "put(self, key, body, *, size, options=None): import io; "
SCAN = "scan(self, prefix='', *, start_after=''): "
BROKEN = {
    "test_objects_of_every_size_come_back_whole": GET + "return super().get(key, start=start + 1, length=length)",
    "test_ranges_are_slices": GET + "return super().get(key, start=start)",
    "test_a_scan_is_in_the_order_of_utf8_bytes": SCAN
    + "return iter(sorted(super().scan(prefix, start_after=start_after), key=lambda info: info.key.lower()))",
    "test_a_scan_can_start_after_any_key": SCAN + "return super().scan(prefix)",
    "test_a_prefix_is_a_plain_prefix": SCAN + "return super().scan(prefix and prefix + '/', start_after=start_after)",
    "test_deleting_twice_is_no_error": "delete(self, key): self.stat(key); super().delete(key)",
    "test_keys_that_leave_the_root_are_refused": "delete(self, key): pass",
    "test_put_if_creates_once": "put_if(self, key, data, *, match): import io; "
    "return self.put(key, io.BytesIO(data), size=len(data))",
    "test_a_broken_body_leaves_what_was_there": PUT
    + "data = body.read(); return super().put(key, io.BytesIO(data), size=len(data))",
}


@pytest.mark.parametrize("test", BROKEN)
def test_each_check_fails_on_a_store_that_breaks_it(test: str, run: Run) -> None:
    assert run(test, BROKEN[test]).get("failed", 0) >= 1


def test_a_power_that_is_not_checked_is_a_failure(run: Run) -> None:
    outcome = run("powers", "nothing(self): pass", suites="CopyConformance, BucketConformance")
    assert outcome == {"failed": 1, "deselected": outcome["deselected"]}


def test_a_declared_deviation_is_expected_and_must_still_be_one(run: Run) -> None:
    deletes = "delete(self, key): self.stat(key); super().delete(key)"
    declared = "{'test_deleting_twice_is_no_error': 'it is one here'}"
    assert run("deleting_twice", deletes, deviations=declared)["xfailed"] == 1
    assert run("deleting_twice", "nothing(self): pass", deviations=declared)["failed"] == 1


def test_a_deviation_from_a_test_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TypeError, match="test_typo"):
        type("TestX", (StoreConformance,), {"deviations": {"test_typo": "x"}})
