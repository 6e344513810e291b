"""Readers of just those parts of Mermaid and DOT that are written here: anything else in a picture is a mistake."""

from __future__ import annotations

import re

_LABEL = r'"(?:[\w /(,.)-]|<br/>|#\d+;)*"'
_SHAPE = rf"(?:\(\[{_LABEL}\]\)|\{{\{{{_LABEL}\}}\}}|\{{{_LABEL}\}}|\[\[{_LABEL}\]\]|\(\({_LABEL}\)\)|\[{_LABEL}\])"
_MERMAID_NODE = re.compile(rf" +(n\d+){_SHAPE}(?::::(\w+))?")
_MERMAID_EDGE = re.compile(rf"  (n\d+) (?:-->|-\.->)(?:\|{_LABEL}\|)? (n\d+)")
_MERMAID_BOX = re.compile(r' +subgraph (sn\d+)\[" "\]')
_STYLE = re.compile(r"[\w-]+:[\w# -]+(?:,[\w-]+:[\w# -]+)*")

_QUOTED = r'"(?:[^"\\\n&]|\\["\\n]|&amp;)*"'
_MARKS = rf"\[[a-z]+=(?:{_QUOTED}|[a-z]+)(?:, [a-z]+=(?:{_QUOTED}|[a-z]+))*\]"
_DOT_NODE = re.compile(rf" +(n\d+) {_MARKS};")
_DOT_EDGE = re.compile(rf"  (n\d+) -> (n\d+)(?: {_MARKS})?;")
_DOT_BOX = re.compile(r' +subgraph "cluster_n\d+" \{ graph \[label="", style=(?:solid|dashed)\];')


def check_mermaid(text: str) -> tuple[int, int, int]:
    """How many nodes, edges and boxes there are. Fails on what is no such flowchart."""
    lines = text.splitlines()
    assert (lines[0], text[-1]) == ("flowchart TD", "\n")
    nodes, boxes, defined, used, edges, depth = set[str](), set[str](), set[str](), set[str](), 0, 0
    for line in lines[1:]:
        if node := _MERMAID_NODE.fullmatch(line):
            assert node[1] not in nodes
            nodes.add(node[1])
            used |= {node[2]} - {None}
        elif box := _MERMAID_BOX.fullmatch(line):
            depth += 1
            boxes.add(box[1])
        elif line.strip() == "end":
            depth -= 1
        elif edge := _MERMAID_EDGE.fullmatch(line):
            assert {edge[1], edge[2]} <= nodes
            edges += 1
        else:
            _check_style(line, edges, boxes, defined, used)
        assert depth >= 0
    assert depth == 0
    assert used == defined
    return len(nodes), edges, len(boxes)


def _check_style(line: str, edges: int, boxes: set[str], defined: set[str], used: set[str]) -> None:
    word, names, style = line.removeprefix("  ").split(" ", 2)
    if word == "classDef":
        assert _STYLE.fullmatch(style)
        defined.add(names)
    elif word == "class":
        assert set(names.split(",")) <= boxes
        used.add(style)
    else:
        assert word == "linkStyle"
        assert all(int(number) < edges for number in names.split(","))
        assert _STYLE.fullmatch(style)


def check_dot(text: str) -> tuple[int, int, int]:
    """How many nodes, edges and clusters there are. Fails on what is no such graph."""
    lines = text.splitlines()
    assert re.fullmatch(rf"digraph {_QUOTED} \{{", lines[0])
    assert (lines[1:3], lines[-1], text[-1]) == (["  rankdir=TB;", "  node [shape=box];"], "}", "\n")
    nodes, edges, boxes, depth = set[str](), 0, 0, 0
    for line in lines[3:-1]:
        if node := _DOT_NODE.fullmatch(line):
            assert node[1] not in nodes
            nodes.add(node[1])
        elif _DOT_BOX.fullmatch(line):
            depth, boxes = depth + 1, boxes + 1
        elif line.strip() == "}":
            depth -= 1
        else:
            edge = _DOT_EDGE.fullmatch(line)
            assert edge, line
            assert {edge[1], edge[2]} <= nodes
            edges += 1
        assert depth >= 0
    assert depth == 0
    return len(nodes), edges, boxes
