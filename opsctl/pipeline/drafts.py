"""From the map of a step in the file to a step whose values have the right types."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opsctl.config.binder import Binder
from opsctl.config.dynamic import Dynamic
from opsctl.config.nodes import MappingNode, Node, Origin
from opsctl.errors import NotFoundError, OpsctlError
from opsctl.pipeline.kinds import StepKind, kind_named
from opsctl.pipeline.model import Step, StepKeys
from opsctl.plugins import STEP_KINDS

__all__ = ["Draft", "drafts_in"]

_KEYS: Final = StepKeys.__struct_encode_fields__
_BY_KIND: Final = ("shell", "cwd")
"""Keys of a step that not every kind has a use for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A step whose values have the right types; whether they fit the rest of the file is still open.

    Args:
        step: the step.
        node: its map in the file.
        dynamics: its values that may hold expressions.
    """

    step: Step
    node: MappingNode
    dynamics: Sequence[Dynamic]


def drafts_in(binder: Binder, steps: Node | None) -> Iterator[Draft]:
    """Yield the steps that could be bound; report what is wrong with the others."""
    if isinstance(steps, MappingNode):
        for step, node in steps.items.items():
            draft = _draft(binder, step, node, steps.keys[step])
            if draft is not None:
                yield draft


def _draft(binder: Binder, step: str, node: Node, origin: Origin) -> Draft | None:
    if not isinstance(node, MappingNode):
        binder.fault(origin, f"step {step}: expected a map", "for example: {run: make test}")
        return None
    before = len(binder.dynamics)
    kinds = [key for key in node.items if key not in _KEYS and key not in StepKeys.later]
    unknown = [key for key in kinds if not _is_kind(key)]
    for key in unknown:
        _report_unknown(binder, key, node.keys[key])
    keys = binder.bind(node.drop(kinds), StepKeys, at=origin)
    found = [key for key in kinds if key not in unknown]
    if len(found) != 1:
        if len(found) > 1 or not (unknown or StepKeys.later & node.items.keys()):
            _report_count(binder, step, found, node, origin)
        return None
    kind, options = _work(binder, found[0], node)
    if keys is None or kind is None or options is None:
        return None
    return Draft(Step(step, kind, options, keys, origin, node.keys[found[0]]), node, binder.dynamics[before:])


def _is_kind(key: str) -> bool:
    if key in STEP_KINDS.table:
        return True
    try:
        kind_named(key)
    except NotFoundError:
        return False
    except OpsctlError:
        return True  # binding it says what is missing
    return True


def _report_unknown(binder: Binder, key: str, place: Origin) -> None:
    near = difflib.get_close_matches(key, [*_KEYS, *STEP_KINDS.table], n=1)
    listed = f"a step has one of {', '.join(STEP_KINDS.names())}, and may have {', '.join(_KEYS)}"
    binder.fault(place, f"unknown key {key!r}", f"did you mean {near[0]!r}?" if near else listed)


def _report_count(binder: Binder, step: str, found: Sequence[str], node: MappingNode, origin: Origin) -> None:
    if found:
        told = f"step {step} has {' and '.join(found)}, but a step does one thing"
        binder.fault(node.keys[found[1]], told, "make two steps of it")
    else:
        binder.fault(origin, f"step {step} does nothing", f"add one of {', '.join(STEP_KINDS.names())}")


def _work(binder: Binder, name: str, node: MappingNode) -> tuple[StepKind | None, Any]:
    try:
        kind = kind_named(name)
    except OpsctlError as error:
        binder.fault(node.keys[name], error.message, error.hint)
        return None, None
    for key in _BY_KIND:
        if key in node.items and key not in kind.step_keys:
            binder.fault(node.keys[key], f"{key!r} means nothing to a {kind.name} step", "remove it")
    return kind, binder.bind(node.items[name], kind.options, at=node.keys[name])
