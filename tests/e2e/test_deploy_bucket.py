"""`opsctl deploy` to a directory of releases, as people see it: output, exit code and disk."""

import json
import os
import secrets
from pathlib import Path

import pytest

from deployment.world import Fuse, Killed, World
from harness.program import Opsctl
from opsctl.state import acquire
from opsctl.storage import open_store

PROJECT = """\
opsctl: 1
project: shop
state: file://kept/state
environments:
  dev: {target: {type: bucket, url: file://kept/releases}}
  other: {target: {type: bucket, url: file://kept/other}}
services:
  web:
    artifact: {include: [dist]}
    retain: 3
  api:
    build: {context: .}
"""


@pytest.fixture
def project(opsctl: Opsctl) -> Opsctl:
    (opsctl.cwd / "opsctl.yaml").write_text(PROJECT)
    write(opsctl, "one")
    return opsctl


def write(opsctl: Opsctl, text: str) -> None:
    (opsctl.cwd / "dist").mkdir(exist_ok=True)
    (opsctl.cwd / "dist/index.html").write_text(text)


def live(opsctl: Opsctl) -> str:
    return (opsctl.cwd / "kept/releases/web/live/dist/index.html").read_text()


def world(opsctl: Opsctl) -> World:
    """The same slot, to do things to it that the program does not do."""
    return World(opsctl.cwd, root=f"file://{opsctl.cwd}/kept")


def test_a_story_of_releases(project: Opsctl) -> None:
    """Deploy, deploy the same, change, go back, look: what the README shows."""
    first = project("deploy", "web", "--env", "dev", check=True)
    assert first.stdout == f"web@dev: release 1 serves at {project.cwd}/kept/releases/web/live\n"
    assert live(project) == "one"
    assert "release 1 serves already" in project("deploy", "web", "--env", "dev", check=True).stderr
    write(project, "two")
    second = project("deploy", "web", "-e", "dev", "--version", "2.0", check=True)
    assert "release 2 (2.0) serves" in second.stdout
    assert "instead of release 1" in second.stdout
    assert live(project) == "two"
    back = project("deploy", "rollback", "web", "--env", "dev", check=True)
    assert "release 3 (release 1 again) serves" in back.stdout
    assert live(project) == "one"
    rows = project("deploy", "history", "web", "-e", "dev", "-o", "csv", check=True).stdout.splitlines()
    assert [row.split(",")[:2] for row in rows] == [
        ["release", "status"],
        ["3", "active"],
        ["2", "retired"],
        ["1", "retired"],
    ]
    status = project("deploy", "status", "web", "--env", "dev", check=True).stdout
    assert "release 1 serves" in status
    assert "drift" not in status


def test_results_are_one_json_document_each(project: Opsctl) -> None:
    plan = json.loads(project("deploy", "plan", "web", "--env", "dev", "-o", "json", check=True).stdout)
    assert plan["verdict"] == "change"
    assert plan["stages"] == ["start", "health", "switch", "bake", "retire", "record"]
    done = json.loads(project("deploy", "web", "--env", "dev", "-o", "json", check=True).stdout)
    assert (done["changed"], done["release"]["seq"], done["release"]["outcome"]) == (True, 1, "succeeded")
    same = json.loads(project("deploy", "web", "--env", "dev", "-o", "json", check=True).stdout)
    assert (same["changed"], same["plan"]["verdict"]) == (False, "unchanged")
    (entry,) = json.loads(project("deploy", "history", "web", "--env", "dev", "-o", "json", check=True).stdout)
    assert (entry["status"], entry["release"]["artifact"]["files"]) == ("active", 1)
    found = json.loads(project("deploy", "status", "-o", "json", check=True).stdout)
    assert [(one["slot"]["env"], one["slot"]["service"], bool(one["release"])) for one in found] == [
        ("dev", "api", False),
        ("dev", "web", True),
        ("other", "api", False),
        ("other", "web", False),
    ]


@pytest.mark.parametrize("words", [("deploy", "plan", "web"), ("deploy", "web", "--dry-run"), ("deploy", "status")])
def test_looking_leaves_no_trace(project: Opsctl, words: tuple[str, ...]) -> None:
    project(*words, "--env", "dev", check=True)
    assert not (project.cwd / "kept").exists()
    project("deploy", "web", "--env", "dev", check=True)
    write(project, "two")
    before = snapshot(project.cwd / "kept")
    project(*words, "--env", "dev", check=True)
    assert snapshot(project.cwd / "kept") == before


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in root.rglob("*")}


