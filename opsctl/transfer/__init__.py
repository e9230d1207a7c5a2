"""Moving objects between stores: what to do is planned lazily and purely, then done by a bounded engine.

`sources` and `trees` find what is meant, `filters` and `patterns` choose of it, `plan` and `comparison` say what is
to be done, `engine` does it, `objects` moves one object and verifies it. The services: `copy`, `run_sync` (with
`plan_sync` and `apply_plan`), `remove`, `check`, `measure`, `clean`.
"""

from opsctl.transfer.checking import CheckRequest, CheckResult, check
from opsctl.transfer.cleanup import clean
from opsctl.transfer.comparison import Policy
from opsctl.transfer.copying import CopyRequest, copy
from opsctl.transfer.engine import CopyResult, Done, Failure, TransferError
from opsctl.transfer.filters import Filters, Rule
from opsctl.transfer.plan import Action, diff
from opsctl.transfer.removal import RemoveRequest, remove
from opsctl.transfer.requests import MaxDelete, SyncRequest, SyncResult
from opsctl.transfer.sync import apply_plan, plan_sync, run_sync
from opsctl.transfer.usage import Usage, measure

__all__ = [
    "Action",
    "CheckRequest",
    "CheckResult",
    "CopyRequest",
    "CopyResult",
    "Done",
    "Failure",
    "Filters",
    "MaxDelete",
    "Policy",
    "RemoveRequest",
    "Rule",
    "SyncRequest",
    "SyncResult",
    "TransferError",
    "Usage",
    "apply_plan",
    "check",
    "clean",
    "copy",
    "diff",
    "measure",
    "plan_sync",
    "remove",
    "run_sync",
]
