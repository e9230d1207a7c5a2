"""Reads a pipeline file, and finds everything in it that cannot be right before anything runs.

All problems of a file are reported at once. Nothing is touched: no secret is resolved, no engine or store is asked.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.config import yaml
from opsctl.config.binder import Binder
from opsctl.config.expressions import Type
from opsctl.config.nodes import MappingNode, Node, Origin
from opsctl.config.shapes import place_of
from opsctl.errors import ConfigError
from opsctl.pipeline.drafts import Draft, drafts_in
from opsctl.pipeline.graph import Graph, find_cycles
from opsctl.pipeline.model import Pipeline, PipelineFile, Step
from opsctl.pipeline.scopes import Scopes

if TYPE_CHECKING:
    from opsctl.config.project import LoadedProject

__all__ = ["ProjectLoader", "load_pipeline"]

ProjectLoader = Callable[[], "LoadedProject"]
"""Reads the project file; raises ConfigError."""

Drafts = Mapping[str, Draft]


def load_pipeline(path: Path, *, name: str, root: Path, load_project: ProjectLoader) -> Pipeline:
    """Read a pipeline file and check it.

    Args:
        path: of the file.
        name: what messages call it.
        root: absolute directory that steps run in.
        load_project: called when a step is about a service or an environment.

    Raises:
        ConfigError: with every problem of the file.
    """
    source = yaml.read(path, name=name)
    binder = Binder(source)
    bound = binder.bind(source.root, PipelineFile)
    file = bound or PipelineFile(opsctl=1, steps={})
    steps = _child(source.root, "steps")
    drafts = {draft.step.id: draft for draft in drafts_in(binder, steps)}
    graph = _graph(binder, drafts, steps.items if isinstance(steps, MappingNode) else ())
    if bound is not None:
        _check_secrets(binder, file, drafts, source.root)
        _check_expressions(binder, Scopes(file, _outputs(drafts), graph), drafts)
    project = _check_kinds(binder, drafts, load_project)
    binder.finish()
    secrets = _child(source.root, "secrets")
    places = secrets.keys if isinstance(secrets, MappingNode) else {}
    return Pipeline(name, root, file, {id_: draft.step for id_, draft in drafts.items()}, graph, places, project)


def _child(node: Node, key: str) -> Node | None:
    return node.items.get(key) if isinstance(node, MappingNode) else None


def _outputs(drafts: Drafts) -> dict[str, Type]:
    return {step: draft.step.kind.outputs for step, draft in drafts.items()}


def _graph(binder: Binder, drafts: Drafts, ids: Collection[str]) -> Graph:
    """Return the graph of the needs that can be; report the others, and cycles."""
    needs: dict[str, list[str]] = {}
    for step, draft in drafts.items():
        for index, name in enumerate(draft.step.keys.needs):
            if name not in ids or name == step:
                _report_need(binder, step, name, ids, place_of(("needs", index), draft.node, draft.step.origin))
        needs[step] = [name for name in draft.step.keys.needs if name in drafts and name != step]
    for cycle in find_cycles(needs):
        _report_cycle(binder, cycle, drafts)
    return Graph.of(needs)


def _report_need(binder: Binder, step: str, name: str, ids: Collection[str], place: Origin) -> None:
    if name == step:
        binder.fault(place, f"step {step} needs itself", "remove it")
        return
    close = difflib.get_close_matches(name, ids, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"steps: {', '.join(list(ids)[:20])}"
    binder.fault(place, f"step {step} needs {name!r}, but there is no such step", hint)


def _report_cycle(binder: Binder, cycle: Sequence[str], drafts: Drafts) -> None:
    """Report a cycle where its first step needs the second; the hint has the other places."""
    places = [_place_of_need(drafts[step], name) for step, name in itertools.pairwise(cycle)]
    shown = " -> ".join(cycle if len(cycle) <= 12 else [*cycle[:6], "...", *cycle[-5:]])  # noqa: PLR2004 - one line
    others = ", ".join(str(place.line) for place in places[1:12])
    binder.fault(
        places[0], f"steps need each other: {shown}", f"remove one of the needs; the others are in line {others}"
    )


def _place_of_need(draft: Draft, name: str) -> Origin:
    return place_of(("needs", draft.step.keys.needs.index(name)), draft.node, draft.step.origin)


def _check_secrets(binder: Binder, file: PipelineFile, drafts: Drafts, root: Node) -> None:
    """A listed secret exists, and no variable comes from two places."""
    for name in file.env.keys() & file.secrets.keys():
        binder.fault(place_of(("env", name), root, root.origin), f"{name} is in env and in secrets", "keep one of them")
    for draft in drafts.values():
        step, at = draft.step, draft.step.origin
        for index, name in enumerate(step.keys.secrets):
            if name not in file.secrets:
                close = difflib.get_close_matches(name, file.secrets, n=1)
                listed = f"secrets of the file: {', '.join(file.secrets) or 'none'}"
                hint = f"did you mean {close[0]!r}?" if close else listed
                binder.fault(place_of(("secrets", index), draft.node, at), f"there is no secret {name!r}", hint)
        for name in step.keys.env.keys() & set(step.keys.secrets):
            told = f"{name} is in env and in secrets of step {step.id}"
            binder.fault(place_of(("env", name), draft.node, at), told, "keep one of them")


def _check_expressions(binder: Binder, scopes: Scopes, drafts: Drafts) -> None:
    for step, draft in drafts.items():
        dynamics = [value for value in draft.dynamics if not value.is_constant]
        scope = scopes.of(step) if dynamics else {}
        for value in dynamics:
            binder.add(value.check(scope))


def _check_kinds(binder: Binder, drafts: Drafts, load_project: ProjectLoader) -> LoadedProject | None:
    """Ask each kind about its options; read the project file when one of them is about it."""
    steps = [draft.step for draft in drafts.values()]
    wanting = [step for step in steps if step.kind.needs_project(step.options)]
    project = _project(binder, wanting[0], load_project) if wanting else None
    skipped = {step.id for step in wanting} if project is None else set()
    for step in steps:
        if step.id not in skipped:
            node = drafts[step.id].node.items[step.kind.name]
            for fault in step.kind.check(step.options, project):
                binder.fault(place_of(fault.path, node, step.work_origin), fault.message, fault.hint)
    return project


def _project(binder: Binder, step: Step, load_project: ProjectLoader) -> LoadedProject | None:
    try:
        return load_project()
    except ConfigError as error:
        if any(problem.line for problem in error.problems):
            binder.add(error.problems)
        else:  # there is no such file, or it is unreadable as a whole: this step is why that matters
            binder.fault(step.work_origin, f"a {step.kind.name} step is about the project: {error}", error.hint)
        return None
