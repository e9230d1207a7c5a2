"""The built-in deploy targets, one module each; named in `opsctl.plugins.DEPLOY_TARGETS` and imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from opsctl.plugins import DEPLOY_TARGETS

if TYPE_CHECKING:
    import msgspec

    from opsctl.deploy.target import TargetPlugin

__all__ = ["options_of", "plugin_of"]


def plugin_of(kind: str) -> TargetPlugin:
    """Return a kind of target.

    Raises:
        NotFoundError: there is no such kind.
        MissingToolError: a library that it needs is not installed.
    """
    return cast("TargetPlugin", DEPLOY_TARGETS.load(kind))


def options_of(kind: str) -> type[msgspec.Struct]:
    """Return the model of the options of a kind of target: give it to `load_project(target_models=...)`.

    Raises:
        NotFoundError: there is no such kind.
    """
    return plugin_of(kind).options
