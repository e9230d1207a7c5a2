"""One boto3 client from the options of a store: timeouts, retries and signing in one place."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import boto3.session
import botocore
import botocore.session
from botocore.client import Config
from botocore.loaders import Loader, create_loader

from opsctl import __version__
from opsctl.errors import UsageError
from opsctl.storage.backends.s3.errors import host_of, translated
from opsctl.storage.backends.s3.options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["make_client"]

_CONNECT_SECONDS = 4
_READ_SECONDS = 60
_ATTEMPTS = 3
"""Three attempts and their back-off say in about 15 s that an address does not answer."""
_CONNECTIONS = 64
"""Threads of one transfer share a client; fewer connections than threads would make them queue."""


def make_client(options: S3Options, *, name: str) -> S3Client:
    """Return a client of the account, region and endpoint that the options and the environment name.

    Args:
        options: of the store.
        name: of the store, for messages.

    Raises:
        UsageError: no such profile, or the endpoint is not a URL.
    """
    with translated(name=name, host=host_of(options.endpoint)):
        session = boto3.session.Session(
            botocore_session=_session(),
            profile_name=options.profile or None,
            region_name=options.region or None,
        )
        try:
            return session.client("s3", endpoint_url=options.endpoint or None, config=_config(options))
        except ValueError as error:
            hint = "give a URL, for example http://127.0.0.1:9000"
            raise UsageError(f"{name}: {options.endpoint!r} is not an endpoint", hint=hint) from error


def _session() -> botocore.session.Session:
    """Return a new session that shares the parsed API models: the second client costs 10 ms instead of 100."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _loader())
    return session


@functools.cache
def _loader() -> Loader:
    return create_loader()


def _config(options: S3Options) -> Config:
    return Config(
        # Presigned URLs would still be signed with version 2, which newer regions refuse, if it were not for the name.
        signature_version=botocore.UNSIGNED if options.anonymous else "s3v4",
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        s3={"addressing_style": options.addressing},
        request_checksum_calculation=options.checksum,
        response_checksum_validation=options.checksum,
        max_pool_connections=_CONNECTIONS,
        user_agent_extra=f"opsctl/{__version__}",
    )
