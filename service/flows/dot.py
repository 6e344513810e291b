"""A graph in Graphviz's language, from top to bottom."""

from __future__ import annotations

from service.flows.drawing import Look, edges, idle, look, names, said, title, told
from service.flows.hierarchy import Graph, GraphNode, Kind, Relation

_SHAPES = {Kind.ROOT: "oval", Kind.END: "oval", Kind.TRIGGER: "hexagon", Kind.CHOICE: "diamond", Kind.SUBFLOW: "component", Kind.CLUSTER_END: "point"}
_COLOURS = {
    Look.DISABLED: 'style="dashed", color="#999999", fontcolor="#777777"',
    Look.ERRORS: 'style="filled", fillcolor="#fdecea", color="#c0392b"',
    Look.TRIGGER: 'style="filled", fillcolor="#eaf4fd", color="#2b6cb0"',
    Look.SUBFLOW: 'style="filled", fillcolor="#f3ecfd", color="#6b46c1"',
}


def dot(graph: Graph) -> str:
    """The text of the graph, with a line break at its end."""
    short = names(graph)
    lines, depth = [f"digraph {_quoted(title(graph))} {{", "  rankdir=TB;", "  node [shape=box];"], 1
    for node in graph.nodes:
        if node.kind is Kind.CLUSTER_ROOT:
            style = "dashed" if node.disabled else "solid"
            lines.append(f'{"  " * depth}subgraph "cluster_{short[node.uid]}" {{ graph [label="", style={style}];')
            depth += 1
            continue
        lines.append("  " * depth + _node(node, short[node.uid]))
        if node.kind is Kind.CLUSTER_END:
            depth -= 1
            lines.append(f"{'  ' * depth}}}")
    return "\n".join([*lines, *_edges(graph, short), "}"]) + "\n"


def _node(node: GraphNode, name: str) -> str:
    shape = f", shape={_SHAPES[node.kind]}" if node.kind in _SHAPES else ""
    colours = _COLOURS.get(look(node))
    return f"{name} [label={_quoted(*said(node))}{shape}{f', {colours}' if colours else ''}];"


def _edges(graph: Graph, short: dict[str, str]) -> list[str]:
    passive, lines = idle(graph), list[str]()
    for edge in edges(graph):
        label = told(edge)
        marks = [f"label={_quoted(label)}"] if label else []
        if edge.source in passive or edge.target in passive:
            marks.append("style=dashed")
        if edge.relation is Relation.ERROR:
            marks.append('color="#c0392b"')
        # What leads back would turn the picture around.
        if edge.back:
            marks.append("constraint=false")
        lines.append(f"  {short[edge.source]} -> {short[edge.target]}" + (f" [{', '.join(marks)}];" if marks else ";"))
    return lines


def _quoted(*lines: str) -> str:
    r"""Text in quotes; a backslash means something in labels (`\N` is the node's name), and so does `&` (`&lt;`)."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines) + '"'
