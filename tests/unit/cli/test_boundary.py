"""However a command ends: the right exit code, one message with its cure, and nothing else."""

import json
import os
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from unit.cli.conftest import FAULTY, Process, Program


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("denied", 5, "error: s3://b: denied\nhint: check AWS_PROFILE\n"),
        ("disk", 1, "error: the disk refused '/srv/x': No space left on device\n"),
        ("interrupt", 130, "error: interrupted\n"),
        (
            "config",
            3,
            (
                "error: opsctl.yaml:3:5: unknown key 'need'\n  hint: did you mean 'needs'?\n"
                "error: opsctl.yaml:9:1: duplicate key 'env'\n"
            ),
        ),
    ],
)
def test_what_is_raised_on_purpose_is_told_with_its_cure(program: Program, how: str, code: int, told: str) -> None:
    done = program("fail", how)
    assert (done.code, done.stdout, done.stderr) == (code, "", f"about to fail\n{told}")


def test_a_traceback_is_shown_with_debug_only(program: Program) -> None:
    assert "Traceback" not in program("fail", "denied").stderr
    done = program("fail", "denied", "--debug")
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("error: s3://b: denied\nhint: check AWS_PROFILE\n")


@pytest.mark.parametrize("how", ["bug", "missing-file", "recursion", "socket"])
def test_anything_else_is_a_bug_with_a_report(program: Program, tmp_path: Path, how: str) -> None:
    done = program("fail", how, env={"XDG_STATE_HOME": str(tmp_path / "state")})
    assert done.code == 70
    assert "Traceback" not in done.stderr
    (report,) = (tmp_path / "state/opsctl/reports").iterdir()
    assert f"hint: this is a bug of opsctl; a report is in {report}\n" in done.stderr
    text = report.read_text()
    assert "Traceback" in text
    assert f"'fail', '{how}'" in text
    assert "opsctl 0." in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_report_holds_no_secret(program: Program, tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path), "DEPLOY_TOKEN": "hunter2hunter2"}
    done = program("fail", "bug", "--set", "db.password=verysecret", env=env)
    (report,) = (tmp_path / "opsctl/reports").iterdir()
    for text in (report.read_text(), done.stderr, program("fail", "bug", "--debug", env=env).stderr):
        assert "hunter2" not in text
        assert "verysecret" not in text
        assert "abcdef" not in text
        assert "https://***@host/x?sig=***" in text


def test_a_report_falls_back_to_the_temporary_directory(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = program("fail", "bug", env={"XDG_STATE_HOME": "/proc/none"})
    (report,) = tmp_path.glob("opsctl-*.txt")
    assert f"a report is in {report}\n" in done.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_bug_is_told_even_when_no_report_can_be_written(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    done = program("fail", "bug", env={"XDG_STATE_HOME": "/proc/none"})
    assert done.code == 70
    assert done.stderr.endswith("hint: this is a bug of opsctl\n")


def test_an_exit_code_that_a_command_returns_is_kept(program: Program) -> None:
    assert program("show").code == 7
    assert program("fail", "exit").code == 5


def test_errors_are_json_lines_when_the_log_is(program: Program) -> None:
    done = program("--log-format", "json", "fail", "config")
    error = json.loads(done.stderr.splitlines()[-1])
    assert (error["event"], error["kind"], error["exit_code"]) == ("error", "config", 3)
    assert [problem["line"] for problem in error["problems"]] == [3, 9]


def test_errors_are_annotations_under_github(program: Program) -> None:
    done = program("fail", "config", env={"GITHUB_ACTIONS": "true"})
    assert "::error file=opsctl.yaml,line=3,col=5::unknown key 'need'%0Ahint: did you mean 'needs'?\n" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_with_130(waiting: subprocess.Popen[str], number: signal.Signals) -> None:
    waiting.send_signal(number)
    _, stderr = waiting.communicate(timeout=30)
    assert (waiting.returncode, stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize("args", [["show"], ["show", "--lines", "100000"], ["--help"], ["--version"]])
def test_a_closed_pipe_ends_the_program_quietly(process: Process, args: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = process(*args, "-q", stdout=writer) if args[0] == "show" else process(*args, stdout=writer)
    os.close(writer)
    assert (done.code, done.stderr) == (141, "")


@pytest.mark.parametrize("args", [["show", "-q"], ["--help"], ["--version"], ["completion", "bash"]])
def test_a_full_disk_behind_standard_output_is_an_error(process: Process, args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = process(*args, stdout=full.fileno())
    assert (done.code, done.stderr) == (1, "error: cannot write to standard output: No space left on device\n")


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = line.replace("PROGRAM", subprocess.list2cmdline(FAULTY))
    return subprocess.run(["sh", "-c", script], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_a_closed_standard_error_stops_nothing(tmp_path: Path) -> None:
    done = shell("PROGRAM show -ojson 2>&- <&-", tmp_path)
    assert done.returncode == 7
    assert json.loads(done.stdout)["rows"]


@pytest.mark.parametrize("args", ["--version", "show -q"])
def test_a_closed_standard_output_is_no_bug(tmp_path: Path, args: str) -> None:
    done = shell(f"PROGRAM {args} >&-", tmp_path)
    assert done.returncode in {0, 7}
    assert done.stderr == ""


def test_a_removed_working_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = shell("cd gone && rmdir ../gone && PROGRAM where", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the working directory is not there any more\nhint: change to one that is\n"


def test_what_libraries_say_is_told_only_when_asked_for(process: Process, tmp_path: Path) -> None:
    done = process("stray")
    assert (done.code, done.stdout) == (0, "done\n")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: internal error in a thread: RuntimeError: token")
    assert "hint: this is a bug of opsctl; a report is in " in done.stderr
    verbose = process("stray", "-v").stderr
    assert "debug: FutureWarning: old API\n" in verbose
    assert "debug: urllib3: Retrying https://host/x?sig=***\n" in verbose
    assert "not told" not in verbose


def test_results_are_safe_text_json_or_csv(program: Program) -> None:
    assert program("show").stdout == "NAME   N\nweb\\n  0\n"
    assert json.loads(program("show", "-o", "json").stdout) == {"rows": [["web\n\x1b[2J", 0]]}
    assert program("show", "-o", "csv").stdout == 'name,n\n"web\n\x1b[2J",0\n'


def test_progress_does_not_mix_with_results(program: Program) -> None:
    assert program("show").stderr == "[a] started\n[a] child\n"
    assert program("show", "-q").stderr == ""
