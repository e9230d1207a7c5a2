"""The JSON Schema of pipeline files, made from the models and from what the built-in step kinds declare."""

from __future__ import annotations

from typing import Any, Final

from opsctl.config.schema import SchemaBuilder
from opsctl.pipeline.kinds import kind_named
from opsctl.pipeline.model import PipelineFile, StepKeys
from opsctl.plugins import STEP_KINDS

__all__ = ["PIPELINE_ID", "pipeline_schema"]

PIPELINE_ID: Final = "opsctl-pipeline.v1.schema.json"


def pipeline_schema() -> dict[str, Any]:
    """Return the JSON Schema of a pipeline file."""
    builder = SchemaBuilder()
    step = builder.object(StepKeys)
    kinds = {name: builder.schema(kind_named(name).options) for name in STEP_KINDS.names()}
    step["description"] = "One step: exactly one of the keys that say what it does, and what holds for every step."
    step["properties"] = {**kinds, **step["properties"]}
    step["oneOf"] = [{"required": [name], **_without(name)} for name in kinds]
    builder.definitions["Step"] = step
    document = builder.document(PipelineFile, name=PIPELINE_ID, title="A pipeline of opsctl")
    document["properties"]["steps"]["additionalProperties"] = {"$ref": "#/$defs/Step"}
    return document


def _without(name: str) -> dict[str, Any]:
    """Return the keys of a step that mean nothing to a kind."""
    unused = {"shell", "cwd"} - kind_named(name).step_keys
    return {"properties": dict.fromkeys(sorted(unused), False)} if unused else {}
