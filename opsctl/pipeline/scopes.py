"""What the expressions of each step may mention, and of which types it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from opsctl.config.context import base_scope, hidden_names
from opsctl.config.expressions import STRING, Scope, Type, map_of
from opsctl.pipeline.graph import Graph
from opsctl.pipeline.model import PipelineFile

__all__ = ["RUN", "Scopes", "hidden_variables"]

RUN: Final = map_of({"id": STRING})
"""Type of `run`."""


def hidden_variables(file: PipelineFile) -> frozenset[str]:
    """Return the variables that no expression may read: what secrets are read from, and what steps get them as."""
    return hidden_names(file.secrets.values()) | frozenset(file.secrets)


class Scopes:
    """The scopes of all steps of one pipeline.

    Args:
        file: the pipeline.
        outputs: step -> type of its outputs.
        graph: what needs what; it may have cycles here.
    """

    def __init__(self, file: PipelineFile, outputs: Mapping[str, Type], graph: Graph) -> None:
        self._graph = graph
        self._steps = {step: map_of({"outputs": found}) for step, found in outputs.items()}
        self._base: Scope = {
            **base_scope(hidden_variables(file)),
            "inputs": map_of({name: spec.expression_type for name, spec in file.inputs.items()}),
            "run": RUN,
            "secrets": map_of({}, rest=STRING, guard=_refuse_secret),
        }

    def of(self, step: str) -> Scope:
        """Return the scope of one step."""
        return {**self._base, "steps": map_of(self._steps, guard=self._guard(step))}

    def _guard(self, step: str) -> Callable[[str], str]:
        def refusal(other: str) -> str:
            if other == step:
                return "a step cannot read its own outputs"
            if other in self._steps and not self._graph.requires(step, other):
                return f"{step} does not need {other}; add it to needs:"
            return ""

        return refusal


def _refuse_secret(name: str) -> str:
    return f"secrets are in no expression; list it in the step (secrets: [{name}]) and read the variable ${name}"
