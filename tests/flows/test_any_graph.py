"""The graph of any flow: what holds for each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings

from service.flows.dot import dot
from service.flows.graph import graph_of
from service.flows.graph_json import as_json
from service.flows.hierarchy import Graph, Kind
from service.flows.mermaid import mermaid
from tests.flows.graphs import flows
from tests.flows.pictures import check_dot, check_mermaid
from tests.flows.world import LOG, flow

_BROAD = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def reached(graph: Graph, starts: Iterable[str]) -> set[str]:
    """All that can be reached over edges."""
    onward = defaultdict[str, list[str]](list)
    for edge in graph.edges:
        onward[edge.source].append(edge.target)
    found, ahead = set[str](), list(starts)
    while ahead:
        uid = ahead.pop()
        if uid not in found:
            found.add(uid)
            ahead += onward[uid]
    return found


def has_circle(graph: Graph) -> bool:
    """Whether something comes before itself; edges that lead back on purpose do not count."""
    onward, before = defaultdict[str, list[str]](list), dict.fromkeys((node.uid for node in graph.nodes), 0)
    for edge in graph.edges:
        if not edge.back:
            onward[edge.source].append(edge.target)
            before[edge.target] += 1
    free = [uid for uid, number in before.items() if number == 0]
    for uid in free:
        for target in onward[uid]:
            before[target] -= 1
            if before[target] == 0:
                free.append(target)
    return len(free) < len(before)


@_BROAD
@given(flows)
def test_any_flow_has_a_graph_that_is_whole(text: str):
    read = flow(text)
    graph = graph_of(read)
    uids = [node.uid for node in graph.nodes]
    assert len(uids) == len(set(uids))
    assert {end for edge in graph.edges for end in (edge.source, edge.target)} <= set(uids)
    assert not has_circle(graph)
    tasks = [node.id for node in graph.nodes if node.kind in (Kind.TASK, Kind.CHOICE, Kind.SUBFLOW)]
    assert sorted(tasks) == sorted(node.id for node in read.tree.walk() if node is not read.tree)
    assert reached(graph, ["root"]) >= {uid for uid in uids if not uid.startswith("trigger.")}
    assert all("end" in reached(graph, [uid]) for uid in uids)


@_BROAD
@given(flows)
def test_without_what_is_disabled_the_rest_is_still_joined(text: str):
    graph = graph_of(flow(text))
    idle = {node.uid for node in graph.nodes if node.disabled}
    rest = Graph(graph.namespace, graph.id, (), tuple(edge for edge in graph.edges if not {edge.source, edge.target} & idle), ())
    live = {node.uid for node in graph.nodes} - idle
    assert reached(rest, ["root"]) >= {uid for uid in live if not uid.startswith("trigger.")}
    assert all("end" in reached(rest, [uid]) for uid in live)


@_BROAD
@given(flows)
def test_clusters_are_a_tree_and_each_node_is_in_one(text: str):
    graph = graph_of(flow(text))
    clusters = {cluster.uid: cluster for cluster in graph.clusters}
    assert len(clusters) == len(graph.clusters)
    assert [cluster.uid for cluster in graph.clusters if not cluster.parents] == [graph.clusters[0].uid]
    for cluster in graph.clusters[1:]:
        assert cluster.parents == (*clusters[cluster.parents[-1]].parents, cluster.parents[-1])
    nodes = {node.uid: node for node in graph.nodes}
    assert {node.cluster for node in graph.nodes} == set(clusters)
    assert all({nodes[uid].cluster for uid in (cluster.start, cluster.end, cluster.node or cluster.start)} == {cluster.uid} for cluster in graph.clusters)


@_BROAD
@given(flows)
def test_an_edge_enters_a_cluster_at_its_start_and_leaves_it_at_its_end(text: str):
    graph = graph_of(flow(text))
    nodes = {node.uid: node for node in graph.nodes}
    clusters = {cluster.uid: cluster for cluster in graph.clusters}
    for edge in graph.edges:
        source, target = clusters[nodes[edge.source].cluster], clusters[nodes[edge.target].cluster]
        if source is not target:
            assert edge.target == target.start or source.uid in target.parents or target.uid in source.parents
            assert edge.source in (source.end,) or source.uid in target.parents
            assert edge.target == target.start or target.uid in source.parents


@_BROAD
@given(flows)
def test_every_form_of_it_can_be_read(text: str):
    graph = graph_of(flow(text))
    boxes = len(graph.clusters) - 1
    assert check_mermaid(mermaid(graph)) == (len(graph.nodes) - boxes, len(graph.edges) - boxes, boxes)
    assert check_dot(dot(graph)) == (len(graph.nodes) - boxes, len(graph.edges) - boxes, boxes)
    shown = as_json(graph)
    assert [node["uid"] for node in shown["nodes"]] == [node.uid for node in graph.nodes]
    assert len(shown["clusters"]) == boxes


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(flows)
def test_the_same_text_gives_the_same_graph(text: str):
    assert graph_of(flow(text)) == graph_of(flow(text))


def numbered(count: int, disabled: str) -> str:
    """Tasks side by side, each with a list of its own, and endings behind them."""
    groups = "".join(
        f"      - {{id: g{n}, type: io.kestra.plugin.core.flow.Sequential, disabled: {disabled}, tasks: [{{id: t{n}, type: {LOG}, message: hi}}]}}\n"
        for n in range(count)
    )
    last = f"finally:\n  - {{id: l1, disabled: true, type: {LOG}, message: hi}}\n  - {{id: l2, type: {LOG}, message: hi}}\n"
    return f"id: x\nnamespace: dev\ntasks:\n  - id: all\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n{groups}{last}"


def test_its_size_is_linear():
    for disabled in ("false", "true"):
        small, large = (graph_of(flow(numbered(count, disabled))) for count in (100, 400))
        assert len(large.nodes) <= 4 * len(small.nodes)
        assert len(large.edges) <= 4 * len(small.edges)
        assert len(mermaid(large)) <= 5 * len(mermaid(small))
