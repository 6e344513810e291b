"""A graph as JSON, in the shape in which Kestra's API gives it.

`nodes`, `edges`, `clusters` and `flowables`. What a node is stands in its `type`, by the names that Kestra's clients know; a task or trigger has `task` or
`triggerDeclaration` with its id and type, and a task that starts a flow `namespace`, `flowId` and `revision` as they are written. `relationType` of a node
is how it is reached. Clusters name their nodes and the clusters around them, outermost first; the flow itself is none of them, so what stands in no
flowable is in no cluster.

Beside that: `disabled`, `place` in the file, `links` of a trigger (the flows that it waits for), `back` of an edge that closes a loop, and the relation
types `AFTER_EXECUTION` and `TRIGGER`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from service.flows.hierarchy import Cluster, Edge, Graph, GraphNode, Kind, Relation
from service.flows.links import Link

_PACKAGE = "io.kestra.core.models.hierarchies."
_TYPES = {
    Kind.ROOT: "GraphClusterRoot",
    Kind.CLUSTER_ROOT: "GraphClusterRoot",
    Kind.END: "GraphClusterEnd",
    Kind.CLUSTER_END: "GraphClusterEnd",
    Kind.SUBFLOW: "SubflowGraphTask",
    Kind.TRIGGER: "GraphTrigger",
}
_RELATIONS = {Relation.AFTER: "AFTER_EXECUTION"}
_BRANCHES = {"errors": "ERROR", "finally": "FINALLY", "afterExecution": "AFTER_EXECUTION", "listeners": "AFTER_EXECUTION"}


def as_json(graph: Graph, beside: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The graph as JSON values. `beside` is what is known of tasks besides, by their ids: it is put into their nodes."""
    reached = {edge.target: edge.relation for edge in reversed(graph.edges) if not edge.back}
    reached |= {cluster.node: reached[cluster.start] for cluster in graph.clusters if cluster.node is not None}
    nodes = {node.uid: _node(node, reached.get(node.uid)) for node in graph.nodes}
    for node in graph.nodes:
        if node.id is not None and node.kind is not Kind.TRIGGER and beside and node.id in beside:
            nodes[node.uid] |= beside[node.id]
    inside: dict[str, list[str]] = defaultdict(list)
    for node in graph.nodes:
        inside[node.cluster].append(node.uid)
    flow = graph.clusters[0].uid
    return {
        "nodes": list(nodes.values()),
        "edges": [_edge(edge) for edge in graph.edges],
        "clusters": [_cluster(cluster, flow, inside[cluster.uid], nodes) for cluster in graph.clusters if cluster.uid != flow],
        "flowables": list(graph.flowables()),
    }


def _node(node: GraphNode, relation: Relation | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"uid": node.uid, "type": _PACKAGE + _TYPES.get(node.kind, "GraphTask")}
    if node.branch is not None:
        shown["branchType"] = _BRANCHES[node.branch]
    if node.disabled:
        shown["disabled"] = True
    if node.place is not None:
        shown["place"] = {"line": node.place[0], "column": node.place[1]}
    if node.kind is Kind.TRIGGER:
        return shown | {"triggerDeclaration": _declared(node)} | ({"links": [_link(link) for link in node.links]} if node.links else {})
    if node.id is not None:
        shown["task"] = _declared(node) | (_link(node.links[0]) if node.links else {})
        shown["relationType"] = _name(relation or Relation.SEQUENTIAL)
    return shown


def _declared(node: GraphNode) -> dict[str, Any]:
    return {"id": node.id, "type": node.type} | ({"description": node.description} if node.description else {})


def _link(link: Link) -> dict[str, str]:
    parts = {"namespace": link.namespace, "flowId": link.flow_id, "revision": link.revision}
    return {name: value for name, value in parts.items() if value is not None}


def _edge(edge: Edge) -> dict[str, Any]:
    relation = {"relationType": _name(edge.relation)} | ({"value": edge.label} if edge.label else {})
    return {"source": edge.source, "target": edge.target, "relation": relation} | ({"back": True} if edge.back else {})


def _cluster(cluster: Cluster, flow: str, inside: list[str], nodes: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "uid": cluster.uid,
        "type": f"{_PACKAGE}GraphCluster",
        "relationType": _name(cluster.relation or Relation.SEQUENTIAL),
        "taskNode": nodes[cluster.node or cluster.start],
    }
    parents = [uid for uid in cluster.parents if uid != flow]
    return {"cluster": shown, "nodes": inside, "parents": parents, "start": cluster.start, "end": cluster.end}


def _name(relation: Relation) -> str:
    return _RELATIONS.get(relation, relation.name)
