"""LocalStack: S3 close to AWS (conditional writes, multipart, CRC64NVME). It does not check signatures."""

from pathlib import Path

from servers.launch import Command, Server
from servers.tools import TOOLS, missing_tool

__all__ = ["SERVER"]


def _missing() -> str | None:
    return missing_tool("localstack")


def _command(data: Path, port: int) -> Command:
    return Command(
        [str(TOOLS / "localstack/bin/python"), "-m", "localstack.runtime.main"],
        {
            "SERVICES": "s3",
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            # In a container it would take itself for the official image and write to /var/lib/localstack.
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(data),
        },
    )


SERVER = Server("localstack", _missing, _command, ready="/_localstack/health", deadline=120)
