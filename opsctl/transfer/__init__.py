"""Moving objects between stores: what to do is planned lazily and purely, then done by a bounded engine.

`plan` compares two listings, `sources` finds what a person named, `engine` moves and verifies, `copying` is the service
that puts them together.
"""

from opsctl.transfer.copying import CopyRequest, copy
from opsctl.transfer.engine import CopyResult, Failure, TransferError
from opsctl.transfer.plan import Action, Policy, diff

__all__ = ["Action", "CopyRequest", "CopyResult", "Failure", "Policy", "TransferError", "copy", "diff"]
