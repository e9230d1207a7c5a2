"""The kinds of steps beside `run`, each with the real thing behind it."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.images import Workbench
from harness.program import Opsctl
from servers.plugin import S3Login

PROJECT = """\
opsctl: 1
project: shop
environments:
  local: {target: {type: bucket, url: file://.opsctl/releases}}
services:
  web: {artifact: {root: dist, include: [app.txt]}}
"""


@pytest.fixture
def workspace(opsctl: Opsctl) -> Path:
    (opsctl.cwd / "opsctl.yaml").write_text(PROJECT)
    (opsctl.cwd / "dist").mkdir()
    (opsctl.cwd / "dist" / "app.txt").write_text("version 1")
    return opsctl.cwd


def steps_of(opsctl: Opsctl, steps: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run steps; return what the result says of each."""
    (opsctl.cwd / "p.yaml").write_text(f"opsctl: 1\nsteps:\n{steps}")
    done = opsctl("run", "p.yaml", "-o", "json", *arguments)
    assert done.code == code, done
    return {step["id"]: step for step in json.loads(done.stdout)["steps"]}


def test_copy_puts_files_below_a_url(opsctl: Opsctl, workspace: Path) -> None:
    (workspace / "dist" / "sub").mkdir()
    (workspace / "dist" / "sub" / "b.log").write_text("log")
    steps = steps_of(
        opsctl,
        "  all: {copy: {from: [dist/, 'dist/sub/*.log'], to: 'file://out'}}\n"
        "  told: {needs: [all], env: {N: '${{ steps.all.outputs.objects }}'}, run: 'echo $N > told'}\n",
    )
    assert (workspace / "out" / "app.txt").read_text() == "version 1"
    assert (workspace / "out" / "b.log").read_text() == "log"
    assert steps["all"]["outputs"] == {"objects": 3, "bytes": 15}
    assert steps["all"]["detail"] == "3 objects to file://out"
    assert (workspace / "told").read_text() == "3\n"


@pytest.mark.parametrize(
    ("copy", "code", "told"),
    [
        ("{from: ['dist/*.whl'], to: 'file://out'}", 4, "'dist/*.whl' matches nothing"),
        ("{from: [nowhere], to: 'file://out'}", 4, "nowhere"),
        ("{from: [../secret], to: 'file://out'}", 2, "../secret"),
        ("{from: ['file://nowhere/x'], to: 'file://out'}", 4, "nowhere"),
    ],
)
def test_a_copy_of_what_is_not_there_fails_with_its_code(
    opsctl: Opsctl, workspace: Path, copy: str, code: int, told: str
) -> None:
    steps = steps_of(opsctl, f"  a: {{copy: {copy}}}\n  b: {{needs: [a], run: touch marker}}\n", code=code)
    assert told in steps["a"]["detail"]
    assert steps["a"]["exit_code"] == code
    assert not (workspace / "out").exists()
    assert not (workspace / "marker").exists()


def test_text_of_an_input_is_never_read_as_an_expression(opsctl: Opsctl, workspace: Path) -> None:
    (opsctl.cwd / "p.yaml").write_text(
        "opsctl: 1\ninputs: {to: {}}\nsteps:\n  a: {copy: {from: [dist], to: '${{ inputs.to }}'}}\n"
    )
    opsctl("run", "p.yaml", "--input", "to=${{ env.HOME }}", check=True)
    assert (workspace / "${{ env.HOME }}" / "app.txt").exists()


def test_an_input_cannot_take_a_copy_out_of_its_destination(opsctl: Opsctl, workspace: Path) -> None:
    (opsctl.cwd / "p.yaml").write_text(
        "opsctl: 1\ninputs: {n: {}}\nsteps:\n  a: {copy: {from: [dist], to: 'file://outd/${{ inputs.n }}/'}}\n"
    )
    done = opsctl("run", "p.yaml", "--input", "n=../../escaped")
    assert done.code == 3
    assert "'..'" in done.stderr
    assert not (workspace.parent / "escaped").exists()
    (opsctl.cwd / "p.yaml").write_text("opsctl: 1\nsteps:\n  a: {copy: {from: [dist], to: 'file://x/../y'}}\n")
    assert "p.yaml:3:28: a destination has no '..'" in opsctl("pipeline", "validate", "p.yaml").stderr


def test_deploy_and_deploy_again(opsctl: Opsctl, workspace: Path) -> None:
    step = "  d: {deploy: {service: web, env: local, version: '1.0'}}\n"
    first = steps_of(opsctl, step)["d"]
    assert first["status"] == "ok"
    assert first["outputs"]["release"] == 1
    assert first["outputs"]["version"] == "1.0"
    assert first["outputs"]["changed"] is True
    assert (workspace / ".opsctl" / "releases" / "web" / "live" / "app.txt").read_text() == "version 1"
    again = steps_of(opsctl, step)["d"]
    assert (again["status"], again["outputs"]["changed"]) == ("unchanged", False)


def test_a_deploy_that_fails_keeps_its_exit_code_and_its_cause(opsctl: Opsctl, workspace: Path) -> None:
    (workspace / "dist" / "app.txt").unlink()
    steps = steps_of(opsctl, "  d: {deploy: {service: web, env: local}}\n  bad: {run: 'exit 1'}\n", "-k", code=4)
    assert (steps["d"]["exit_code"], steps["bad"]["exit_code"]) == (4, 1)
    assert "app.txt" in steps["d"]["detail"]


def test_what_a_worker_says_belongs_to_its_step(opsctl: Opsctl, workspace: Path) -> None:
    (opsctl.cwd / "p.yaml").write_text("opsctl: 1\nsteps:\n  d: {deploy: {service: web, env: local}}\n")
    done = opsctl("run", "p.yaml", "--log-format", "json", check=True)
    spans = {event.get("span", "") for event in map(json.loads, done.stderr.splitlines())}
    assert "step:d" in spans
    assert all(span.startswith("step:d") for span in spans if span)
    assert len(spans) > 3


def test_a_module_of_the_workspace_is_not_taken_for_an_sdk(opsctl: Opsctl, workspace: Path) -> None:
    for name in ("docker", "boto3", "json", "opsctl"):
        (workspace / f"{name}.py").write_text("raise SystemExit('imported from the workspace')")
    steps_of(opsctl, "  a: {copy: {from: [dist], to: 'file://out'}, env: {PYTHONPATH: .}}\n")
    assert (workspace / "out" / "app.txt").exists()


def test_an_engine_that_cannot_be_reached(opsctl: Opsctl, workspace: Path) -> None:
    (workspace / "Dockerfile").write_text("FROM scratch\n")
    steps = steps_of(opsctl, "  a: {build: {context: ., engine: 'tcp://127.0.0.1:1'}}\n", code=6)
    assert "127.0.0.1:1" in steps["a"]["detail"]


@pytest.mark.server("docker", "registry")
def test_build_test_and_push(opsctl: Opsctl, bench: Workbench, registry: str) -> None:
    context = bench.context("FROM BASE\nCOPY app.txt /app.txt\n", {"app.txt": "hello"})
    reference = f"{registry}/{bench.name}:1"
    steps = steps_of(
        opsctl,
        f"""\
  image: {{build: {{context: {context.name}, tags: ['{reference}'], engine: '{bench.url}'}}}}
  test:
    needs: [image]
    test:
      image: ${{{{ steps.image.outputs.image }}}}
      engine: {bench.url}
      junit: out/junit.xml
      checks: [{{file: {{path: /app.txt, contains: hello}}}}]
  push:
    needs: [test]
    push: {{images: ['${{{{ steps.image.outputs.reference }}}}'], engine: '{bench.url}'}}
""",
    )
    assert steps["image"]["outputs"]["reference"] == reference
    assert steps["image"]["outputs"]["built"] is True
    assert steps["test"]["outputs"]["image"] == steps["image"]["outputs"]["image"]
    assert steps["push"]["outputs"]["pinned"] == f"{registry}/{bench.name}@{steps['push']['outputs']['digest']}"
    assert "<testsuite" in (opsctl.cwd / "out" / "junit.xml").read_text()


@pytest.mark.server("docker")
def test_a_build_that_fails_points_into_the_dockerfile(opsctl: Opsctl, bench: Workbench) -> None:
    context = bench.context('FROM BASE\nRUN ["/bin/false"]\n')
    (opsctl.cwd / "p.yaml").write_text(
        f"opsctl: 1\nsteps:\n  a: {{build: {{context: {context.name}, engine: '{bench.url}'}}}}\n"
    )
    done = opsctl("run", "p.yaml", env={"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(opsctl.cwd)})
    assert done.code == 1
    assert f"file={context.name}/Dockerfile,line=2" in done.stderr


@pytest.mark.server("docker")
def test_a_check_that_does_not_hold_fails_the_step(opsctl: Opsctl, bench: Workbench) -> None:
    checks = "[{run: 'exit 3'}, {file: {path: /nowhere}}, {run: 'true'}]"
    test = f"{{image: '{bench.base}', engine: '{bench.url}', checks: {checks}}}"
    steps = steps_of(opsctl, f"  t: {{test: {test}}}\n  after: {{needs: [t], run: touch marker}}\n", code=1)
    assert steps["t"]["status"] == "failed"
    assert "(and 1 more)" in steps["t"]["detail"]
    assert not (opsctl.cwd / "marker").exists()


def test_a_bucket_that_cannot_be_reached(opsctl: Opsctl, workspace: Path) -> None:
    (workspace / "opsctl.yaml").write_text(f"{PROJECT}stores: {{'s3://b': {{endpoint: 'http://127.0.0.1:1'}}}}\n")
    copy = "{from: [dist], to: 's3://b/x'}"
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key", "AWS_REGION": "us-east-1"}
    (opsctl.cwd / "p.yaml").write_text(f"opsctl: 1\nsteps:\n  a: {{copy: {copy}}}\n")
    done = opsctl("run", "p.yaml", env=keys)
    assert done.code == 6, done
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.server("rclone")
def test_credentials_that_are_denied(opsctl: Opsctl, workspace: Path, rclone_s3: S3Login) -> None:
    (workspace / "opsctl.yaml").write_text(f"{PROJECT}stores: {{'s3://b': {{endpoint: '{rclone_s3.endpoint}'}}}}\n")
    steps = (
        "secrets: {AWS_SECRET_ACCESS_KEY: env:WRONG_KEY}\nsteps:\n"
        "  a:\n    copy: {from: [dist], to: 's3://b/x'}\n    secrets: [AWS_SECRET_ACCESS_KEY]\n"
        "    env: {AWS_ACCESS_KEY_ID: nobody, AWS_REGION: us-east-1}\n"
    )
    (opsctl.cwd / "p.yaml").write_text(f"opsctl: 1\n{steps}")
    done = opsctl("run", "p.yaml", env={"WRONG_KEY": "not-the-right-key"})
    assert done.code == 5, done
    assert "not-the-right-key" not in done.stderr