def test_deploying_what_runs_touches_no_release(project: Opsctl) -> None:
    project("deploy", "web", "--env", "dev", check=True)
    before = snapshot(project.cwd / "kept/releases")
    records = snapshot(project.cwd / "kept/state/deploys/dev/web/releases")
    project("deploy", "web", "--env", "dev", check=True)
    assert snapshot(project.cwd / "kept/releases") == before
    assert snapshot(project.cwd / "kept/state/deploys/dev/web/releases") == records


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["webb", "--env", "dev"], 4, "there is no service 'webb'\nhint: did you mean 'web'?"),
        (["web", "--env", "prod"], 4, "there is no environment 'prod'"),
        (["web"], 2, "--env"),
        (["api", "--env", "dev"], 3, "service api has no artifact:"),
        (["web", "--env", "dev", "--image", "web:1"], 2, "an image means nothing there"),
        (["web", "--env", "dev", "--lock-wait", "5"], 2, "add a unit: 5s"),
        (["stauts", "--env", "dev"], 4, "did you mean 'opsctl deploy status'?"),
        (["rollback", "web", "--env", "dev"], 4, "has never been deployed"),
        (["rollback", "web", "--env", "dev", "--to", "0"], 2, "--to"),
        (["history", "webb", "--env", "dev"], 4, "there is no service 'webb'"),
    ],
)
def test_bad_input_does_nothing(project: Opsctl, words: list[str], code: int, said: str) -> None:
    done = project("deploy", *words)
    assert done.code == code, done
    assert said in done.stderr, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (project.cwd / "kept/releases").exists()
    assert not (project.cwd / "kept/state/deploys/dev/web/releases").exists()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  web:", "  status:", "a service cannot be called 'status'"),
        ("type: bucket, url", "type: bucket, urls", "unknown key 'urls'"),
        ("type: bucket", "type: buckett", "unknown deploy target 'buckett'"),
        ("{type: bucket, url: file://kept/releases}", "{type: bucket}", "url"),
        ("include: [dist]", "include: []", "needs at least 1 item"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(project: Opsctl, before: str, after: str, said: str) -> None:
    text = PROJECT.replace(before, after, 1)
    assert text != PROJECT
    (project.cwd / "opsctl.yaml").write_text(text)
    done = project("deploy", "web", "--env", "dev")
    assert done.code == 3, done
    assert said in done.stderr, done
    assert "opsctl.yaml:" in done.stderr
    assert not (project.cwd / "kept").exists()


def test_files_that_were_not_built_are_named(project: Opsctl) -> None:
    (project.cwd / "dist/index.html").unlink()
    done = project("deploy", "web", "--env", "dev")
    assert done.code == 4
    assert "artifact.include: 'dist' matches no file" in done.stderr
    assert not (project.cwd / "kept/releases").exists()


def test_a_second_deploy_is_told_who_deploys(project: Opsctl) -> None:
    """It fails at once, with holder, host and time, and says how to go on."""
    store = open_store(f"file://{project.cwd}/kept/state")
    with acquire(store, "deploys/dev/web/lock.json", holder="deploy of web@dev"):
        done = project("deploy", "web", "--env", "dev")
        assert done.code == 10, done
        assert f"(pid {os.getpid()})" in done.stderr
        assert "opsctl deploy unlock web --env dev" in done.stderr
        assert "a deploy is under way" in project("deploy", "plan", "web", "--env", "dev", check=True).stdout
        assert "locked by" in project("deploy", "status", "web", "--env", "dev", check=True).stdout
        unlocked = project("deploy", "unlock", "web", "--env", "dev", check=True)
        assert f"(pid {os.getpid()})" in unlocked.stdout
        project("deploy", "web", "--env", "dev", check=True)
    assert "nobody holds" in project("deploy", "unlock", "web", "--env", "dev", check=True).stdout


def test_a_deploy_waits_for_its_turn(project: Opsctl) -> None:
    store = open_store(f"file://{project.cwd}/kept/state")
    lease = acquire(store, "deploys/dev/web/lock.json")
    waiting = project.start("deploy", "web", "--env", "dev", "--lock-wait", "60s")
    assert waiting.poll() is None
    lease.release()
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert live(project) == "one"


def test_an_unfinished_deploy_is_shown_and_then_recovered(project: Opsctl) -> None:
    """Status and plan report it, the next deploy goes on."""
    here = world(project)
    here.deploy("one")
    with pytest.raises(Killed):
        here.deploy("two", site=here.site(fuse=Fuse(at=12)))
    here.after_a_kill()
    status = project("deploy", "status", "web", "--env", "dev", check=True).stdout
    assert "release 2 is unfinished at" in status
    plan = project("deploy", "plan", "web", "--env", "dev", check=True).stdout
    assert "recover  release 2: it was left unfinished at" in plan
    write(project, "three")
    done = project("deploy", "web", "--env", "dev", check=True)
    assert "was left unfinished" in done.stderr
    assert "release 2 was " in done.stderr
    assert live(project) == "three"
    assert here.records.journal().state == "closed"
    assert [release.seq for release in here.history] == [1, 2, 3]


def test_drift_is_shown_and_repaired_by_a_deploy(project: Opsctl) -> None:
    project("deploy", "web", "--env", "dev", check=True)
    (project.cwd / "kept/releases/web/releases/1/dist/index.html").write_text("tampered with")
    assert "drift: dist/index.html has 13 bytes, not 3" in project("deploy", "status", check=True).stdout
    done = project("deploy", "web", "--env", "dev", check=True)
    assert "release 2 serves" in done.stdout
    assert live(project) == "one"


def test_a_target_of_another_checkout_is_not_taken_over(project: Opsctl) -> None:
    project("deploy", "web", "--env", "dev", check=True)
    write(project, "two")
    other = ("--set", "state=file://kept/another")
    done = project("deploy", "web", "--env", "dev", *other)
    assert done.code == 1, done
    assert "knows nothing of" in done.stderr
    assert f"deployed with file://{project.cwd}/kept/state" in done.stderr
    assert "--force" in done.stderr
    assert live(project) == "one"
    project("deploy", "web", "--env", "dev", "--force", *other, check=True)
    assert live(project) == "two"


def test_state_and_releases_in_a_bucket(project: Opsctl, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = f"deploys-{secrets.token_hex(4)}"
    client = boto3.client("s3", endpoint_url=moto_endpoint)
    text = PROJECT.replace("file://kept/state", f"s3://{name}/state").replace("file://kept", f"s3://{name}")
    text += f"stores:\n  s3://{name}: {{endpoint: '{moto_endpoint}'}}\n"
    (project.cwd / "opsctl.yaml").write_text(text)
    missing = project("deploy", "web", "--env", "dev")
    assert missing.code == 4, missing
    assert name in missing.stderr
    client.create_bucket(Bucket=name)
    project("deploy", "web", "--env", "dev", check=True)
    write(project, "two")
    project("deploy", "web", "--env", "dev", check=True)
    project("deploy", "rollback", "web", "--env", "dev", check=True)
    pointer = json.load(client.get_object(Bucket=name, Key="releases/web/current.json")["Body"])
    served = client.get_object(Bucket=name, Key=f"releases/web/{pointer['value']['path']}dist/index.html")
    assert served["Body"].read() == b"one"
    client.close()


@pytest.mark.parametrize("verb", [[], ["plan"], ["rollback"], ["status"], ["history"], ["unlock"]])
def test_a_state_that_is_gone_with_the_process_is_refused(project: Opsctl, verb: list[str]) -> None:
    """It would hold neither the lock nor the history, and the deploy would seem to have gone well."""
    text = PROJECT.replace("state: file://kept/state", "state: mem://x")
    (project.cwd / "opsctl.yaml").write_text(text)
    done = project("deploy", *verb, "web", "--env", "dev")
    assert done.code == 3, done
    assert "opsctl.yaml:3:8: mem://x is gone when the program ends: it cannot hold releases and locks" in done.stderr
    assert "hint: " in done.stderr
    assert not (project.cwd / "kept").exists()


def test_a_bucket_that_is_gone_with_the_process_is_refused(project: Opsctl) -> None:
    (project.cwd / "opsctl.yaml").write_text(PROJECT.replace("file://kept/releases", "mem://x"))
    done = project("deploy", "web", "--env", "dev")
    assert done.code == 3, done
    assert "opsctl.yaml:5:32: mem://x is gone when the program ends: it cannot hold releases" in done.stderr
    assert not (project.cwd / "kept").exists()


def test_keys_that_mean_nothing_to_files_are_warned_of(project: Opsctl) -> None:
    """Once, by plan and by deploy; expressions in them are not looked at, because nothing would read the value."""
    keys = 'port: 80\n    env: {A: "${{ env.MISSING }}"}\n    health: {passes: 2}\n    secrets: {B: env:OTHER}'
    (project.cwd / "opsctl.yaml").write_text(PROJECT.replace("    retain: 3", f"    {keys}\n    retain: 3"))
    warning = "warning: files have no process: env, secrets, port and health of service web mean nothing here"
    plan = project("deploy", "plan", "web", "--env", "dev", check=True)
    assert (plan.stdout + plan.stderr).count(warning) == 1
    done = project("deploy", "web", "--env", "dev", check=True)
    assert done.stderr.count(warning) == 1
    text = (project.cwd / "opsctl.yaml").read_text().replace("    artifact:", "    build: {context: .}\n    artifact:")
    (project.cwd / "opsctl.yaml").write_text(text)
    assert warning in project("deploy", "web", "--env", "dev", check=True).stderr
    (project.cwd / "opsctl.yaml").write_text(
        text.replace("  other: {target: {type: bucket, url: file://kept/other}}", "  other: {target: {type: docker}}")
    )
    elsewhere = project("deploy", "web", "--env", "dev", check=True)
    assert "warning" not in elsewhere.stderr, "they are for the environment where it is a container"
    (project.cwd / "opsctl.yaml").write_text(PROJECT)
    assert "warning" not in project("deploy", "web", "--env", "dev", check=True).stderr
