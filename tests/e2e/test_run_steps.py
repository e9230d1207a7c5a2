"""`opsctl run` as people use it: what runs, in which order and environment, what is printed and kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.program import PROGRAM, Opsctl


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return tmp_path / "p.yaml"


def journal_of(directory: Path) -> list[dict[str, object]]:
    (run,) = (directory / ".opsctl" / "runs").iterdir()
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def test_a_run_says_what_it_does_and_where_it_is_recorded(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("""\
opsctl: 1
inputs: {who: {default: world}}
steps:
  greet:
    env: {WHO: '${{ inputs.who }}'}
    run: |
      echo "hello $WHO"
      echo "to stderr" >&2
      echo "said=hello $WHO" >> "$OPSCTL_OUTPUT"
  quote: {needs: [greet], env: {SAID: '${{ steps.greet.outputs.said }}'}, run: 'echo "<$SAID>"'}
  never: {if: "${{ inputs.who == 'nobody' }}", run: 'exit 1'}
  later: {needs: [never], run: 'exit 1'}
""")
    done = opsctl("run", "p.yaml", "--input", "who=$(touch marker) \"x\"; 'y'")
    assert done.code == 0, done
    lines = [line for line in done.stderr.splitlines() if " in " not in line]
    assert [line for line in lines if line.startswith(("[greet]", "[quote]"))] == [
        "[greet] started",
        "[greet] hello $(touch marker) \"x\"; 'y'",
        "[greet] to stderr",
        "[quote] started",
        "[quote] <hello $(touch marker) \"x\"; 'y'>",
    ]
    assert "[never] skipped: if: ${{ inputs.who == 'nobody' }}" in lines
    assert "[later] skipped: needs never, which was skipped" in lines
    assert done.stdout.startswith("p.yaml: 2 ok, 2 skipped in ")
    assert not (opsctl.cwd / "marker").exists()
    events = journal_of(opsctl.cwd)
    assert events[0]["event"] == "run.started"
    assert events[-1]["event"] == "run.finished"
    finished = {event["step"]: event["status"] for event in events if event["event"] == "step.finished"}
    assert finished == {"greet": "ok", "quote": "ok", "never": "skipped", "later": "skipped"}
    (log,) = opsctl.cwd.glob(".opsctl/runs/*/logs/greet.log")
    assert log.read_text() == "hello $(touch marker) \"x\"; 'y'\nto stderr\n"
    assert not list(opsctl.cwd.glob(".opsctl/runs/*/outputs/*"))


def test_the_result_as_json_is_one_document(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  a: {run: 'echo x=1 >> $OPSCTL_OUTPUT'}\n  b: {run: 'exit 3'}\n")
    done = opsctl("pipeline", "run", "p.yaml", "-o", "json", "--keep-going")
    assert done.code == 1
    result = json.loads(done.stdout)
    assert (result["status"], result["exit_code"], result["file"]) == ("failed", 1, "p.yaml")
    steps = {step["id"]: step for step in result["steps"]}
    assert steps["a"]["outputs"] == {"x": "1"}
    assert (steps["b"]["status"], steps["b"]["detail"]) == ("failed", "exit code 3")
    assert Path(result["journal"]).is_file()


def test_events_as_json_lines(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  a: {run: echo hi}\n")
    done = opsctl("run", "p.yaml", "--log-format", "json", check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(event.get("text") == "hi" and event["span"] == "step:a" for event in events)


def test_a_failing_step_is_told_with_its_place_and_code(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("""\
opsctl: 1
steps:
  bad:
    run: |
      echo before
      no-such-program-anywhere
      echo after
  needs_bad: {needs: [bad], run: touch marker}
""")
    done = opsctl("run", "p.yaml")
    assert done.code == 1
    assert done.stdout == ""
    assert "p.yaml:4: exit code 127\n[bad] hint: a program of the script was not found" in done.stderr
    assert "[needs_bad] skipped: needs bad, which failed" in done.stderr
    assert "after" not in done.stderr
    told, _, place = done.stderr.rstrip("\n").rpartition("\nhint: what was done and printed is in ")
    assert told.endswith("\nerror: 1 of 2 steps failed: bad")
    assert (Path(place) / "journal.jsonl").is_file()
    assert not (opsctl.cwd / "marker").exists()


def test_quiet_says_why_a_step_failed_and_where_the_journal_is(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  good: {run: echo fine}\n  a: {run: echo the reason >&2; exit 3}\n")
    done = opsctl("run", "-q", "p.yaml")
    assert done.code == 1
    assert done.stderr.startswith("[a] the reason\n[a] failed in ")
    assert "fine" not in done.stderr
    assert "hint: what was done and printed is in " in done.stderr


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("false | true", "exit code 1"),
        ("echo $NOT_SET_AT_ALL", "exit code 1"),
        ("false; true", "exit code 1"),
        ("kill -KILL $$", "ended by SIGKILL"),
    ],
)
def test_bash_is_strict(opsctl: Opsctl, pipeline: Path, script: str, why: str) -> None:
    pipeline.write_text(f"opsctl: 1\nsteps:\n  a: {{run: '{script}'}}\n")
    done = opsctl("run", "p.yaml")
    assert done.code == 1
    assert why in done.stderr


def test_shells_and_directories(opsctl: Opsctl, pipeline: Path) -> None:
    (opsctl.cwd / "sub dir").mkdir()
    pipeline.write_text("""\
opsctl: 1
defaults: {shell: sh}
steps:
  a: {run: 'echo "$0 ${BASH_VERSION:-none}"'}
  b: {shell: python, run: 'import os; print(os.path.basename(os.getcwd()))', cwd: sub dir}
  c: {needs: [a, b], cwd: nowhere, run: 'true'}
