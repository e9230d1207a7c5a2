"""`opsctl pipeline validate|plan|graph|schema`: what they print, as text and as data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.program import Opsctl

FILE = """\
opsctl: 1
inputs: {env: {type: enum, values: [dev, prod], default: dev}}
secrets: {TOKEN: env:CI_TOKEN}
defaults: {timeout: 20m}
steps:
  lint:
    run: |
      # style first
      ruff check .
      ruff format --check .
  test: {run: pytest -q, env: {ENV: '${{ inputs.env }}'}, shell: sh}
  ship:
    needs: [lint, test]
    copy: {from: [out/], to: 's3://ci/${{ run.id }}/'}
    secrets: [TOKEN]
  prod:
    needs: [ship]
    if: ${{ inputs.env == 'prod' }}
    run: ./release
"""


@pytest.fixture(autouse=True)
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(FILE)
    return path


def test_plan_shows_order_values_and_what_is_skipped(opsctl: Opsctl) -> None:
    done = opsctl("pipeline", "plan", "p.yaml")
    assert (done.code, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
input env = "dev"
lint: run ruff check . (and 1 more line)
  timeout 20m
test: run pytest -q
  env ENV=dev
  timeout 20m
ship: copy out/ to s3://ci/${{ run.id }}/
  after lint, test
  secrets TOKEN
  timeout 20m
prod: skip (if: ${{ inputs.env == 'prod' }})
"""
    )
    assert "prod: run ./release\n" in opsctl("pipeline", "plan", "p.yaml", "--input", "env=prod").stdout
    assert [path.name for path in opsctl.cwd.iterdir()] == ["p.yaml"]


def test_plan_as_json(opsctl: Opsctl) -> None:
    found = json.loads(opsctl("pipeline", "plan", "p.yaml", "-o", "json", check=True).stdout)
    assert (found["file"], found["inputs"]) == ("p.yaml", {"env": "dev"})
    assert [(step["id"], step["verdict"]) for step in found["steps"]] == [
        ("lint", "run"),
        ("test", "run"),
        ("ship", "run"),
        ("prod", "skip"),
    ]
    assert found["steps"][1] == {
        "id": "test",
        "kind": "run",
        "does": "run pytest -q",
        "needs": [],
        "verdict": "run",
        "why": "",
        "env": {"ENV": "dev"},
        "secrets": [],
        "timeout": "20m",
        "shell": "sh",
        "line": 11,
    }


def test_graph_in_every_language(opsctl: Opsctl) -> None:
    assert (
        opsctl("pipeline", "graph", "p.yaml").stdout
        == """\
lint      run
test      run
  ship    copy  after lint, test
    prod  run   after ship
"""
    )
    dot = opsctl("pipeline", "graph", "p.yaml", "--as", "dot").stdout
    assert dot.startswith("digraph pipeline {\n")
    assert '  "lint" -> "ship";\n' in dot
    mermaid = opsctl("pipeline", "graph", "p.yaml", "--as", "mermaid").stdout
    assert mermaid.startswith('flowchart LR\n  s0["lint (run)"]\n')
    assert "  s2 --> s3\n" in mermaid
    data = json.loads(opsctl("pipeline", "graph", "p.yaml", "-o", "json").stdout)
    assert data["steps"][2] == {"id": "ship", "kind": "copy", "level": 1, "needs": ["lint", "test"]}


def test_validate(opsctl: Opsctl) -> None:
    done = opsctl("pipeline", "validate", "p.yaml")
    assert (done.code, done.stdout, done.stderr) == (0, "p.yaml is right: 4 steps\n", "")
    found = json.loads(opsctl("pipeline", "validate", "p.yaml", "-o", "json").stdout)
    assert found == {"file": "p.yaml", "steps": ["lint", "test", "ship", "prod"], "inputs": ["env"]}


def check_schema(schema: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    argv = [Path(sys.executable).with_name("check-jsonschema"), "--schemafile", schema, *files]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_the_schema_takes_what_opsctl_takes(opsctl: Opsctl, pipeline: Path) -> None:
    schema = opsctl.cwd / "schema.json"
    schema.write_text(opsctl("pipeline", "schema", check=True).stdout)
    own = sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml"))
    assert own
    done = check_schema(schema, pipeline, *own)
    assert done.returncode == 0, done.stdout
    for line in (
        "  x: {rnu: y}",
        "  x: {run: y, copy: {from: [a], to: b}}",
        "  x: {copy: {from: [], to: b}}",
        "  x: {}",
    ):
        (opsctl.cwd / "bad.yaml").write_text(f"opsctl: 1\nsteps:\n{line}\n")
        assert check_schema(schema, opsctl.cwd / "bad.yaml").returncode == 1, line
        assert opsctl("pipeline", "validate", "bad.yaml").code == 3, line
    (opsctl.cwd / "bad.yaml").write_text("opsctl: 1\nsteps:\n  x: {shell: sh, push: {images: [a]}}\n")
    assert check_schema(schema, opsctl.cwd / "bad.yaml").returncode == 1


def test_help_names_every_command(opsctl: Opsctl) -> None:
    done = opsctl("pipeline", "--help", check=True)
    for name in ("run", "validate", "plan", "graph", "schema"):
        assert f"  {name} " in done.stdout
