"""Finds and loads `opsctl.yaml`: default < file < environment < flag, every value with its origin.

Loading reads one file and nothing else: no secret is resolved, no store, engine or repository is asked.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from opsctl.config import overlays, yaml
from opsctl.config.binder import Binder
from opsctl.config.context import base_context, base_scope, hidden_names
from opsctl.config.expressions import Context
from opsctl.config.models import Environment, Project, Service, ServiceOverride
from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode, SequenceNode
from opsctl.config.nodes import Path as NodePath
from opsctl.config.scalars import unbind
from opsctl.config.shapes import place_of, shape_of
from opsctl.config.stores import StoreRules, check_stores
from opsctl.errors import ConfigError, NotFoundError, OpsctlError, Problem

__all__ = ["FILE_NAME", "BoundTarget", "LoadedProject", "TargetModels", "find_project", "load_project"]

T = TypeVar("T")

FILE_NAME: Final = "opsctl.yaml"

TargetModels = Callable[[str], type[msgspec.Struct]]
"""Kind of deploy target -> model of its options; raises an OpsctlError for an unknown kind. Comes from the deploy
layer, which this one must not import."""


@dataclass(frozen=True)
class BoundTarget:
    """The target of an environment.

    Args:
        kind: its `type`.
        options: the other keys, bound to the target's own model.
    """

    kind: str
    options: Any


@dataclass(frozen=True)
class LoadedProject:
    """A project file that is right.

    Args:
        project: what it says, with the environment's and the command line's values in it.
        root: absolute directory of the file; relative paths and `file://` URLs in it belong to it, whichever layer
            they came from.
        name: path of the file, as messages show it.
        tree: what was bound.
        targets: environment -> target; empty when the loader was given no `target_models`.
        warnings: what is allowed, but hardly meant.
        hidden: environment variables that hold secrets of the file; no expression may read them.
        env: environment of the process.
    """

    project: Project
    root: Path
    name: str
    tree: Node
    targets: Mapping[str, BoundTarget]
    warnings: tuple[Problem, ...]
    hidden: frozenset[str]
    env: Mapping[str, str] = field(repr=False)

    def environment(self, name: str) -> Environment:
        """Return an environment.

        Raises:
            NotFoundError: there is none of this name.
        """
        return _named("environment", name, self.project.environments, self.name)

    def target(self, env: str) -> BoundTarget:
        """Return the target of an environment.

        Raises:
            NotFoundError: there is no environment of this name.
        """
        self.environment(env)
        return self.targets[env]

    def service(self, name: str, env: str = "") -> Service:
        """Return a service as it is in an environment.

        Args:
            name: of the service.
            env: name of the environment, "" for the service without what differs anywhere.

        Raises:
            NotFoundError: there is no service or environment of this name.
        """
        service = _named("service", name, self.project.services, self.name)
        override = self.environment(env).services.get(name) if env else None
        return service if override is None else _merged(service, override)

    @cached_property
    def context(self) -> Context:
        """Values of `git.*` and `env.*` for the expressions of this file."""
        return base_context(self.root, env=self.env, hidden=self.hidden)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Everything that holds, defaults included, as a file would say it; secrets are references."""
        values: dict[str, Any] = unbind(self.project)
        return values

    @cached_property
    def origins(self) -> dict[NodePath, Origin]:
        """Path of every single value -> where it came from; `Origin("default")` for what nobody said."""
        said = dict(_leaves(self.tree))
        return {path: _origin(path, said) for path in _paths(self.values)}


def find_project(cwd: Path, *, env: Mapping[str, str]) -> Path:
    """Return the project file: `OPSCTL_CONFIG`, or the next `opsctl.yaml` upwards, at most to the top of a repository.

    Raises:
        ConfigError: there is none, or the one found upwards is not ours.
    """
    if given := env.get("OPSCTL_CONFIG"):
        return cwd / Path(given).expanduser()
    for directory in (cwd, *cwd.parents):
        if os.access(directory / FILE_NAME, os.F_OK):
            return directory / FILE_NAME if directory == cwd else _trusted(directory / FILE_NAME)
        if os.access(directory / ".git", os.F_OK):
            break
    problem = Problem(FILE_NAME, 0, 0, f"there is no such file in {cwd} or above", "opsctl init writes one")
    raise ConfigError([problem])


def _trusted(path: Path) -> Path:
    """Return a file that was found above the working directory.

    A project file names commands that are run (`cmd:`), and outside of a repository anybody may have put one into a
    directory above, /tmp for one. It must then belong to the user or to root.
    """
    in_repository = any(os.access(directory / ".git", os.F_OK) for directory in path.parents)
    if in_repository or path.stat().st_uid in {0, os.geteuid()}:
        return path
    raise ConfigError([Problem(str(path), 0, 0, "belongs to another user", f"if you trust it: --config {path}")])


