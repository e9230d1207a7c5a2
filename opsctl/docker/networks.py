"""Networks of an engine: where containers find each other by name."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from opsctl.docker.model import Labels
from opsctl.docker.wire import Wire
from opsctl.errors import ConflictError, NotFoundError

__all__ = ["Networks"]


class Networks:
    """Networks of one engine, reached as `engine.networks`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def ensure(self, name: str, *, labels: Labels | None = None, isolated: bool = False) -> None:
        """Make sure that there is one bridge network of that name.

        Args:
            name: of the network.
            labels: given to it when it is created.
            isolated: its containers cannot reach each other, only be reached from the host.

        The engine allows several networks of one name, and its own check for duplicates is not atomic, so of those
        that racing creators made all but one are removed again.

        Raises:
            ConflictError: there are several of that name, and containers are on more than one.
        """
        options = {"com.docker.network.bridge.enable_icc": "false"} if isolated else None
        if not self.find(name):
            with contextlib.suppress(ConflictError):
                self._wire.call(
                    f"network {name}",
                    lambda api: api.create_network(
                        name, driver="bridge", options=options, check_duplicate=True, labels=dict(labels or {})
                    ),
                )
        self._settle(name)

    def find(self, name: str) -> str:
        """Return the id of the network of exactly that name, the oldest of several, "" where there is none."""
        return next(iter(self._named(name)), "")

    def _named(self, name: str) -> list[str]:
        # The engine's own filter matches parts of names.
        found = self._wire.call(f"network {name}", lambda api: api.networks(names=[name]))
        exact = [(str(item.get("Created") or ""), str(item["Id"])) for item in found if item["Name"] == name]
        return [id_ for _, id_ in sorted(exact)]

    def _settle(self, name: str) -> None:
        """Keep the oldest network of that name, or the one that is in use, and remove the others.

        Each creator looks after its own network is there, so of any two at least one sees both.
        """
        found = self._named(name)
        if not found:
            raise NotFoundError(f"network {name}: it was removed while it was created")
        kept = found[0]
        for other in found[1:]:
            try:
                self.remove(other)
            except ConflictError:
                self.remove(kept)
                kept = other

    def connect(self, network: str, container: str, *, aliases: Sequence[str] = ()) -> None:
        """Put a container on a network under names of its own.

        Raises:
            ConflictError: it is on that network already.
            NotFoundError: there is no such network or container.
        """
        self._wire.call(
            f"network {network}",
            lambda api: api.connect_container_to_network(container, network, aliases=list(aliases)),
        )

    def disconnect(self, network: str, container: str) -> None:
        """Take a container off a network; that it is not on it is fine."""
        with contextlib.suppress(NotFoundError):
            self._wire.call(
                f"network {network}",
                lambda api: api.disconnect_container_from_network(container, network, force=True),
            )

    def remove(self, name: str) -> None:
        """Remove a network; that it is not there is fine.

        Raises:
            ConflictError: containers are still on it.
        """
        with contextlib.suppress(NotFoundError):
            self._wire.call(f"network {name}", lambda api: api.remove_network(name))
