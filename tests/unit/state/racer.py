"""One of the processes that race for a lock: `python racer.py URL OPTIONS`, then orders on standard input.

`take KEY` answers `won FENCE` or `lost`; `drop` answers `dropped`.
"""

import json
import sys

from opsctl.errors import LockTimeoutError
from opsctl.state import Lease, acquire
from opsctl.storage import open_store


def main(url: str, options: str) -> None:
    """Follow orders until the input ends."""
    store = open_store(url, options=json.loads(options))
    lease: Lease | None = None
    for line in sys.stdin:
        order, _, key = line.strip().partition(" ")
        if order == "take":
            try:
                lease = acquire(store, key, ttl=600)
            except LockTimeoutError:
                lease = None
            print(f"won {lease.fence}" if lease else "lost", flush=True)
        else:
            if lease:
                lease.release()
            print("dropped", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
