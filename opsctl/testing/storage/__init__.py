'''The conformance suite of stores: subclass it, say how to open your store, run pytest.

    class TestMyStore(StoreConformance, PutIfConformance):
        """my:// keeps its promises; it claims conditional puts and nothing else."""

        deviations = {"test_an_object_keeps_its_mtime": "my server has no metadata"}

        @pytest.fixture
        def open_at(self, tmp_path: Path) -> Iterator[OpenAt]:
            with contextlib.ExitStack() as stack:
                yield lambda name: stack.enter_context(contextlib.closing(open_store(f"my://{tmp_path}/{name}")))

`open_at` is the one fixture to give: a function that opens a store at a name below a place that is there, and empty,
when a test begins. Two calls with one name open the same objects twice, as two processes would. For optional powers:

- the classes that the page inherits say which powers the store claims: `PutIfConformance`, `CopyConformance`,
  `MultipartConformance`, `PresignConformance`, `UploadsConformance`, `BucketConformance`. `StoreConformance` checks
  that the store claims exactly those, so that a power can neither be claimed without being checked nor be lost unseen;
- `BucketConformance` also needs the fixture `missing_bucket`: a store whose bucket is not there yet.

Deviations are declared, with their reason, by the name of the test (`test_x`, or `test_x[case]`), and checked: a test
that is declared to fail must fail. A name that is not a test is an error when the page is imported.
'''

from opsctl.testing.storage.base import MIB, fill, keys, put, read
from opsctl.testing.storage.bodies import BrokenBody, content
from opsctl.testing.storage.core import OpenAt, StoreConformance
from opsctl.testing.storage.powers import (
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    PresignConformance,
    PutIfConformance,
    UploadsConformance,
)

__all__ = [
    "MIB",
    "BrokenBody",
    "BucketConformance",
    "CopyConformance",
    "MultipartConformance",
    "OpenAt",
    "PresignConformance",
    "PutIfConformance",
    "StoreConformance",
    "UploadsConformance",
    "content",
    "fill",
    "keys",
    "put",
    "read",
]
