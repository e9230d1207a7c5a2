"""A doctor looks at everything at once, waits for nobody for ever, and tells what is needed from what is not."""

import threading
from pathlib import Path

import pytest

from opsctl.cli.doctor import Check, Diagnosis, Surroundings, examine
from opsctl.cli.doctor.model import Probe
from opsctl.cli.doctor.probes import find_probes
from opsctl.cli.doctor.services import registry_of
from opsctl.config.project import load_project
from opsctl.errors import DeniedError, MissingToolError, OpsctlError


def ok(name: str) -> Probe:
    return Probe(name, lambda: Check(name, "ok", "fine"))


def broken(name: str, error: OpsctlError, *, needed: bool = True) -> Probe:
    def look() -> Check:
        raise error

    return Probe(name, look, "there", needed)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Probe]:
    found: list[Probe] = []
    monkeypatch.setattr("opsctl.cli.doctor.examination.find_probes", lambda _: iter(found))
    return found


HERE = Surroundings(Path(), {})


def test_the_exit_code_is_that_of_the_first_failure(probes: list[Probe]) -> None:
    gone = MissingToolError("gone", hint="install it")
    probes += [broken("store", DeniedError("no")), broken("engine", gone), ok("git")]
    diagnosis = examine(HERE)
    assert [check.name for check in diagnosis.checks] == ["git", "engine", "store"]
    assert diagnosis.checks[1] == Check("engine", "fail", "gone", "there", "install it", 9)
    assert diagnosis.exit_code == 9


def test_what_is_not_needed_is_a_warning_unless_asked_for_by_name(probes: list[Probe]) -> None:
    probes += [ok("python"), broken("engine", DeniedError("no"), needed=False)]
    assert examine(HERE).exit_code == 0
    assert examine(HERE).checks[1].status == "warn"
    diagnosis = examine(HERE, only=["engine"])
    assert [(check.name, check.status) for check in diagnosis.checks] == [("engine", "fail")]
    assert diagnosis.exit_code == 5


def test_nobody_is_waited_for_for_ever(probes: list[Probe]) -> None:
    release = threading.Event()

    def hang() -> Check:
        release.wait()
        return Check("store", "ok", "too late")

    probes += [Probe("store", hang, "s3://b"), ok("git")]
    diagnosis = examine(HERE, deadline=0.2)
    release.set()
    assert diagnosis.checks[0].status == "ok"
    assert (diagnosis.checks[1].status, diagnosis.checks[1].exit_code) == ("fail", 6)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("web", ""),
        ("acme/web", ""),
        ("registry.example.com/acme/web", "registry.example.com"),
        ("localhost:5000/web", "localhost:5000"),
        ("docker.io/acme/web", "docker.io"),
        ("Not A Name", ""),
    ],
)
def test_only_a_registry_that_is_named_is_looked_at(image: str, registry: str) -> None:
    assert registry_of(image) == registry


PROJECT = """
opsctl: 1
project: x
state: file://state
stores: {'s3://lab': {endpoint: 'http://127.0.0.1:1'}, 's3://': {endpoint: 'http://127.0.0.1:1'}}
services:
  web: {image: {name: registry.invalid/web}}
  odd: {image: {name: '${{ git.sha }}/web'}}
"""


def test_what_the_project_names_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "opsctl.yaml").write_text(PROJECT)
    project = load_project(cwd=tmp_path, env={})
    probes = list(find_probes(Surroundings(tmp_path, {}, project)))
    assert [(probe.name, probe.subject) for probe in probes if probe.subject] == [
        ("registry", "registry.invalid"),
        ("store", "s3://lab"),
        ("store", f"file://{tmp_path}/state"),
    ]
    assert next(probe for probe in probes if probe.name == "engine").needed


def test_a_secret_that_everybody_can_read_is_pointed_out(tmp_path: Path) -> None:
    text = PROJECT.replace("registry.invalid/web}", "registry.invalid/web}, secrets: {KEY: 'file:key'}")
    (tmp_path / "opsctl.yaml").write_text(text)
    (tmp_path / "key").write_text("hunter2")
    project = load_project(cwd=tmp_path, env={})
    look = next(probe.look for probe in find_probes(Surroundings(tmp_path, {}, project)) if probe.name == "project")
    (tmp_path / "key").chmod(0o600)
    assert look().status == "ok"
    (tmp_path / "key").chmod(0o644)
    found = look()
    assert (found.status, found.cure) == ("warn", "chmod o= key")
    assert found.detail == "secret file:key: every user of this machine can read the file"


def test_an_empty_diagnosis_is_healthy() -> None:
    assert Diagnosis([]).exit_code == 0
