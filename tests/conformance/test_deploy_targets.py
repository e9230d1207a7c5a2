"""Every deploy target keeps the promises that recovery after a kill stands on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployment.containers import APP
from opsctl.config.models import Artifact as ArtifactConfig
from opsctl.deploy.artifact import collect
from opsctl.deploy.model import HealthPolicy, ImageRecord, Slot, Spec
from opsctl.deploy.target import Materials, Revision, Target, TargetContext
from opsctl.deploy.targets import bucket, docker
from opsctl.testing.deploy import Bench, TargetConformance


@dataclass
class BucketBench:
    """Releases below a URL."""

    base: Path
    url: str
    stores: Mapping[str, Mapping[str, str | bool | int]] = field(default_factory=dict)

    def open(self, service: str = "web") -> Target:
        context = TargetContext(slot=Slot("shop", "dev", service), base=self.base, stores=self.stores)
        return bucket.PLUGIN.open(bucket.BucketOptions(url=self.url), context)

    def make(self, number: int, *, healthy: bool = True) -> tuple[Revision, Materials]:
        source = self.base / f"source-{number}"
        (source / "assets").mkdir(parents=True, exist_ok=True)
        (source / "index.html").write_text(f"release {number}")
        (source / "assets" / "manifest.json").write_text("{}")
        artifact = collect(ArtifactConfig(root=f"source-{number}", include=["."]), self.base)
        spec = Spec(artifact=artifact.record.digest)
        if not healthy:  # what arrives is not what was hashed
            (source / "index.html").write_text(f"RELEASE {number}")
        revision = Revision(number=number, deploy=f"deploy-{number}", spec=spec, artifact=artifact.record)
        return revision, Materials(artifact=artifact)


class TestBucketOnFiles(TargetConformance):
    """Releases in a directory."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return BucketBench(tmp_path, "file://releases")

    def test_the_link_leads_to_what_serves(self, bench: BucketBench) -> None:
        link = bench.base / "releases/web/live"
        for number in (1, 2):
            revision, materials = bench.make(number)
            target = bench.open()
            target.start(revision, materials)
            target.switch(revision, fence=1)
            assert (link / "index.html").read_text() == f"release {number}"
            assert not target.differences(revision, None)
        link.unlink()
        assert bench.open().differences(bench.make(2)[0], None)
        bench.open().switch(None, fence=1)
        assert not link.is_symlink()


class TestBucketInMemory(TargetConformance):
    """Releases in memory: what plug-in authors can try things with."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return BucketBench(tmp_path, f"mem://{secrets.token_hex(4)}/releases")


class TestBucketOnS3(TargetConformance):
    """Releases in S3."""

    @pytest.fixture
    def bench(self, tmp_path: Path, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
        import boto3

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        name = f"releases-{secrets.token_hex(4)}"
        client = boto3.client("s3", endpoint_url=moto_endpoint, region_name="us-east-1")
        client.create_bucket(Bucket=name)
        client.close()
        return BucketBench(tmp_path, f"s3://{name}/shop", {f"s3://{name}": {"endpoint": moto_endpoint}})


@dataclass
class DockerBench:
    """Containers of one project."""

    engine: str
    project: str
    image: str

    def open(self, service: str = "web") -> Target:
        context = TargetContext(slot=Slot(self.project, "dev", service), base=Path())
        return docker.PLUGIN.open(docker.DockerOptions(engine=self.engine), context)

    def make(self, number: int, *, healthy: bool = True) -> tuple[Revision, Materials]:
        spec = Spec(
            image=self.image,
            port=8000,
            command=tuple(APP),
            env={"RELEASE": str(number)},
            secrets={"TOKEN": "env:TOKEN"},
            memory=64 << 20,
        )
        path = "/" if healthy else "/missing"
        health = HealthPolicy(http=path, interval=0.02, passes=2, stable_for=0.05, deadline=5 if healthy else 0.5)
        image = ImageRecord("opsctl-test/httpd:local", self.image)
        revision = Revision(number=number, deploy=f"deploy-{number}", spec=spec, image=image, health=health)
        return revision, Materials(secrets={"TOKEN": "s3cret-value"})


class TestDocker(TargetConformance):
    """Containers on a real engine."""

    @pytest.fixture
    def bench(self, docker_engine: str, docker_project: str, small_image: str) -> Bench:
        return DockerBench(docker_engine, docker_project, small_image)