def load_project(
    path: Path | None = None,
    *,
    cwd: Path | None = None,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    target_models: TargetModels | None = None,
    store_rules: StoreRules | None = None,
) -> LoadedProject:
    """Load a project file and check everything that can be checked without touching the world.

    Args:
        path: the file; found from `cwd` when None (see `find_project`).
        cwd: working directory, the process's by default.
        overrides: `PATH=VALUE` of `--set` flags.
        env: environment, the process's by default.
        target_models: models of the deploy targets; without it `target:` is not looked into.
        store_rules: which stores there are; without them URLs and options of stores are not looked into.

    Raises:
        ConfigError: with every problem of the file, the environment and the flags.
        UsageError: an override is not `PATH=VALUE`.
    """
    cwd = cwd or Path.cwd()
    env = os.environ if env is None else env
    path = cwd / path if path is not None else find_project(cwd, env=env)
    source = yaml.read(path, name=_shown(path, cwd))
    extra = [*overlays.from_environment(env), *overlays.from_flags(overrides)]
    tree, problems = source.root, list[Problem]()
    if isinstance(tree, MappingNode):
        tree, problems = overlays.lay(tree, extra, shape_of(Project))
    binder = Binder(source)
    binder.add(problems)
    project = binder.bind(tree, Project)
    targets = _bind_targets(binder, tree, target_models) if target_models else {}
    if store_rules:
        check_stores(binder, tree, store_rules)
    hidden = hidden_names(binder.secrets)
    scope = base_scope(hidden)
    for value in binder.dynamics:
        binder.add(value.check(scope))
    if project is not None:
        _check_merged(binder, project, tree)
    binder.finish()
    assert project is not None  # noqa: S101 - finish() raises when it is
    return LoadedProject(
        project, path.parent.resolve(), source.name, tree, targets, tuple(_warnings(env)), hidden=hidden, env=env
    )


def _shown(path: Path, cwd: Path) -> str:
    """Return the shorter way to write a path: from here, unless that climbs out of a deep directory."""
    relative = os.path.relpath(path, cwd)
    return relative if len(relative) <= len(str(path)) else str(path)


def _named(kind: str, name: str, known: Mapping[str, T], file: str) -> T:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    listed = f"{kind}s in {file}: {', '.join(sorted(known))}" if known else f"{file} has no {kind}s"
    raise NotFoundError(f"there is no {kind} {name!r}", hint=f"did you mean {close[0]!r}?" if close else listed)


def _merged(service: Service, override: ServiceOverride) -> Service:
    replaced = {
        name: value
        for name in ("image", "command", "resources", "health", "retain")
        if (value := getattr(override, name)) is not None
    }
    settings = {**service.env, **override.env}
    secrets = {**service.secrets, **override.secrets}
    return msgspec.structs.replace(service, **replaced, env=settings, secrets=secrets)


def _check_merged(binder: Binder, project: Project, tree: Node) -> None:
    """Report what is wrong with a service only in one environment."""
    for env_name, environment in project.environments.items():
        for name, override in environment.services.items():
            if name in project.services:
                base: NodePath = ("environments", env_name, "services", name)
                for fault in _merged(project.services[name], override).check():
                    binder.fault(place_of((*base, *fault.path), tree, tree.origin), fault.message, fault.hint)


def _bind_targets(binder: Binder, tree: Node, models: TargetModels) -> dict[str, BoundTarget]:
    targets = {}
    environments = _child(tree, "environments")
    if isinstance(environments, MappingNode):
        for name, environment in environments.items.items():
            node = _child(environment, "target")
            if node is not None and (target := _bind_target(binder, node, models)):
                targets[name] = target
    return targets


def _bind_target(binder: Binder, node: Node, models: TargetModels) -> BoundTarget | None:
    if not isinstance(node, MappingNode):
        binder.fault(node, "expected a map with the target's type and options", "target: {type: bucket, ...}")
        return None
    kind = node.items.get("type")
    if not isinstance(kind, ScalarNode) or not isinstance(kind.value, str):
        binder.fault(kind or node, "a target needs its type", "add type: bucket, or another kind of target")
        return None
    try:
        model = models(kind.value)
    except OpsctlError as error:
        binder.fault(kind, error.message, error.hint)
        return None
    options = binder.bind(node.drop({"type"}), model)
    return BoundTarget(kind.value, options)


def _child(node: Node, key: str) -> Node | None:
    return node.items.get(key) if isinstance(node, MappingNode) else None


def _warnings(env: Mapping[str, str]) -> Iterator[Problem]:
    known = [*overlays.VARIABLES, "OPSCTL_CONFIG"]
    for name in env:
        if name.startswith("OPSCTL_") and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            if close:
                yield Problem(f"env {name}", 0, 0, "means nothing to opsctl", f"did you mean {close[0]}?")


def _leaves(node: Node, path: NodePath = ()) -> Iterator[tuple[NodePath, Node]]:
    if isinstance(node, MappingNode) and node.items:
        for key, child in node.items.items():
            yield from _leaves(child, (*path, key))
    elif isinstance(node, SequenceNode) and node.items:
        for index, child in enumerate(node.items):
            yield from _leaves(child, (*path, index))
    else:
        yield path, node


def _paths(value: Any, path: NodePath = ()) -> Iterator[NodePath]:
    children: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    inner = [found for key, child in children for found in _paths(child, (*path, key))]
    yield from inner or [path]


def _origin(path: NodePath, said: Mapping[NodePath, Node]) -> Origin:
    if path in said:
        return said[path].origin
    for length in range(len(path) - 1, 0, -1):
        around = said.get(path[:length])
        if isinstance(around, ScalarNode) and around.loose:  # --set PATH='[a, b]' says all that is in the list
            return around.origin
    return Origin("default")
