"""That the published JSON Schema and the binder say the same about a file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from opsctl.config import yaml
from opsctl.config.binder import Binder
from opsctl.config.models import Project
from opsctl.config.nodes import plain
from opsctl.config.schema import SchemaBuilder, project_schema
from opsctl.errors import ConfigError


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the bucket.

    Args:
        url: where the
            releases are.
        keep: how many: at least two.
    """

    url: str
    keep: int = 2


SCHEMA = project_schema({"bucket": Bucket})
VALIDATOR = Draft202012Validator(SCHEMA)


def schema_accepts(value: Any) -> bool:
    return bool(VALIDATOR.is_valid(value))


def binder_accepts(text: str) -> bool:
    try:
        binder = Binder(yaml.load(text.encode(), name="f.yaml"))
        binder.bind(binder.root, Project)
        binder.finish()
    except ConfigError:
        return False
    return True


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(SCHEMA) == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_every_key_says_what_it_is_for() -> None:
    for name, definition in {"Project": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, field in definition.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"


def test_descriptions_and_defaults_come_from_the_model() -> None:
    (target,) = SCHEMA["$defs"]["Environment"]["properties"]["target"]["oneOf"]
    assert target["properties"]["type"] == {"const": "bucket"}
    assert target["properties"]["url"]["description"] == "where the releases are."
    assert target["properties"]["keep"] == {"type": "integer", "description": "how many: at least two.", "default": 2}
    assert target["required"] == ["type", "url"]
    assert SCHEMA["$defs"]["Health"]["properties"]["interval"]["default"] == "1s"
    assert "default" not in SCHEMA["$defs"]["Service"]["properties"]["build"]


def test_a_model_that_contains_itself() -> None:
    class Tree(msgspec.Struct, frozen=True):
        children: "list[Tree]" = []

    Tree.__annotations__["children"] = list[Tree]
    builder = SchemaBuilder()
    assert builder.schema(Tree) == {"$ref": "#/$defs/Tree"}
    assert builder.definitions["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


def test_two_models_of_one_name_are_two_definitions() -> None:
    def made(kind: type) -> type[msgspec.Struct]:
        return msgspec.defstruct("Same", [("x", kind)])

    builder = SchemaBuilder()
    assert [builder.schema(made(int)), builder.schema(made(str))] == [
        {"$ref": "#/$defs/Same"},
        {"$ref": "#/$defs/Same2"},
    ]


FULL = """
opsctl: 1
project: shop
state: s3://ops/shop
stores: {s3://lab: {endpoint: http://x, secure: true, tries: 3}}
environments:
  local:
    target: {type: bucket, url: file://r, keep: 3}
    services: {web: {env: {A: x}, retain: 3, health: {passes: 2}}}
services:
  web:
    build: {context: ., target: prod, args: {V: '${{ git.sha }}'}, labels: {a: b}}
    test:
      - run: pytest -q
      - run: [pytest, -q]
        timeout: 5m
      - file: {path: /a, mode: '0644', contains: x}
      - http: {path: /up, status: 200, within: 20s}
      - metadata: {user: app, entrypoint: [a], exposed: [80], env: {A: b}}
    image: {name: 'acme/${{ git.branch }}', tags: [a, '${{ git.sha }}']}
    artifact: {include: ['*.py'], exclude: [x]}
    command: [serve, --fast]
    port: 8000
    env: {A: 'x'}
    secrets: {B: 'env:B', C: 'file:c/d', D: 'cmd:pass show d'}
    resources: {cpus: 0.5, memory: 256MiB}
    health: {http: /up, interval: 500ms, passes: 3, stable_for: 10s, deadline: 90s, timeout: 1s}
    retain: 10
"""


def variant(*path: str | int, value: Any) -> dict[str, Any]:
    """Return the full file with one value replaced; `...` removes it."""
    tree: Any = plain(yaml.load(FULL.encode(), name="f.yaml").root)
    inner = tree
    for part in path[:-1]:
        inner = inner[part]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return tree


WEB = ("services", "web")


def test_both_accept_a_full_file() -> None:
    assert binder_accepts(FULL)
    VALIDATOR.validate(plain(yaml.load(FULL.encode(), name="f.yaml").root))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("opsctl",), 2),
        (("opsctl",), ...),
        (("project",), ...),
        (("project",), "My Shop"),
        (("project",), ""),
        (("project",), "a" * 41),
        (("state",), 3.1),
        (("state",), None),
        (("state",), "${{ git.sha }}"),
        (("hooks",), {}),
        (("unknown",), 1),
        (("stores",), []),
        (("stores", "s3://lab", "endpoint"), 1.5),
        (("environments", "Local"), {"target": {"type": "bucket", "url": "x"}}),
        (("environments", "local", "target"), ...),
        (("environments", "local", "services", "web", "retain"), 1),
        (("services", "plan"), {"build": {}}),
        (("services", "bare"), {}),
        ((*WEB, "hosts"), ["a"]),
        ((*WEB, "build"), None),
        ((*WEB, "build"), "."),
        ((*WEB, "build", "context"), 3),
        ((*WEB, "build", "args", "V"), 3.1),
        ((*WEB, "test", 0, "run"), "echo ${{ x }}"),
        ((*WEB, "test", 0, "run"), ...),
        ((*WEB, "test", 0, "run"), [1]),
        ((*WEB, "test", 0, "file"), {"path": "/a"}),
        ((*WEB, "test", 1, "timeout"), 5),
        ((*WEB, "test", 1, "timeout"), "5"),
        ((*WEB, "test", 1, "timeout"), "1h30m"),
        ((*WEB, "test", 1, "timeout"), "-5m"),
        ((*WEB, "test", 2, "file", "mode"), 420),
        ((*WEB, "test", 2, "file", "mode"), "0o644"),
        ((*WEB, "test", 2, "file", "path"), ...),
        ((*WEB, "test", 3, "http", "status"), 99),
        ((*WEB, "test", 3, "http", "status"), "200"),
        ((*WEB, "test", 4, "metadata", "exposed"), [0]),
        ((*WEB, "image", "name"), ...),
        ((*WEB, "image", "tags"), "a"),
        ((*WEB, "artifact", "include"), ...),
        ((*WEB, "command"), "serve"),
        ((*WEB, "port"), 70000),
        ((*WEB, "port"), 80.5),
        ((*WEB, "port"), True),
        ((*WEB, "env", "A"), 3),
        ((*WEB, "env", "A"), None),
        ((*WEB, "secrets", "B"), "hunter2"),
        ((*WEB, "secrets", "B"), "env:A B"),
        ((*WEB, "secrets", "B"), "cmd: "),
        ((*WEB, "secrets", "B"), "vault:x"),
        ((*WEB, "resources", "cpus"), 0),
        ((*WEB, "resources", "memory"), "256M"),
        ((*WEB, "resources", "memory"), 256),
        ((*WEB, "health", "passes"), 0),
        ((*WEB, "retain"), 1001),
    ],
)
def test_both_refuse_what_is_wrong(path: tuple[str | int, ...], value: Any) -> None:
    tree = variant(*path, value=value)
    assert not binder_accepts(yaml.dump(tree))
    assert not schema_accepts(tree)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("project",), "a"),
        (("state",), ...),
        (("stores",), {}),
        (("environments",), {}),
        ((*WEB, "build"), ...),
        ((*WEB, "build"), {}),
        ((*WEB, "test"), []),
        ((*WEB, "test", 1, "timeout"), "0.5h"),
        ((*WEB, "env", "A"), "on"),
        ((*WEB, "env", "A"), ""),
        ((*WEB, "resources", "cpus"), 2),
        ((*WEB, "resources", "memory"), "1.5GiB"),
        ((*WEB, "image", "name"), "a-${{ env.B }}-${{ git.sha }}"),
    ],
)
def test_both_accept_what_is_right(path: tuple[str | int, ...], value: Any) -> None:
    tree = variant(*path, value=value)
    assert binder_accepts(yaml.dump(tree))
    VALIDATOR.validate(tree)


