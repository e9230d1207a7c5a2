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

    def ensure(self, name: str, *, labels: Labels | None = None, isolated: bool = False) -> str:
        """Return the id of the bridge network of that name, which is created if it is not there.

        Args:
            name: of the network.
            labels: given to it when it is created.
            isolated: its containers cannot reach each other, only be reached from the host.

        The engine allows several networks of one name, so the race of two creators is settled by asking it to
        refuse a duplicate.
        """
        existing = self.find(name)
        if existing:
            return existing
        subject = f"network {name}"
        options = {"com.docker.network.bridge.enable_icc": "false"} if isolated else None
        with contextlib.suppress(ConflictError):
            self._wire.call(
                subject,
                lambda api: api.create_network(
                    name, driver="bridge", options=options, check_duplicate=True, labels=dict(labels or {})
                ),
            )
        created = self.find(name)
        if not created:
            raise NotFoundError(f"{subject}: it was removed while it was created")
        return created

    def find(self, name: str) -> str:
        """Return the id of the network of exactly that name, "" where there is none."""
        # The engine's own filter matches parts of names.
        found = self._wire.call(f"network {name}", lambda api: api.networks(names=[name]))
        return next((str(item["Id"]) for item in found if item["Name"] == name), "")

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
