"""What a project file says of stores is checked with its place, before anything is opened."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opsctl.config.project import load_project
from opsctl.deploy.targets import options_of as target_options
from opsctl.errors import ConfigError
from opsctl.plugins import STORE_OPTIONS, STORES
from opsctl.storage.rules import STORE_RULES

Said = Callable[..., list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    """Load a text as the project file, and return what is wrong with it."""

    def problems(text: str, **env: str) -> list[str]:
        (tmp_path / "opsctl.yaml").write_text(f"opsctl: 1\nproject: x\n{text}\n")
        try:
            load_project(cwd=tmp_path, env=env, target_models=target_options, store_rules=STORE_RULES)
        except ConfigError as error:
            return [f"{problem} | {problem.hint}" for problem in error.problems]
        return []

    return problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state: foo://x", "3:8: unknown store 'foo' | known: az, file, gs, mem, s3"),
        ("state: s33://x", "3:8: unknown store 's33' | did you mean 's3'?"),
        ("state: s3:///x", "3:8: 's3:///x' names no bucket"),
        ("state: ''", "3:8: not a store URL: ''"),
        ("state: file://", "3:8: 'file://' names no directory"),
        ("stores: {'s3://b': {access_key_id: a}}", "3:21: unknown key 'access_key_id' | known keys: endpoint, region"),
        ("stores: {'s3://b': {regoin: a}}", "3:21: unknown key 'regoin' | did you mean 'region'?"),
        ("stores: {'s3://b': {region: 3}}", "3:29: expected text, found the number 3 | quote it: '3'"),
        ("stores: {'s3://b': {anonymous: 'yes'}}", "3:32: expected true or false"),
        ("stores: {'s3://b': {region: [a]}}", "3:29: expected "),
        ("stores: {'s3://b': {checksum: never}}", "3:31: 'never' is not one of when_required, when_supported"),
        ("stores: {'gss://b': {}}", "3:10: unknown store 'gss' | did you mean 'gs'?"),
        ("stores: {bucket: {}}", "3:10: 'bucket' is no URL prefix of stores | for example s3://bucket"),
        ("stores: {'file://x': {region: a}}", "3:23: unknown key 'region' | there is nothing to set here"),
        (
            "environments: {e: {target: {type: bucket, url: s33://b}}}",
            "3:43: unknown store 's33' | did you mean 's3'?",
        ),
    ],
)
def test_what_no_store_can_be_is_named_once_with_its_place(text: str, problem: str, said: Said) -> None:
    (found,) = said(text)
    assert found.startswith(f"opsctl.yaml:{problem}")


def test_a_variable_is_checked_too(said: Said) -> None:
    (found,) = said("", OPSCTL_STATE="foo://x")
    assert found.startswith("env OPSCTL_STATE: unknown store 'foo'")


@pytest.mark.parametrize(
    "text",
    [
        "state: here/there",
        "state: mem://x",
        "stores: {'s3://': {addressing: path}, 's3://b/p': {anonymous: true}, 'az://c': {account: a}, 'gs://b': {}}",
        "environments: {e: {target: {type: bucket, url: file://releases}}}",
    ],
)
def test_what_is_right_passes(text: str, said: Said) -> None:
    assert said(text) == []


def test_options_of_every_store_are_known_without_its_sdk() -> None:
    assert STORE_OPTIONS.names() == STORES.names()
    code = """
import sys
from opsctl.storage.rules import options_of
for scheme in ("s3", "gs", "az", "file", "mem"):
    assert options_of(f"{scheme}://x") is not None
print([name for name in ("boto3", "botocore", "google", "azure", "requests") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
