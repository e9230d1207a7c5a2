"""The project that a pipeline belongs to, and the directory that its steps run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsctl.config.project import LoadedProject, find_project, load_project
from opsctl.deploy.targets import options_of
from opsctl.errors import ConfigError
from opsctl.storage.rules import STORE_RULES

__all__ = ["Surroundings", "load_for_steps", "surroundings_of"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a pipeline stands.

    Args:
        root: absolute directory that its steps run in: the one of the project file, or the working directory.
        project_file: absolute path, None where there is none.
        named: on the command line or by OPSCTL_CONFIG, so that nobody would find it alone.
    """

    root: Path
    project_file: Path | None
    named: bool = False


def surroundings_of(file: Path, *, cwd: Path, env: Mapping[str, str], project_file: Path | None) -> Surroundings:
    """Return where a pipeline stands: below the project file that was named, or the next one above the pipeline.

    Args:
        file: the pipeline.
        cwd: working directory.
        env: environment of the process.
        project_file: the one that was named on the command line.
    """
    named = project_file is not None or bool(env.get("OPSCTL_CONFIG"))
    try:
        start = cwd if named else (cwd / file).resolve().parent
        found = cwd / project_file if project_file is not None else find_project(start, env=env)
    except ConfigError:
        return Surroundings(cwd.resolve(), None)
    found = found.resolve()
    return Surroundings(found.parent, found, named)


def load_for_steps(
    project_file: Path | str | None, overrides: Sequence[str], *, cwd: Path, env: Mapping[str, str]
) -> LoadedProject:
    """Read the project file for the steps that are about it.

    Args:
        project_file: absolute path, None where there is none.
        overrides: `--set` flags.
        cwd: what messages show its path relative to, and where one is looked for.
        env: environment of the process.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    path = Path(project_file) if project_file is not None else None
    return load_project(path, cwd=cwd, overrides=overrides, env=env, target_models=options_of, store_rules=STORE_RULES)
