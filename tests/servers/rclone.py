"""`rclone serve s3`: the S3 server here that checks SigV4 signatures. It knows no conditional PUT."""

from pathlib import Path

from servers.launch import Command, Server
from servers.tools import TOOLS, missing_tool

__all__ = ["KEY", "SECRET", "SERVER"]

KEY = "opsctlkey"
SECRET = "opsctl-test-secret"


def _missing() -> str | None:
    return missing_tool("rclone")


def _command(data: Path, port: int) -> Command:
    return Command(
        [str(TOOLS / "rclone/bin/rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(data)],
        # The variable is a list of pairs in CSV, so a pair is quoted.
        {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"', "RCLONE_CONFIG": str(data.parent / "rclone.conf")},
    )


# 400: it wants a signature.
SERVER = Server("rclone", _missing, _command, ready="/", ready_codes=frozenset({400}))
