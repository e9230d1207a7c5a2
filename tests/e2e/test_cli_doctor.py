"""`opsctl doctor`: what is wrong, its cure, and a code that scripts can ask."""

import json
import os
from pathlib import Path
from typing import Any

from harness.program import Finished, Opsctl

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def checks(done: Finished) -> dict[str, dict[str, Any]]:
    return {f"{check['name']} {check['subject']}".strip(): check for check in json.loads(done.stdout)["checks"]}


def test_without_a_project_only_the_machine_matters(opsctl: Opsctl) -> None:
    done = opsctl("doctor", "-o", "json", env=NO_ENGINE, check=True)
    found = checks(done)
    assert list(found) == ["python", "git", "shell", "disk", "project", "engine"]
    assert found["project"]["status"] == "warn"
    assert found["project"]["cure"] == "opsctl init writes one"
    assert found["engine"]["status"] == "warn"


def test_an_engine_that_is_asked_for_must_be_there(opsctl: Opsctl) -> None:
    done = opsctl("doctor", "--only", "engine", "-o", "json", env=NO_ENGINE)
    (check,) = json.loads(done.stdout)["checks"]
    assert (check["name"], check["status"]) == ("engine", "fail")
    assert done.code == check["exit_code"] == 6
    assert check["cure"]


def test_every_failure_has_its_cure(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: x\nstate: s3://lab/state\nstores: {'s3://lab': {endpoint: 'http://127.0.0.1:1'}}\n"
        "services: {web: {image: {name: registry.invalid/web}}}\n"
    )
    docker = tmp_path / "docker"
    docker.mkdir()
    (docker / "config.json").write_text('{"credsStore": "nonesuch"}')
    env = {**NO_ENGINE, "DOCKER_CONFIG": str(docker), "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    done = opsctl("doctor", "-o", "json", env=env)
    found = checks(done)
    failures = {name: check["exit_code"] for name, check in found.items() if check["status"] == "fail"}
    assert failures == {"engine": 6, "registry registry.invalid": 9, "store s3://lab": 6, "store s3://lab/state": 6}
    assert done.code == 6
    text = opsctl("doctor", env=env).stdout
    assert "\nfail  engine    " in text
    assert text.count("cure: ") >= 3


def test_a_credential_helper_that_may_not_be_run_is_a_finding(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: x\nservices: {web: {image: {name: registry.invalid/web}}}\n"
    )
    (tmp_path / "config.json").write_text('{"credsStore": "odd"}')
    (tmp_path / "docker-credential-odd").write_text("")
    env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{os.environ['PATH']}:{tmp_path}"}
    done = opsctl("doctor", "--only", "registry", "-o", "json", env=env)
    (check,) = json.loads(done.stdout)["checks"]
    assert (done.code, check["status"], check["exit_code"]) == (5, "fail", 5)
    assert check["detail"] == "credentials for registry.invalid: 'docker-credential-odd' may not be run"
    assert "internal error" not in done.stderr


def test_a_broken_project_is_one_of_the_findings(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text("opsctl: 1\nproject: x\nservcies: {}\n")
    done = opsctl("doctor", env=NO_ENGINE)
    assert done.code == 3
    assert "fail  project   opsctl.yaml:3:1: unknown key 'servcies'" in done.stdout
    assert done.stderr == ""


def test_a_bucket_that_is_not_there_is_exit_4(opsctl: Opsctl, tmp_path: Path, moto_endpoint: str) -> None:
    (tmp_path / "opsctl.yaml").write_text(
        f"opsctl: 1\nproject: x\nstate: s3://no-such-bucket\nstores: {{'s3://': {{endpoint: '{moto_endpoint}'}}}}\n"
    )
    env = {**NO_ENGINE, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "us-east-1"}
    done = opsctl("doctor", "--only", "store", env=env)
    assert done.code == 4, done
    assert "no-such-bucket" in done.stdout


def test_a_local_store_need_not_be_there_yet(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text("opsctl: 1\nproject: x\n")
    done = opsctl("doctor", "--only", "store", "-o", "json", check=True)
    (check,) = json.loads(done.stdout)["checks"]
    assert (check["subject"], check["detail"]) == (f"file://{tmp_path}/.opsctl", "is made by the first write")
    assert not (tmp_path / ".opsctl").exists()
