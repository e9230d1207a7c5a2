"""TAB in a real shell, and the protocol behind it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.program import PROGRAM, Opsctl
from opsctl.cli.app import COMMANDS

ASK = """
source {script}
COMP_WORDS=({words})
COMP_CWORD={index}
_opsctl_completion opsctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def press_tab(script: Path, words: str, *, cwd: Path | None = None) -> list[str]:
    """Return what bash offers after these words."""
    index = len(words.split(" ")) - 1
    bash = ASK.format(script=script, words=words, index=index)
    env = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    argv = ["bash", "-c", bash]
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def bash(opsctl: Opsctl, tmp_path: Path) -> Path:
    script = tmp_path / "opsctl.bash"
    script.write_text(opsctl("completion", "bash", check=True).stdout)
    return script


def test_tab_offers_commands(bash: Path) -> None:
    offered = press_tab(bash, "opsctl ")
    assert {"storage", "completion"} <= set(offered)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("opsctl stor", ["storage"]),
        (
            "opsctl storage ",
            [
                "ls",
                "cat",
                "cp",
                "mv",
                "rm",
                "sync",
                "check",
                "du",
                "stat",
                "presign",
                "mb",
                "rb",
                "cleanup",
            ],
        ),
        ("opsctl storage ls --rec", ["--recursive"]),
        ("opsctl completion ", ["bash", "zsh", "fish"]),
        ("opsctl -o ", ["text", "json", "csv"]),
        ("opsctl --log-format j", ["json"]),
        ("opsctl -o json completion f", ["fish"]),
    ],
)
def test_tab_offers_what_fits(bash: Path, words: str, offered: list[str]) -> None:
    assert press_tab(bash, words) == offered


PROJECT = """\
opsctl: 1
services: {web: {nonsense: true}, worker: , "$(reboot)": {}, "a b": {}, 7: {}}
environments: {prod: {}, staging: {}}
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("opsctl deploy w", ["web", "worker"]),
        ("opsctl deploy p", ["plan"]),
        ("opsctl deploy web --env ", ["prod", "staging"]),
        ("opsctl deploy --env p", ["prod"]),
        ("opsctl deploy status ", ["web", "worker"]),
        ("opsctl deploy plan wo", ["worker"]),
        ("opsctl deploy history ", ["web", "worker"]),
        ("opsctl deploy rollback web -e s", ["staging"]),
        ("opsctl deploy unlock web --env=", ["prod", "staging"]),
        ("opsctl docker build --service we", ["web"]),
        ("opsctl docker test -s ", ["web", "worker"]),
        ("opsctl docker push --service web --env st", ["staging"]),
    ],
)
def test_tab_offers_names_of_the_project(bash: Path, tmp_path: Path, words: str, offered: list[str]) -> None:
    """From a directory below, although the file is not right; never what a shell would take for more than a word."""
    (tmp_path / "opsctl.yaml").write_text(PROJECT)
    (tmp_path / "below").mkdir()
    assert press_tab(bash, words, cwd=tmp_path / "below") == offered


@pytest.mark.parametrize("text", [None, "{", "services: 5", "services: !!python/object:os.system {}", "\0"])
def test_tab_says_nothing_where_there_are_no_names(bash: Path, tmp_path: Path, text: str | None) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.git").mkdir()
    if text is not None:
        (tmp_path / "project/opsctl.yaml").write_text(text)
    assert press_tab(bash, "opsctl deploy status ", cwd=tmp_path / "project") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_accepts(opsctl: Opsctl, shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(opsctl("completion", shell, check=True).stdout)
    assert "_OPSCTL_COMPLETE" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    check = [shell, "--no-execute" if shell == "fish" else "-n", script]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_shows_whole_descriptions(opsctl: Opsctl, tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "opsctl.fish"
    script.write_text(opsctl("completion", "fish", check=True).stdout)
    env = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    ask = f"source {script}; complete -C 'opsctl stor'"
    done = subprocess.run(["fish", "-c", ask], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"storage\t{COMMANDS['storage'].summary}\n"


@pytest.mark.parametrize("instruction", ["zsh_complete", "fish_complete", "bash_complete"])
def test_descriptions_come_from_the_table(opsctl: Opsctl, instruction: str) -> None:
    env = {"_OPSCTL_COMPLETE": instruction, "COMP_WORDS": "opsctl stor", "COMP_CWORD": "stor"}
    env |= {"COMP_CWORD": "1"} if instruction != "fish_complete" else {}
    done = opsctl(env=env, check=True)
    assert "storage" in done.stdout
    if instruction != "bash_complete":
        assert "Work with objects in S3" in done.stdout


def test_an_unknown_shell_is_told(opsctl: Opsctl) -> None:
    done = opsctl("completion", "tcsh")
    assert done.code == 2
    assert "'tcsh' is not one of" in done.stderr
