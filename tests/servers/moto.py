"""moto: S3 in one small process, quick and lenient. Shared by all tests of a run: use a bucket of your own."""

import importlib.util
import sys
from pathlib import Path

from servers.launch import Command, Server

__all__ = ["SERVER"]


def _missing() -> str | None:
    return None if importlib.util.find_spec("moto") else "not installed: install the extra 'test' of opsctl"


def _command(_data: Path, port: int) -> Command:
    return Command([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)])


SERVER = Server("moto", _missing, _command, ready="/moto-api/data.json")
