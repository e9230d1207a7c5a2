"""What a run would do: the order, what each step does, and what is known to be skipped. Pure; touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from opsctl.config.expressions import Context
from opsctl.config.scalars import Duration
from opsctl.errors import ConfigError, Problem
from opsctl.pipeline.evaluation import evaluate
from opsctl.pipeline.inputs import InputValue
from opsctl.pipeline.model import Pipeline, Step
from opsctl.pipeline.texts import readable

__all__ = ["PipelinePlan", "StepPlan", "make_plan"]

UNKNOWN = ("steps", "run")
"""Contexts that have values only while a pipeline runs."""

Verdict = Literal["run", "skip", "depends"]


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one step.

    Args:
        id: of the step.
        kind: what it does.
        does: the same in one line; what is not known yet is shown as its expression.
        needs: steps before it.
        verdict: "run", "skip", or "depends" when only the run can tell.
        why: of a skip, or what it depends on; "" for "run".
        env: variables of the step, evaluated as far as they can be.
        secrets: names of those it gets.
        timeout: with its unit, None for no limit.
        shell: of `run`, else None.
        line: of the step in the file.
    """

    id: str
    kind: str
    does: str
    needs: tuple[str, ...]
    verdict: Verdict
    why: str = ""
    env: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()
    timeout: str | None = None
    shell: str | None = None
    line: int = 0


class PipelinePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do.

    Args:
        file: the pipeline.
        inputs: their values.
        steps: in the order in which one job would start them.
    """

    file: str
    inputs: Mapping[str, InputValue]
    steps: tuple[StepPlan, ...]


def make_plan(pipeline: Pipeline, inputs: Mapping[str, InputValue], context: Context) -> PipelinePlan:
    """Return the plan of a run.

    Args:
        pipeline: the file.
        inputs: values of its inputs.
        context: values that are known before a run; without those of `UNKNOWN`.

    Raises:
        ConfigError: an expression has no value, or options turn out to be wrong once they have values.
    """
    plans: dict[str, StepPlan] = {}
    problems: list[Problem] = []
    for id_ in pipeline.graph.order():
        try:
            plans[id_] = _plan(pipeline, pipeline.steps[id_], plans, context)
        except ConfigError as error:
            problems += error.problems
            plans[id_] = StepPlan(id=id_, kind="", does="", needs=(), verdict="depends")
    if problems:
        raise ConfigError(problems)
    return PipelinePlan(file=pipeline.name, inputs=inputs, steps=tuple(plans.values()))


def _plan(pipeline: Pipeline, step: Step, plans: Mapping[str, StepPlan], context: Context) -> StepPlan:
    verdict, why = _verdict(step, plans, context)
    options, env = step.options, {}
    if verdict != "skip":
        options = evaluate(step.options, context, unknown=UNKNOWN)
        if options != step.options:
            _recheck(pipeline, step, options)
        env = evaluate(step.keys.env, context, unknown=UNKNOWN)
    timeout = step.keys.timeout or pipeline.file.defaults.timeout
    return StepPlan(
        id=step.id,
        kind=step.kind.name,
        does=readable(step.kind.describe(options)),
        needs=tuple(pipeline.graph.needs[step.id]),
        verdict=verdict,
        why=why,
        env={name: readable(str(value)) for name, value in env.items()},
        secrets=tuple(step.keys.secrets),
        timeout=str(Duration(timeout)) if timeout is not None else None,
        shell=(step.keys.shell or pipeline.file.defaults.shell) if "shell" in step.kind.step_keys else None,
        line=step.origin.line,
    )


def _verdict(step: Step, plans: Mapping[str, StepPlan], context: Context) -> tuple[Verdict, str]:
    skipped = [name for name in step.keys.needs if plans[name].verdict == "skip"]
    if skipped:
        return "skip", f"needs {skipped[0]}, which is skipped"
    condition = evaluate(step.keys.if_, context, unknown=UNKNOWN)
    if condition is not None and condition.is_constant and not condition.constant:
        return "skip", f"if: {step.keys.if_}"
    if condition is not None and not condition.is_constant:
        return "depends", f"if: {condition}"
    open_needs = [name for name in step.keys.needs if plans[name].verdict == "depends"]
    return ("depends", f"needs {open_needs[0]}, which may be skipped") if open_needs else ("run", "")


def _recheck(pipeline: Pipeline, step: Step, options: Any) -> None:
    """Check the options again, now that expressions in them have values: an environment from an input must exist."""
    at = step.work_origin
    faults = list(step.kind.check(options, pipeline.project))
    if faults:
        raise ConfigError([Problem(at.source, at.line, at.column, fault.message, fault.hint) for fault in faults])
