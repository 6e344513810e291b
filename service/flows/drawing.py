"""What a picture of a graph says and shows, in whichever language it is drawn.

A flowable is drawn once: its own task stands for its cluster's beginning. Where it ends is a small point.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from service.flows.hierarchy import Edge, Graph, GraphNode, Kind, Relation
from service.flows.problems import escaped

#: A label is a few words; the rest of a description is in the file.
_WORDS, _NAME, _LINKS = 60, 120, 3
_SAID = {Relation.ERROR: "on failure", Relation.FINALLY: "finally", Relation.AFTER: "after the end"}
_POINTS = {Kind.ROOT: "start", Kind.END: "end"}


class Look(StrEnum):
    """What a node's colours say of it."""

    DISABLED = "disabled"
    ERRORS = "errors"
    TRIGGER = "trigger"
    SUBFLOW = "subflow"
    POINT = "point"
    PLAIN = "plain"


def title(graph: Graph) -> str:
    """Which flow it is."""
    return escaped(f"{graph.namespace}.{graph.id}", 2 * _NAME)


def names(graph: Graph) -> dict[str, str]:
    """A short name for each node, safe in every language. The beginning of a cluster has that of the flowable's own task."""
    found = {node.uid: f"n{number}" for number, node in enumerate(graph.nodes)}
    return found | {cluster.start: found[cluster.node] for cluster in graph.clusters if cluster.node is not None}


def edges(graph: Graph) -> Iterator[Edge]:
    """All but those from a cluster's beginning to its own task, which are drawn as one."""
    own = {(cluster.start, cluster.node) for cluster in graph.clusters}
    return (edge for edge in graph.edges if (edge.source, edge.target) not in own)


def idle(graph: Graph) -> frozenset[str]:
    """The uids of what is not run: edges to and from them are broken lines."""
    return frozenset(node.uid for node in graph.nodes if node.disabled)


def said(node: GraphNode) -> list[str]:
    """The lines in a node: which task it is, of which type, what it starts or waits for, and how its description begins."""
    if node.id is None:
        return [_POINTS[node.kind]] if node.kind in _POINTS else []
    described = (node.description or "").strip().partition("\n")[0]
    linked = [escaped(link, _NAME) for link in node.links[:_LINKS]]
    if len(node.links) > _LINKS:
        linked.append(f"and {len(node.links) - _LINKS} more")
    named = [escaped(node.id, _NAME), escaped((node.type or "").rpartition(".")[2], _NAME)]
    return [*named, *linked, *([escaped(described, _WORDS)] if described else [])]


def told(edge: Edge) -> str | None:
    """What stands at an edge."""
    return escaped(edge.label, _WORDS) if edge.label else _SAID.get(edge.relation)


def look(node: GraphNode) -> Look:
    """How a node is drawn; that it is disabled counts most."""
    if node.disabled:
        return Look.DISABLED
    if node.branch == "errors":
        return Look.ERRORS
    if node.id is None:
        return Look.POINT
    return {Kind.TRIGGER: Look.TRIGGER, Kind.SUBFLOW: Look.SUBFLOW}.get(node.kind, Look.PLAIN)
