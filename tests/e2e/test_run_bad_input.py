"""Bad input gets one clear line with a cure, the right exit code, and nothing happens."""

from pathlib import Path

import pytest

from harness.program import Opsctl

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)
PROJECT = """\
opsctl: 1
project: shop
environments: {local: {target: {type: bucket, url: file://r}}}
services: {web: {artifact: {include: [x]}}}
"""
START = "opsctl: 1\nsteps:\n  first: {run: touch marker}\n"
"""Each bad file begins with a step that would leave a mark."""


def cases() -> list[tuple[bytes, str, str]]:
    """Read blocks of what follows `START`, `> message` and `> hint`, with empty lines between them."""
    blocks = (Path(__file__).parent / "data" / "bad_pipelines.txt").read_text().rstrip("\n").split("\n\n")
    return [(f"{START}{rest}\n".encode(), line, hint) for rest, line, hint in (block.split("\n> ") for block in blocks)]


@pytest.mark.parametrize(
    ("data", "line", "hint"),
    [
        *cases(),
        (f"{START}{BOMB}\n".encode(), "values once its aliases are expanded", "repeat less by alias"),
        (f"{START}  a: {'[' * 1000}\n".encode(), "nested deeper than 64 levels", ""),
        (b"\xef\xbb\xbf" + START.encode(), "byte order mark", ""),
        (START.encode("utf-16"), "p.yaml", "UTF-8"),
        (b"", "p.yaml: is empty", "a file starts with: opsctl: 1"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_runs(opsctl: Opsctl, data: bytes, line: str, hint: str) -> None:
    (opsctl.cwd / "opsctl.yaml").write_text(PROJECT)
    (opsctl.cwd / "p.yaml").write_bytes(data)
    for command in (("run",), ("pipeline", "validate")):
        done = opsctl(*command, "p.yaml")
        assert (done.code, done.stdout) == (3, ""), done
        assert done.stderr.startswith("error: p.yaml"), done
        assert line in done.stderr
        assert hint in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(path.name for path in opsctl.cwd.iterdir()) == ["opsctl.yaml", "p.yaml"]


@pytest.mark.parametrize("command", ["plan", "graph"])
def test_a_bad_file_is_refused_by_what_only_looks_at_it(opsctl: Opsctl, command: str) -> None:
    (opsctl.cwd / "p.yaml").write_text(f"{START}  a: {{rnu: x}}\n")
    done = opsctl("pipeline", command, "p.yaml")
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr == "error: p.yaml:4:7: unknown key 'rnu'\n  hint: did you mean 'run'?\n"


@pytest.mark.parametrize(
    ("arguments", "line", "hint"),
    [
        ((), "input 'version' is missing", "--input version=TEXT"),
        (("--input", "versoin=1"), "there is no input 'versoin'", "did you mean 'version'?"),
        (("--input", "version"), "--input takes NAME=VALUE, not 'version'", ""),
        (("--input", "version=v1"), "input version: 'v1' does not match", "--input version=TEXT"),
        (("--input", "version=1", "--input", "count=x"), "input count: 'x' is not a number", "--input count=NUMBER"),
        (("--input", "version=1", "--jobs", "0"), "0 is not in the range", ""),
        (("--no-such-option",), "no such option", ""),
    ],
)
def test_bad_inputs_are_refused_and_nothing_runs(
    opsctl: Opsctl, arguments: tuple[str, ...], line: str, hint: str
) -> None:
    text = "opsctl: 1\ninputs: {version: {pattern: '[0-9]+'}, count: {type: number, default: 1}}\n"
    (opsctl.cwd / "p.yaml").write_text(f"{text}steps:\n  a: {{run: touch marker}}\n")
    done = opsctl("run", "p.yaml", *arguments)
    assert (done.code, done.stdout) == (2, ""), done
    assert line in done.stderr
    assert hint in done.stderr
    assert [path.name for path in opsctl.cwd.iterdir()] == ["p.yaml"]


def test_a_file_that_is_not_there(opsctl: Opsctl) -> None:
    done = opsctl("run", "nowhere.yaml")
    assert (done.code, done.stdout, done.stderr) == (3, "", "error: nowhere.yaml: there is no such file\n")


def test_a_secret_that_is_not_there_stops_before_the_first_step(opsctl: Opsctl) -> None:
    steps = "  a: {run: touch marker}\n  b: {run: x, secrets: [TOKEN]}\n"
    text = f"opsctl: 1\nsecrets: {{TOKEN: env:NO_SUCH_TOKEN}}\nsteps:\n{steps}"
    (opsctl.cwd / "p.yaml").write_text(text)
    done = opsctl("run", "p.yaml")
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr == "error: secret env:NO_SUCH_TOKEN: the variable is not set\nhint: export NO_SUCH_TOKEN=...\n"
    assert [path.name for path in opsctl.cwd.iterdir()] == ["p.yaml"]
    assert opsctl("pipeline", "plan", "p.yaml").code == 0


def test_a_secret_that_cannot_be_hidden_is_refused(opsctl: Opsctl) -> None:
    text = "opsctl: 1\nsecrets: {PIN: env:PIN_CODE}\nsteps:\n  a: {run: touch marker, secrets: [PIN]}\n"
    (opsctl.cwd / "p.yaml").write_text(text)
    done = opsctl("run", "p.yaml", env={"PIN_CODE": "123"})
    assert (done.code, done.stdout) == (3, "")
    assert "p.yaml:2:11: secret PIN has no line of 4 characters" in done.stderr
    assert not (opsctl.cwd / "marker").exists()


def test_a_secret_of_a_step_that_is_skipped_need_not_be_there(opsctl: Opsctl) -> None:
    steps = "  a: {if: false, run: x, secrets: [T]}\n  b: {run: touch marker}\n"
    text = f"opsctl: 1\nsecrets: {{T: env:NO_SUCH_TOKEN}}\nsteps:\n{steps}"
    (opsctl.cwd / "p.yaml").write_text(text)
    assert opsctl("run", "p.yaml").code == 0
    assert (opsctl.cwd / "marker").exists()


def test_validate_touches_nothing_but_the_file(opsctl: Opsctl, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "opsctl: 1\nsecrets: {T: 'cmd:touch marker'}\nsteps:\n  a: {run: touch marker, secrets: [T]}\n"
    )
    done = opsctl("pipeline", "validate", "p.yaml")
    assert (done.code, done.stdout, done.stderr) == (0, "p.yaml is right: 1 step\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]
