"""The graph of a pipeline as text, Graphviz DOT, Mermaid and data."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from opsctl.pipeline.model import Pipeline

__all__ = ["FORMATS", "GraphData", "graph_data", "to_dot", "to_mermaid", "to_text"]

FORMATS: Final = ("text", "dot", "mermaid")


class Node(msgspec.Struct, frozen=True):
    """A step.

    Args:
        id: of the step.
        kind: what it does.
        level: length of the longest way to a step that needs nothing.
        needs: the steps before it.
    """

    id: str
    kind: str
    level: int
    needs: tuple[str, ...]


class GraphData(msgspec.Struct, frozen=True):
    """The graph of a pipeline.

    Args:
        file: the pipeline.
        steps: by level, then in the order of the file.
    """

    file: str
    steps: tuple[Node, ...]


def graph_data(pipeline: Pipeline) -> GraphData:
    """Return the graph as data."""
    nodes = (
        Node(step, pipeline.steps[step].kind.name, level, tuple(pipeline.graph.needs[step]))
        for level, steps in enumerate(pipeline.graph.levels())
        for step in steps
    )
    return GraphData(pipeline.name, tuple(nodes))


def to_text(data: GraphData) -> str:
    """Return one line a step, indented by level: what stands further right waits for something further left."""
    width = max((2 * node.level + len(node.id) for node in data.steps), default=0)
    kinds = max((len(node.kind) for node in data.steps), default=0)
    return "\n".join(
        f"{'  ' * node.level + node.id:<{width}}  {node.kind:<{kinds}}"
        f"{'  after ' + ', '.join(node.needs) if node.needs else ''}".rstrip()
        for node in data.steps
    )


def to_dot(data: GraphData) -> str:
    """Return the graph in Graphviz's language."""
    lines = ["digraph pipeline {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {_quoted(node.id)} [label={_quoted(f'{node.id} ({node.kind})')}];" for node in data.steps]
    lines += [f"  {_quoted(name)} -> {_quoted(node.id)};" for node in data.steps for name in node.needs]
    return "\n".join([*lines, "}"])


def to_mermaid(data: GraphData) -> str:
    """Return the graph as a Mermaid flowchart; GitHub draws it in Markdown."""
    # Ids of ours: a step may be called like a word of Mermaid's ("end").
    ids = {node.id: f"s{number}" for number, node in enumerate(data.steps)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[node.id]}["{node.id} ({node.kind})"]' for node in data.steps]
    lines += [f"  {ids[name]} --> {ids[node.id]}" for node in data.steps for name in node.needs]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return json.dumps(text)
