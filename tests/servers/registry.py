"""The Docker registry (distribution 2.8), open or behind a password. Engines take 127.0.0.0/8 without TLS."""

import json
from pathlib import Path

from servers.launch import Command, Server
from servers.tools import missing_program

__all__ = ["AUTH_SERVER", "PASSWORD", "SERVER", "USER"]

USER = "opsctl"
PASSWORD = "correct horse"
# bcrypt of PASSWORD at cost 5: the registry reads no other kind, and Python has no bcrypt of its own.
HTPASSWD = f"{USER}:$2b$05$xKqWG5Gg4iw2fXEWXNIC0Og1NW5hv1Qa49R4zA.dLfsXxTCINvuYO\n"


def _missing() -> str | None:
    return missing_program("docker-registry", "docker-registry")


def _config(data: Path, port: int) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }


def _serve(data: Path, config: dict[str, object]) -> Command:
    file = data.parent / "registry.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    return Command(["docker-registry", "serve", str(file)])


def _open(data: Path, port: int) -> Command:
    return _serve(data, _config(data, port))


def _guarded(data: Path, port: int) -> Command:
    users = data.parent / "htpasswd"
    users.write_text(HTPASSWD)
    return _serve(data, _config(data, port) | {"auth": {"htpasswd": {"realm": "opsctl", "path": str(users)}}})


SERVER = Server("registry", _missing, _open, ready="/v2/")
AUTH_SERVER = Server("registry-auth", _missing, _guarded, ready="/v2/", ready_codes=frozenset({401}))
