"""gs:// keeps its promises on two emulators of Google Cloud Storage, logged in as a service account."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from opsctl.storage import Store, open_store
from opsctl.storage.backends.gcs.store import GCSStore
from opsctl.testing.storage import (
    BucketConformance,
    CopyConformance,
    MultipartConformance,
    OpenAt,
    PresignConformance,
    PutIfConformance,
    StoreConformance,
)

IGNORES_CONDITIONS = "the emulator ignores ifGenerationMatch"


class _Tokens(BaseHTTPRequestHandler):
    """Google's token endpoint, as far as a service account needs it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"access_token": "token-of-the-test", "expires_in": 3600, "token_type": "Bearer"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def service_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The key file of a service account, made for this run, and a server that gives it tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Tokens) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = tmp_path_factory.mktemp("google") / "key.json"
        file.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "test-project",
                    "private_key_id": "1",
                    "private_key": pem,
                    "client_email": "opsctl@test-project.iam.gserviceaccount.com",
                    "token_uri": f"http://127.0.0.1:{server.server_port}/token",
                }
            )
        )
        yield file
        server.shutdown()


class GCSConformance(
    StoreConformance,
    PutIfConformance,
    CopyConformance,
    MultipartConformance,
    PresignConformance,
    BucketConformance,
):
    refused_keys: ClassVar = {"newline": "no line breaks", "carriage": "no line breaks"}

    @pytest.fixture
    def bucket(self, endpoint: str, service_account: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAt]:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))
        bucket = f"gs://gcs-{uuid.uuid4().hex}"
        options = {bucket: {"endpoint": endpoint}}
        with contextlib.ExitStack() as stack:
            yield lambda name: stack.enter_context(contextlib.closing(open_store(f"{bucket}/{name}", options=options)))

    @pytest.fixture
    def open_at(self, bucket: OpenAt) -> OpenAt:
        root = bucket("")
        assert isinstance(root, GCSStore)
        root.make_bucket()
        return bucket

    @pytest.fixture
    def missing_bucket(self, bucket: OpenAt) -> Store:
        return bucket("prefix")


class TestStorageEmulator(GCSConformance):
    """gcp-storage-emulator: in PyPI, so always there, but it ignores conditions."""

    page: ClassVar = 100  # it has no pages, and slows down with the number of objects
    deviations: ClassVar = {
        "test_put_if_creates_once": IGNORES_CONDITIONS,
        "test_put_if_replaces_only_what_it_knows": IGNORES_CONDITIONS,
        "test_put_if_never_revives_what_is_gone": IGNORES_CONDITIONS,
        "test_of_many_that_create_one_wins": IGNORES_CONDITIONS,
        "test_no_increment_of_a_counter_is_lost": IGNORES_CONDITIONS,
    }

    @pytest.fixture
    def endpoint(self, gcs_emulator: str) -> str:
        return gcs_emulator


class TestFakeGCSServer(GCSConformance):
    """fake-gcs-server: closer to Google's, conditions and ordering included; needs Go to be installed."""

    deviations: ClassVar = {
        "test_an_aborted_upload_cannot_finish": "fake-gcs-server answers 500 to composing what is not there",
    }

    @pytest.fixture
    def endpoint(self, servers: "object") -> str:
        return servers.url("fakegcs")  # type: ignore[attr-defined]  # the type is in the plugin of the servers


def test_an_emulator_is_found_by_its_variable_and_gets_no_credentials(
    gcs_emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_emulator)
    with contextlib.closing(open_store(f"gs://gcs-{uuid.uuid4().hex}")) as store:
        assert isinstance(store, GCSStore)
        store.make_bucket()
        assert store.bucket_exists()
