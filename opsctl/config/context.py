"""The contexts that every expression may read: `git.*` and `env.*`.

`git` says the same on a laptop and in GitHub Actions. It asks git only when an expression mentions it.

`env.NAME` is a variable of the process environment that the file names one by one; there is no way to read them all.
Secrets never get into an expression: a variable that the file uses as a secret (`env:NAME`), and one that is called
like a credential, is refused before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from opsctl import process
from opsctl.config.expressions import BOOLEAN, STRING, Context, MissingValue, Scope, Type, map_of
from opsctl.config.scalars import SecretRef
from opsctl.errors import OpsctlError

__all__ = ["EnvContext", "GitContext", "base_context", "base_scope", "env_type", "hidden_names"]

GIT: Final = map_of(
    {
        "sha": STRING,
        "short_sha": STRING,
        "branch": STRING.optional(),
        "tag": STRING.optional(),
        "dirty": BOOLEAN,
    }
)
"""Type of `git`. `branch` is null on a detached commit (a pull request, a tag), `tag` on one without a tag."""

_CREDENTIAL: Final = re.compile(
    r"(^|_)(token|secret|secrets|password|passwd|passphrase|pat|credentials?|(api|access|private|secret|ssh|signing)_?key)$",
    re.IGNORECASE,
)


def hidden_names(secrets: Iterable[SecretRef]) -> frozenset[str]:
    """Return the environment variables that hold the given secrets."""
    return frozenset(ref.name for ref in secrets if ref.scheme == "env")


def env_type(hidden: frozenset[str] = frozenset()) -> Type:
    """Return the type of `env`: any variable but the secret ones.

    Args:
        hidden: variables that hold secrets of the file.
    """
    return map_of({}, rest=STRING, guard=_guard(hidden))


def base_scope(hidden: frozenset[str] = frozenset()) -> Scope:
    """Return the scope with `git` and `env`; files add their own contexts to it.

    Args:
        hidden: variables that hold secrets of the file.
    """
    return {"git": GIT, "env": env_type(hidden)}


def base_context(root: Path, *, env: Mapping[str, str], hidden: frozenset[str] = frozenset()) -> Context:
    """Return the values of `base_scope`.

    Args:
        root: directory of the file; its git repository is the one that is meant.
        env: environment of the process.
        hidden: variables that hold secrets of the file.
    """
    return {"git": GitContext(root, env=env), "env": EnvContext(env, hidden=hidden)}


def _guard(hidden: frozenset[str]) -> Callable[[str], str]:
    def refusal(name: str) -> str:
        if name in hidden:
            return "it is a secret of this file, and secrets are in no expression"
        if _CREDENTIAL.search(name):
            return f"it is called like a secret: list it as one (env:{name})"
        return ""

    return refusal


class EnvContext(Mapping[str, str]):
    """The variables of the environment, one by one. It cannot be listed.

    Args:
        env: environment of the process.
        hidden: variables that hold secrets of the file.
    """

    def __init__(self, env: Mapping[str, str], *, hidden: frozenset[str] = frozenset()) -> None:
        self._env = env
        self._refusal = _guard(hidden)

    def __getitem__(self, name: str) -> str:
        if refusal := self._refusal(name):
            raise MissingValue(refusal)
        if name not in self._env:
            raise MissingValue("the environment variable is not set", hint=f"export {name}=...")
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class GitContext(Mapping[str, Any]):
    """Where the working tree stands, asked of git when it is first read.

    In GitHub Actions the checkout is detached, so that only the runner knows the branch or tag
    (<https://docs.github.com/actions/reference/variables-reference>). What the runner says counts when it is about
    the commit that is checked out. A pull request has no branch: its name is chosen by whoever opened it, and
    `git.branch == 'main'` must not be true for it.

    Args:
        root: a directory of the working tree.
        env: environment of the process.
    """

    def __init__(self, root: Path, *, env: Mapping[str, str]) -> None:
        self._root = root
        self._env = {**env, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        self._runner = env if env.get("GITHUB_ACTIONS") == "true" else {}

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in (GIT.fields or {})

    def __iter__(self) -> Iterator[str]:
        return iter(GIT.fields or {})

    def __len__(self) -> int:
        return len(GIT.fields or {})

    @cached_property
    def sha(self) -> str:
        """Full id of the commit."""
        try:
            return self._git("rev-parse", "--verify", "HEAD^{commit}")
        except MissingValue:
            if sha := self._runner.get("GITHUB_SHA"):
                return sha
            raise

    @property
    def short_sha(self) -> str:
        """The first 12 characters of `sha`; as many everywhere, unlike git's own short form."""
        return self.sha[:12]

    @cached_property
    def branch(self) -> str | None:
        """Name of the branch; None when there is none."""
        if self._runner_knows:
            return self._runner_ref("refs/heads/")
        return self._git("branch", "--show-current") or None

    @cached_property
    def tag(self) -> str | None:
        """A tag of the commit, the newest where there are several; None when there is none."""
        if self._runner_knows and (tag := self._runner_ref("refs/tags/")):
            return tag
        tags = self._git("tag", "--points-at", "HEAD", "--sort=-creatordate").splitlines()
        return tags[0] if tags else None

    @cached_property
    def dirty(self) -> bool:
        """Whether there are changes or new files that are not committed."""
        return bool(self._git("status", "--porcelain", "--untracked-files=normal"))

    @property
    def _runner_knows(self) -> bool:
        return bool(self._runner.get("GITHUB_REF")) and self._runner.get("GITHUB_SHA") == self.sha

    def _runner_ref(self, kind: str) -> str | None:
        ref = self._runner["GITHUB_REF"]
        return ref.removeprefix(kind) if ref.startswith(kind) else None

    def _git(self, *arguments: str) -> str:
        # A repository may name a program that `git status` starts (core.fsmonitor); reading a file must not run it.
        argv = ("git", "-c", "core.fsmonitor=false", *arguments)
        try:
            done = process.run(argv, cwd=self._root, env=self._env, timeout=30.0, ok=None)
        except OpsctlError as error:
            raise MissingValue(error.message, hint=error.hint) from error
        if done.code:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {done.code}"]
            raise MissingValue(f"git says: {last[0]}", hint=f"run it in a git repository with a commit ({self._root})")
        return done.stdout.decode("utf-8", "replace").strip()
