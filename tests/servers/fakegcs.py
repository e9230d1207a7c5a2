"""fake-gcs-server: Google Cloud Storage with conditions, ranges and ordering, in memory. Built with Go."""

from pathlib import Path

from servers.launch import Command, Server
from servers.tools import TOOLS, missing_tool

__all__ = ["SERVER"]


def _missing() -> str | None:
    return missing_tool("fakegcs")


def _command(_data: Path, port: int) -> Command:
    address = f"127.0.0.1:{port}"
    return Command(
        [
            str(TOOLS / "fakegcs/bin/fake-gcs-server"),
            *("-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"),
            *("-public-host", address, "-external-url", f"http://{address}", "-log-level", "warn"),
        ]
    )


SERVER = Server("fakegcs", _missing, _command, ready="/_internal/healthcheck")
