"""The texts of the first files."""

from __future__ import annotations

from typing import Final

from opsctl.cli.starter.survey import NOT_SHIPPED, Findings

__all__ = ["HOW_TO_INSTALL", "make_files"]

# The same pinned actions as in opsctl's own workflow.
CHECKOUT: Final = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
SETUP_PYTHON: Final = "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0"

HOW_TO_INSTALL: Final = (
    "set the repository variable OPSCTL_PACKAGE to a wheel file, to the URL of a wheel with its #sha256=..., "
    "or to git+https://... pinned to a commit"
)
"""No package index is asked for `opsctl`: under that name it would install the code of others."""

_MANY: Final = 20
"""Names of files in an artifact; more of them are not listed one by one."""
_OWN = (".*", "test_*", *sorted(NOT_SHIPPED))
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{0}</title>
<h1>{0}</h1>
</html>
"""

_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def make_files(found: Findings) -> dict[str, str]:
    """Return path -> text of the files to write."""
    site = {} if found.dockerfile or found.site or found.files else {"public/index.html": _PAGE.format(found.name)}
    return {
        "opsctl.yaml": _project(found),
        "pipelines/ci.yaml": _ci(found),
        "pipelines/deploy.yaml": _deploy(found),
        ".github/workflows/opsctl.yml": _workflow(found),
        # Releases, locks and journals of this machine; the directory ignores itself.
        ".opsctl/.gitignore": "*\n",
        **site,
    }


def _project(found: Findings) -> str:
    service = _image_service(found) if found.dockerfile else _file_service(found)
    target = "{type: docker}" if found.dockerfile else "{type: bucket, url: file://.opsctl/releases}"
    return f"""\
# What this project is, for opsctl. `opsctl config check` checks it, `opsctl config show` explains every value.
opsctl: 1
project: {_plain(found.name)}

environments:
  local: {{target: {target}}}

services:
  {_plain(found.name)}:
{service}"""


def _image_service(found: Findings) -> str:
    port = f"    port: {found.port}\n" if found.port else "    # port: 8000\n"
    return f"""\
    build: {{context: .}}
    image: {{name: {_plain(found.name)}, tags: [latest]}}
{port}\
    # health: {{http: /up}}        # without it, a container that stays up counts as healthy
"""


def _file_service(found: Findings) -> str:
    root, include, exclude = _released(found)
    return f"""\
    artifact:
{f"      root: {root}{chr(10)}" if root else ""}\
      include:
{_items(include)}{f"      exclude:{chr(10)}{_items(exclude)}" if exclude else ""}"""


def _released(found: Findings) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return root, what a release of files holds and what not; never what only opsctl and its pipelines need."""
    if found.site or not found.files:
        return found.site or "public", ("**",), ()
    return ("", found.files, ()) if len(found.files) <= _MANY else ("", ("*",), _OWN)


def _items(names: tuple[str, ...]) -> str:
    return "".join(f"        - {_scalar(name)}\n" for name in names)


def _ci(found: Findings) -> str:
    steps = ["  validate:\n    run: opsctl config check\n"]
    before = "validate"
    if found.test:
        steps.append(f"  test:\n    needs: [validate]\n    run: {_script(found.test)}\n")
        before = "test"
    if found.dockerfile:
        steps.append(f"  image:\n    needs: [{before}]\n    build: {{service: {_plain(found.name)}}}\n")
    return f"""\
# What every change has to pass: `opsctl run pipelines/ci.yaml`, on a laptop and in GitHub Actions alike.
opsctl: 1
defaults: {{timeout: 15m}}

steps:
{chr(10).join(steps)}"""


def _deploy(found: Findings) -> str:
    build = f"  image:\n    build: {{service: {_plain(found.name)}}}\n\n" if found.dockerfile else ""
    needs = "    needs: [image]\n" if found.dockerfile else ""
    return f"""\
# Rolls a release out: `opsctl run pipelines/deploy.yaml --input env=local`.
opsctl: 1
inputs:
  env: {{type: enum, values: [local], default: local}}
defaults: {{timeout: 15m}}

steps:
{build}\
  deploy:
{needs}\
    deploy: {{service: {_plain(found.name)}, env: '${{{{ inputs.env }}}}'}}
"""


def _workflow(found: Findings) -> str:
    install = f"      - run: {found.install}\n" if found.install else ""
    return f"""\
name: opsctl

on:
  push:
    branches: [{_scalar(found.branch)}]
  pull_request:

permissions: {{}}

concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: true

jobs:
  ci:
    name: ci
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions:
      contents: read
    steps:
      - uses: {CHECKOUT}
        with:
          persist-credentials: false
      - uses: {SETUP_PYTHON}
        with:
          python-version: '3.13'
{install}\
      - name: install opsctl
        env:
          OPSCTL_PACKAGE: ${{{{ vars.OPSCTL_PACKAGE }}}}
        run: |
          pip install "${{OPSCTL_PACKAGE:?{HOW_TO_INSTALL}}}"
      - run: opsctl run pipelines/ci.yaml
"""


def _script(text: str) -> str:
    """Return a script as the value of `run:`; one of several lines as a block."""
    return text if "\n" not in text else "|\n" + "\n".join(f"      {line}" for line in text.splitlines())


def _plain(name: str) -> str:
    """Return a name as YAML: quoted where it would read a number or a word of its own."""
    return name if name[0].isalpha() and name not in _WORDS else f"'{name}'"


def _scalar(text: str) -> str:
    """Return any text as a double-quoted YAML scalar (YAML 1.2.2, section 5.7)."""
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    return f"\\{char}" if char in '"\\' else f"\\U{ord(char):08x}"
