"""A graph as a Mermaid flowchart, from top to bottom.

Mermaid reads characters by their number (`#123;`), so whatever could mean something to it, or to the Markdown that it reads labels as, is written so. A
reader draws at most 500 edges and 50,000 characters unless it is told otherwise.
"""

from __future__ import annotations

import re

from service.flows.drawing import Look, edges, idle, look, names, said, told
from service.flows.hierarchy import Graph, GraphNode, Kind, Relation

_SHAPES = {
    Kind.ROOT: '(["{}"])',
    Kind.END: '(["{}"])',
    Kind.TRIGGER: '{{{{"{}"}}}}',
    Kind.CHOICE: '{{"{}"}}',
    Kind.SUBFLOW: '[["{}"]]',
    Kind.CLUSTER_END: '(("{}"))',
}
_BOX = '["{}"]'
_COLOURS = {
    Look.DISABLED: "fill:#f5f5f5,stroke:#999,color:#777,stroke-dasharray:4 4",
    Look.ERRORS: "fill:#fdecea,stroke:#c0392b,color:#611a15",
    Look.TRIGGER: "fill:#eaf4fd,stroke:#2b6cb0,color:#1a365d",
    Look.SUBFLOW: "fill:#f3ecfd,stroke:#6b46c1,color:#322659",
}
#: Letters, digits and what is harmless anywhere. `-`, `.` and `)` begin lists, `_` emphasis, unless they are within a word.
_UNSAFE = re.compile(r"[^\w /(,.)-]|[-.)](?=\s|$)|(?<![^\W_])_|_(?![^\W_])")


def mermaid(graph: Graph) -> str:
    """The text of the flowchart, with a line break at its end."""
    short = names(graph)
    lines, depth = ["flowchart TD"], 1
    for node in graph.nodes:
        if node.kind is Kind.CLUSTER_ROOT:
            lines.append(f'{"  " * depth}subgraph s{short[node.uid]}[" "]')
            depth += 1
            continue
        lines.append("  " * depth + _node(node, short[node.uid]))
        if node.kind is Kind.CLUSTER_END:
            depth -= 1
            lines.append(f"{'  ' * depth}end")
    return "\n".join([*lines, *_edges(graph, short), *_classes(graph, short)]) + "\n"


def _node(node: GraphNode, name: str) -> str:
    label = "<br/>".join(map(_safe, said(node))) or " "
    shown = look(node)
    return name + _SHAPES.get(node.kind, _BOX).format(label) + (f":::{shown}" if shown in _COLOURS else "")


def _edges(graph: Graph, short: dict[str, str]) -> list[str]:
    passive, lines, failing = idle(graph), list[str](), list[str]()
    for number, edge in enumerate(edges(graph)):
        arrow = "-.->" if edge.source in passive or edge.target in passive else "-->"
        label = told(edge)
        words = f'|"{_safe(label)}"|' if label else ""
        lines.append(f"  {short[edge.source]} {arrow}{words} {short[edge.target]}")
        if edge.relation is Relation.ERROR:
            failing.append(str(number))
    return [*lines, f"  linkStyle {','.join(failing)} stroke:#c0392b"] if failing else lines


def _classes(graph: Graph, short: dict[str, str]) -> list[str]:
    used = {look(node) for node in graph.nodes}
    boxes = [f"s{short[node.uid]}" for node in graph.nodes if node.kind is Kind.CLUSTER_ROOT and node.disabled]
    lines = [f"  classDef {name} {style}" for name, style in _COLOURS.items() if name in used]
    return [*lines, f"  class {','.join(boxes)} {Look.DISABLED}"] if boxes else lines


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
