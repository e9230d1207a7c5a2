"""`opsctl config` as people use it: bad files, origins, and a schema that checkers take."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.program import Opsctl

GOOD = """\
opsctl: 1
project: shop
environments:
  local: {target: {type: bucket, url: file://releases}}
  prod: {target: {type: docker}, services: {web: {retain: 4}}}
services:
  web:
    image: {name: acme/web, tags: ['${{ git.sha }}']}
    port: 8000
    secrets: {DATABASE_URL: 'env:DATABASE_URL'}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "opsctl.yaml"
    path.write_text(GOOD)
    return path


def test_check_says_what_is_there(opsctl: Opsctl, project: Path) -> None:
    done = opsctl("config", "check")
    assert (done.code, done.stdout, done.stderr) == (0, "opsctl.yaml is right: 1 service, 2 environments\n", "")
    found = json.loads(opsctl("config", "check", "-o", "json", check=True).stdout)
    assert found == {"file": "opsctl.yaml", "services": ["web"], "environments": ["local", "prod"]}


def test_check_reports_every_problem_with_place_and_cure(opsctl: Opsctl, project: Path) -> None:
    text = GOOD.replace("port:", "prot:").replace("type: docker", "type: dokcer").replace("retain: 4", "retain: '4'")
    project.write_text(text)
    done = opsctl("config", "check")
    assert (done.code, done.stdout) == (3, "")
    for line in (
        "opsctl.yaml:5:25: unknown deploy target 'dokcer'",
        "opsctl.yaml:5:59: expected a whole number, found text",
        "opsctl.yaml:9:5: unknown key 'prot'",
        "did you mean 'port'?",
        "remove the quotes",
    ):
        assert line in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "opsctl.yaml: is empty"),
        (b"\xef\xbb\xbfopsctl: 1\n", "opsctl.yaml:1:1: the file starts with a byte order mark"),
        (b"opsctl: 1\nproject: a\0b\n", "opsctl.yaml:2:11: a NUL character"),
        (b"opsctl: 1\nproject: a\n---\nopsctl: 1\n", "opsctl.yaml:3:1: a second document begins here"),
        (b"opsctl: 1\nopsctl: 1\nproject: a\n", "opsctl.yaml:2:1: duplicate key 'opsctl'"),
        (b"opsctl: 1\nproject: " + b"[" * 1000, "opsctl.yaml:2:73: nested deeper than 64 levels"),
        (b"opsctl: 1\nproject: !!python/object/apply:os.system [id]\n", "opsctl.yaml:2:10: tags like"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (at + 1, at + 1, b",".join([b"*%c" % at] * 9)) for at in b"abcdefgh"),
            "opsctl.yaml:6:8: the file has more than 100,000 values",
        ),
    ],
    ids=["empty", "bom", "nul", "two documents", "duplicate key", "brackets", "tag", "alias bomb"],
)
def test_a_hostile_file_gets_one_clear_line(data: bytes, place: str, opsctl: Opsctl, project: Path) -> None:
    project.write_bytes(data)
    done = opsctl("config", "check")
    assert (done.code, done.stdout) == (3, "")
    assert f"error: {place}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pasted_secret_is_not_repeated(opsctl: Opsctl, project: Path) -> None:
    project.write_text(GOOD.replace("'env:DATABASE_URL'", "postgres://u:hunter2@db"))
    done = opsctl("config", "check", "--debug")
    assert done.code == 3
    assert "opsctl.yaml:10:29: a secret is given by reference, never by value" in done.stderr
    assert "hunter2" not in done.stderr


def test_no_project(opsctl: Opsctl) -> None:
    (opsctl.cwd / ".git").mkdir()
    done = opsctl("config", "show")
    assert done.code == 3
    assert "there is no such file" in done.stderr
    assert "hint: opsctl init writes one" in done.stderr


def test_show_prints_a_file_that_says_the_same(opsctl: Opsctl, project: Path) -> None:
    shown = opsctl(
        "config", "show", "--set", "services.web.retain=7", check=True, env={"DATABASE_URL": "hunter2"}
    ).stdout
    assert "DATABASE_URL: env:DATABASE_URL" in shown
    assert "hunter2" not in shown
    assert "retain: 7" in shown
    project.write_text(shown)
    assert opsctl("config", "show", check=True).stdout == shown


def test_show_origin_tells_the_four_layers_apart(opsctl: Opsctl, project: Path) -> None:
    args = ("config", "show", "--origin", "--set", "services.web.retain=7")
    env = {"OPSCTL_STATE": "mem://x", "COLUMNS": "200"}
    lines = opsctl(*args, check=True, env=env).stdout.splitlines()
    told = {line.split()[0]: line.split()[1:] for line in lines}
    assert told["project"] == ["shop", "opsctl.yaml:2:10"]
    assert told["state"] == ["mem://x", "env", "OPSCTL_STATE"]
    assert told["services.web.retain"] == ["7", "flag", "--set", "services.web.retain"]
    assert told["services.web.health.passes"] == ["3", "default"]
    assert told["services.web.secrets.DATABASE_URL"] == ["env:DATABASE_URL", "opsctl.yaml:10:29"]
    rows = list(csv.DictReader(io.StringIO(opsctl(*args, "-o", "csv", check=True, env=env).stdout)))
    assert {"key": "services.web.retain", "value": "7", "origin": "flag --set services.web.retain"} in rows
    documents = json.loads(opsctl(*args, "-o", "json", check=True, env=env).stdout)
    assert {"key": "project", "value": "shop", "source": "opsctl.yaml", "line": 2, "column": 10} in documents


def test_a_near_miss_of_a_variable_is_warned_of(opsctl: Opsctl, project: Path) -> None:
    done = opsctl("config", "check", env={"OPSCTL_STAT": "mem://x"})
    assert done.code == 0
    assert "OPSCTL_STAT: means nothing to opsctl" in done.stderr
    assert "did you mean OPSCTL_STATE?" in done.stderr


def test_the_schema_checks_files(opsctl: Opsctl, project: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(opsctl("config", "schema", check=True).stdout)
    program = Path(sys.executable).with_name("check-jsonschema")
    assert subprocess.run([program, "--check-metaschema", schema], check=False).returncode == 0
    assert subprocess.run([program, "--schemafile", schema, project], check=False).returncode == 0
    project.write_text(GOOD.replace("type: docker", "type: dokcer"))
    assert subprocess.run([program, "--schemafile", schema, project], check=False).returncode == 1


@pytest.mark.parametrize(
    "command",
    [
        ("config", "check"),
        ("deploy", "web", "--env", "local"),
        ("storage", "ls", "s3://b"),
        ("docker", "build", "-s", "web"),
    ],
)
def test_bad_stores_are_refused_with_their_place_by_whatever_reads_the_file(
    command: tuple[str, ...], opsctl: Opsctl, project: Path
) -> None:
    project.write_text(f"{GOOD}state: foo://x\nstores: {{'s3://b': {{access_key_id: a}}}}\n")
    done = opsctl(*command)
    assert (done.code, done.stdout) == (3, "")
    assert "opsctl.yaml:11:8: unknown store 'foo'" in done.stderr
    assert "opsctl.yaml:12:21: unknown key 'access_key_id'" in done.stderr
