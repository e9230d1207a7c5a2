"""Each real server, asked by the SDK that opsctl uses: the ground that every adapter's tests stand on."""

import io
import uuid

import boto3
import docker
import pytest
import requests
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from botocore.exceptions import ClientError
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from servers.plugin import AzureAccount, RegistryLogin, S3Login

BODY = b"some bytes"


def s3_client(login: S3Login):  # noqa: ANN201 -- the types of boto3 clients exist only in stubs
    return boto3.client(
        "s3",
        endpoint_url=login.endpoint,
        aws_access_key_id=login.key,
        aws_secret_access_key=login.secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def keeps_an_object(client: object) -> None:
    bucket = f"test-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a", Body=BODY)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == BODY


def test_moto_keeps_an_object(moto_endpoint: str) -> None:
    keeps_an_object(s3_client(S3Login(moto_endpoint, "any", "any")))


def test_localstack_keeps_an_object_and_refuses_to_overwrite_it_conditionally(localstack_endpoint: str) -> None:
    client = s3_client(S3Login(localstack_endpoint, "any", "any"))
    keeps_an_object(client)
    bucket = f"test-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a", Body=BODY, IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="a", Body=BODY, IfNoneMatch="*")


def test_rclone_keeps_an_object(rclone_s3: S3Login) -> None:
    keeps_an_object(s3_client(rclone_s3))


def test_rclone_refuses_a_wrong_signature(rclone_s3: S3Login) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3_client(rclone_s3._replace(secret="wrong")).list_buckets()


def test_azurite_keeps_a_blob(azurite: AzureAccount) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        container = client.create_container(f"test-{uuid.uuid4().hex}")
        container.upload_blob("a", BODY)
        assert container.download_blob("a").readall() == BODY


def test_gcs_emulator_keeps_an_object(gcs_emulator: str) -> None:
    options = {"api_endpoint": gcs_emulator}
    client = storage.Client(project="test", credentials=AnonymousCredentials(), client_options=options)
    bucket = client.create_bucket(f"test-{uuid.uuid4().hex}")
    bucket.blob("a").upload_from_string(BODY)
    assert bucket.blob("a").download_as_bytes() == BODY
    client.close()


def engine_pushes(engine: str, host: str, auth: dict[str, str] | None) -> str:
    """Push an image of one file and return the last word of the engine."""
    repository = f"{host}/test-{uuid.uuid4().hex}"
    client = docker.DockerClient(base_url=engine)
    try:
        image, _log = client.images.build(fileobj=io.BytesIO(b"FROM scratch\nLABEL opsctl.test=1\n"), tag=repository)
        *_, last = client.api.push(repository, stream=True, decode=True, auth_config=auth)
        client.images.remove(image.id, force=True)
    finally:
        client.close()
    return str(last)


def test_the_engine_pushes_to_the_open_registry(docker_engine: str, registry: str) -> None:
    assert "Digest" in engine_pushes(docker_engine, registry, None)


def test_the_guarded_registry_wants_its_password(docker_engine: str, registry_auth: RegistryLogin) -> None:
    host, user, password = registry_auth
    assert requests.get(f"http://{host}/v2/", auth=(user, password), timeout=10).ok
    assert "no basic auth" in engine_pushes(docker_engine, host, None)
    assert "Digest" in engine_pushes(docker_engine, host, {"username": user, "password": password})
