"""Checks what a project file says of stores: `state`, and the options in `stores`.

Which stores there are and what they take is known to the layer above; it comes in as `StoreRules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from opsctl.config.binder import Binder
from opsctl.config.nodes import MappingNode, Node, Origin, ScalarNode
from opsctl.errors import OpsctlError, Problem

__all__ = ["StoreRules", "check_stores"]


@dataclass(frozen=True, slots=True)
class StoreRules:
    """What is known of stores without opening one.

    Args:
        check_url: raises an OpsctlError for a URL at which no store could be opened.
        options_of: URL prefix -> model of the options, None where any may be given; raises an OpsctlError for what is
            no prefix of stores.
    """

    check_url: Callable[[str], None]
    options_of: Callable[[str], type[msgspec.Struct] | None]


def check_stores(binder: Binder, tree: Node, rules: StoreRules) -> None:
    """Report what is wrong with the stores of a project file, with its place."""
    if not isinstance(tree, MappingNode):
        return
    state, stores = tree.items.get("state"), tree.items.get("stores")
    if isinstance(state, ScalarNode) and (state.loose or isinstance(state.value, str)):
        _check_url(binder, state, rules)
    if isinstance(stores, MappingNode):
        for prefix, options in stores.items.items():
            _check_options(binder, prefix, stores.keys[prefix], options, rules)


def _check_url(binder: Binder, node: ScalarNode, rules: StoreRules) -> None:
    try:
        rules.check_url(node.text)
    except OpsctlError as error:
        binder.fault(node, error.message, error.hint)


def _check_options(binder: Binder, prefix: str, place: Origin, options: Node, rules: StoreRules) -> None:
    try:
        model = rules.options_of(prefix)
    except OpsctlError as error:
        binder.fault(place, error.message, error.hint)
        return
    if model is not None:
        _bind_once(binder, options, model, place)


def _bind_once(binder: Binder, options: Node, model: type[msgspec.Struct], place: Origin) -> None:
    """Bind what has been bound to the general type before; a place that was at fault already is not named again."""
    before = binder.count
    told = {_place(problem) for problem in binder.problems}
    binder.bind(options, model, at=place)
    binder.problems[before:] = [problem for problem in binder.problems[before:] if _place(problem) not in told]


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column
