"""gcp-storage-emulator: the JSON API of Google Cloud Storage, in memory."""

import importlib.util
import sys
from pathlib import Path

from servers.launch import Command, Server

__all__ = ["SERVER"]


def _missing() -> str | None:
    found = importlib.util.find_spec("gcp_storage_emulator")
    return None if found else "not installed: install the extra 'test' of opsctl"


def _command(_data: Path, port: int) -> Command:
    program = Path(sys.executable).with_name("gcp-storage-emulator")
    return Command([str(program), "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--quiet"])


SERVER = Server("gcs", _missing, _command, ready="/storage/v1/b?project=test")
