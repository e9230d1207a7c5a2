"""Files below a directory, handled so that neither a name nor a link leads out of it.

What `file://` stands on, and whatever else writes local files: `beneath` opens by descriptors, `tree` walks in
key order, `draft` writes all or nothing, `faults` says what an OSError means to a person.
"""

from opsctl.storage.localfs.draft import TEMP_PREFIX, Draft, is_in_use, open_draft
from opsctl.storage.localfs.faults import NameTakenError, local_fault, local_faults
from opsctl.storage.localfs.locks import locked
from opsctl.storage.localfs.reader import open_range
from opsctl.storage.localfs.tree import Skip, walk

__all__ = [
    "TEMP_PREFIX",
    "Draft",
    "NameTakenError",
    "Skip",
    "is_in_use",
    "local_fault",
    "local_faults",
    "locked",
    "open_draft",
    "open_range",
    "walk",
]
