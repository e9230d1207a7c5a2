"""`git.*` says where the working tree stands, on a laptop and in GitHub Actions; `env.*` never gives a secret away."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from opsctl.config.context import EnvContext, GitContext, base_context, base_scope, hidden_names
from opsctl.config.expressions import ExpressionError, MissingValue, check, evaluate, parse
from opsctl.config.scalars import SecretRef


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def context(repository: Path, **env: str) -> dict[str, Any]:
    return dict(GitContext(repository, env={**os.environ, **env}))


def test_a_clean_branch(repository: Path) -> None:
    sha = git(repository, "rev-parse", "HEAD")
    assert context(repository) == {"sha": sha, "short_sha": sha[:12], "branch": "main", "tag": None, "dirty": False}


def test_a_directory_below_the_top(repository: Path) -> None:
    (repository / "below").mkdir()
    assert context(repository / "below")["branch"] == "main"


def test_changes_and_new_files_are_dirt(repository: Path) -> None:
    (repository / "a").write_text("2")
    assert context(repository)["dirty"] is True
    git(repository, "checkout", "-q", "a")
    (repository / "new").touch()
    assert context(repository)["dirty"] is True


def test_a_tag_and_a_detached_commit(repository: Path) -> None:
    git(repository, "tag", "v1")
    git(repository, "checkout", "-q", "--detach")
    found = context(repository)
    assert (found["branch"], found["tag"]) == (None, "v1")


def test_no_repository_no_commit_and_no_git_are_said(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(MissingValue, match="git says: fatal: not a git repository"):
        _ = GitContext(Path("/"), env=os.environ)["sha"]
    git(tmp_path, "checkout", "-q", "--orphan", "empty")
    with pytest.raises(MissingValue, match="git says: fatal"):
        _ = GitContext(repository, env=os.environ)["sha"]
    with pytest.raises(ExpressionError, match=r"git\.sha: 'git' is not installed"):
        evaluate(parse("git.sha"), base_context(repository, env={"PATH": "/nowhere"}))


def test_git_is_not_asked_before_something_is_read(tmp_path: Path) -> None:
    assert evaluate(parse("true || git.dirty"), base_context(tmp_path / "gone", env={})) is True


def test_a_repository_cannot_make_us_run_its_program(repository: Path) -> None:
    script = repository / "monitor"
    script.write_text("#!/bin/sh\ntouch ran\n")
    script.chmod(0o755)
    git(repository, "config", "core.fsmonitor", "./monitor")
    assert context(repository)["dirty"] is True
    assert not (repository / "ran").exists()


def actions(repository: Path, ref: str, **env: str) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_SHA": git(repository, "rev-parse", "HEAD"), "GITHUB_REF": ref, **env}


def test_in_github_actions_the_runner_knows_the_branch_of_a_detached_checkout(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    found = context(repository, **actions(repository, "refs/heads/feature/x"))
    assert (found["branch"], found["tag"], found["dirty"]) == ("feature/x", None, False)
    assert context(repository, **actions(repository, "refs/tags/v2"))["tag"] == "v2"
    assert context(repository, **actions(repository, "refs/tags/v2"))["branch"] is None


def test_a_pull_request_has_no_branch_whatever_its_author_calls_it(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    env = actions(repository, "refs/pull/7/merge", GITHUB_HEAD_REF="main", GITHUB_REF_NAME="7/merge")
    assert context(repository, **env)["branch"] is None


def test_the_runner_is_not_believed_about_another_commit(repository: Path) -> None:
    env = {**actions(repository, "refs/heads/release"), "GITHUB_SHA": "0" * 40}
    assert context(repository, **env)["branch"] == "main"


def test_without_a_repository_the_runner_knows_the_commit() -> None:
    env = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_SHA": "a" * 40, "GITHUB_REF": "refs/heads/main"}
    found = GitContext(Path("/"), env=env)
    assert (found["sha"], found["short_sha"], found["branch"]) == ("a" * 40, "a" * 12, "main")


def test_outside_of_github_actions_its_variables_mean_nothing(repository: Path) -> None:
    env = {**actions(repository, "refs/heads/release"), "GITHUB_ACTIONS": ""}
    assert context(repository, **env)["branch"] == "main"


def test_env_gives_one_variable_at_a_time() -> None:
    env = EnvContext({"BUILD": "7", "OTHER": "x"})
    assert evaluate(parse("env.BUILD"), {"env": env}) == "7"
    assert list(env) == []
    with pytest.raises(ExpressionError, match=r"env\.GONE: the environment variable is not set"):
        evaluate(parse("env.GONE"), {"env": env})


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_URL",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "db_password",
        "API_KEY",
        "TOKEN",
        "SSH_KEY",
        "MY_CREDENTIALS",
    ],
)
def test_secrets_are_in_no_expression(name: str) -> None:
    hidden = hidden_names([SecretRef("env", "DATABASE_URL"), SecretRef("file", "x")])
    expression = parse(f"env.{name}")
    _, errors = check(expression, base_scope(hidden))
    assert [name in error.message for error in errors] == [True]
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, base_context(Path(), env={name: "hunter2"}, hidden=hidden))
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("name", ["BUILD_NUMBER", "TOKENIZER", "KEYBOARD", "CACHE_KEY", "GITHUB_RUN_ID"])
def test_plain_variables_are_fine(name: str) -> None:
    assert check(parse(f"env.{name}"), base_scope())[1] == []


def test_the_environment_cannot_be_dumped() -> None:
    assert check(parse("to_json(env)"), base_scope())[1]
    assert evaluate(parse("to_json(env)"), base_context(Path(), env={"A": "x"})) == "{}"


def test_only_what_git_has_is_there(repository: Path) -> None:
    found = GitContext(repository, env=os.environ)
    assert len(found) == len(list(found)) == 5
    with pytest.raises(ExpressionError, match=r"git\.author is not set"):
        evaluate(parse("git.author"), {"git": found})


def test_branch_and_tag_may_be_null_and_the_check_knows_it() -> None:
    assert check(parse("git.branch == 'main' && git.tag == null"), base_scope())[1] == []
    assert check(parse("starts_with(default(git.tag, ''), 'v')"), base_scope())[1] == []