""")
    done = opsctl("run", "p.yaml", env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})
    assert done.code == 1
    assert "[a] sh none" in done.stderr
    assert "[b] sub dir" in done.stderr
    assert "nowhere' does not exist" in done.stderr


def test_after_a_failure_nothing_new_starts_unless_asked(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text(
        "opsctl: 1\nsteps:\n  a: {run: exit 1}\n  b: {run: echo > b-ran}\n  c: {needs: [a], run: echo > c-ran}\n"
    )
    done = opsctl("run", "p.yaml", "--jobs", "1")
    assert done.code == 1
    assert "[b] cancelled" in done.stderr
    assert not (opsctl.cwd / "b-ran").exists()
    done = opsctl("run", "p.yaml", "--jobs", "1", "--keep-going")
    assert done.code == 1
    assert (opsctl.cwd / "b-ran").exists()
    assert not (opsctl.cwd / "c-ran").exists()


def test_jobs_bound_what_runs_at_once(opsctl: Opsctl, pipeline: Path) -> None:
    step = "mkdir busy || exit 1; sleep 0.05; rmdir busy"
    pipeline.write_text("opsctl: 1\nsteps:\n" + "".join(f"  s{index}: {{run: '{step}'}}\n" for index in range(6)))
    assert opsctl("run", "p.yaml", "-j1").code == 0


def test_a_step_that_takes_too_long_is_stopped(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text(
        "opsctl: 1\ndefaults: {timeout: 300ms}\nsteps:\n  a: {run: 'echo begun; sleep 1000; touch marker'}\n"
    )
    done = opsctl("run", "p.yaml")
    assert done.code == 1
    assert "p.yaml:4: timed out after 300ms" in done.stderr
    assert "[a] begun" in done.stderr


def test_what_a_step_leaves_behind_is_ended_and_told(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text(
        "opsctl: 1\nsteps:\n  a: {run: 'sleep 1000 & echo $! > pid'}\n  b: {needs: [a], run: '! kill -0 $(cat pid)'}\n"
    )
    done = opsctl("run", "p.yaml")
    assert done.code == 0, done
    assert "[a] warning: left processes behind, which were ended" in done.stderr


def test_a_step_gets_the_environment_and_what_tells_it_where_it_is(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("""\
opsctl: 1
env: {FROM_FILE: file, BOTH: file}
steps:
  a: {env: {BOTH: step}, run: 'echo "$FROM_PROCESS $FROM_FILE $BOTH $OPSCTL_STEP_ID $OPSCTL_RUN_ID" | tee out'}
""")
    opsctl("run", "p.yaml", check=True, env={"FROM_PROCESS": "process", "BOTH": "process"})
    run_id = next((opsctl.cwd / ".opsctl" / "runs").iterdir()).name
    assert (opsctl.cwd / "out").read_text() == f"process file step a {run_id}\n"


def test_an_output_that_was_not_set_fails_the_step_that_reads_it(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("""\
opsctl: 1
steps:
  a: {run: 'true'}
  b: {needs: [a], run: touch marker, env: {V: '${{ steps.a.outputs.version }}'}}
""")
    done = opsctl("run", "p.yaml")
    assert done.code == 3
    assert "[b] failed in 0ms: p.yaml:4: steps.a.outputs.version is not set" in done.stderr
    assert not (opsctl.cwd / "marker").exists()


def test_hostile_output_cannot_act(opsctl: Opsctl, pipeline: Path) -> None:
    printed = r"printf '\033]0;title\007\033[2Jclear\rover\n::error::x\n\377\376bad\0nul\n'"
    endless = r"head -c 3000000 /dev/zero | tr '\0' x"
    pipeline.write_text(f"opsctl: 1\nsteps:\n  a:\n    run: |\n      {printed}\n      {endless}\n")
    done = opsctl("run", "p.yaml", check=True)
    for text in ("[a] clear\n", "[a] over\n", "[a] ::error::x\n", "\ufffd\ufffdbad", "more bytes of this line)"):
        assert text in done.stderr
    assert "\x1b" not in done.stderr
    assert "\0" not in done.stderr
    assert len(done.stderr) < 300_000


def test_github_gets_groups_annotations_and_no_commands_of_children(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  a: {run: 'echo ::set-env name=X::y; exit 2'}\n")
    done = opsctl("run", "p.yaml", env={"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(opsctl.cwd)})
    lines = done.stderr.splitlines()
    assert lines[0] == "::group::a"
    stop = next(line for line in lines if line.startswith("::stop-commands::"))
    token = stop.removeprefix("::stop-commands::")
    assert lines.index(stop) < lines.index("::set-env name=X::y") < lines.index(f"::{token}::")
    assert any(line.startswith("::error ") and "file=p.yaml,line=3" in line for line in lines)


def test_a_full_disk_ends_the_run_before_a_step_starts(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  a: {run: touch marker}\n")
    (opsctl.cwd / ".opsctl").write_text("in the way")
    done = opsctl("run", "p.yaml")
    assert done.code == 1
    assert done.stderr.startswith("error: cannot write ")
    assert not (opsctl.cwd / "marker").exists()


def test_a_disk_that_fills_up_stops_what_runs(opsctl: Opsctl, pipeline: Path) -> None:
    pipeline.write_text("opsctl: 1\nsteps:\n  a: {run: 'echo $$ > pid; yes; touch marker'}\n")
    limited = ["prlimit", "--fsize=200000", PROGRAM, "run", "p.yaml", "-q"]
    done = subprocess.run(limited, cwd=opsctl.cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: cannot write " in done.stderr
    assert not (opsctl.cwd / "marker").exists()
    assert not Path(f"/proc/{(opsctl.cwd / 'pid').read_text().strip()}").exists()
