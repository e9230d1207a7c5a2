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


def press_tab(script: Path, words: str) -> list[str]:
    """Return what bash offers after these words."""
    index = len(words.split(" ")) - 1
    bash = ASK.format(script=script, words=words, index=index)
    env = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", bash], env=env, capture_output=True, text=True, timeout=60, check=True)
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