LEAVES = st.sampled_from(
    [None, True, 0, 1, 80, 0.5, "", "a", "web", "5m", "1KiB", "env:X", "0644", "on", "3.10", "A B", "${{ git.sha }}"]
)
FIELDS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["run", "file", "http", "path", "name", "tags", "context", "args", "A", "include", "passes"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KEYS = ["build", "test", "image", "artifact", "command", "port", "env", "resources", "health", "retain", "hosts"]


@given(st.dictionaries(st.sampled_from(KEYS), FIELDS, max_size=4))
@settings(deadline=None, max_examples=300)
def test_both_agree_on_any_service(service: dict[str, Any]) -> None:
    tree = {"opsctl": 1, "project": "x", "services": {"web": service}}
    if "http" in str(service.get("health")):
        return  # needs the port beside it, which no schema can say here
    assert schema_accepts(tree) == binder_accepts(yaml.dump(tree))


def test_check_jsonschema_takes_it(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    schema, good, bad = tmp_path / "s.json", tmp_path / "good.yaml", tmp_path / "bad.yaml"
    schema.write_text(json.dumps(SCHEMA))
    good.write_text(FULL)
    bad.write_text(FULL.replace("retain: 10", "retains: 10"))
    assert subprocess.run([program, "--schemafile", schema, good], check=False).returncode == 0
    done = subprocess.run([program, "--schemafile", schema, bad], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "retains" in done.stdout
