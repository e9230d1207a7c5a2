"""State of a team on any store with conditional writes: small typed records, and locks with leases and fences.

    releases = Document(store, "web/prod/releases.json", Releases, kind="releases")
    with acquire(store, "web/prod/lock.json", ttl=30, wait=300) as lease:
        releases.update(lambda now: (now or Releases()).plus(new), fence=lease.fence)
        lease.check()   # before each side effect that no store can refuse

`records` owns what is written and how a race is lost; `leases` who may write.
"""

from opsctl.identity import Identity, current_identity
from opsctl.state.leases import Lease, LeaseRecord, acquire, force_release, inspect_lock
from opsctl.state.records import Document, Saved, StateStore, state_store

__all__ = [
    "Document",
    "Identity",
    "Lease",
    "LeaseRecord",
    "Saved",
    "StateStore",
    "acquire",
    "current_identity",
    "force_release",
    "inspect_lock",
    "state_store",
]
