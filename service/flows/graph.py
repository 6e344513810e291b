"""From a flow to its graph.

Tasks are joined by loose ends: each says where it comes from, and how what comes next follows from it. A flowable has one beginning and one end, in which
all its loose ends come together, so there are never more edges than tasks, branches and dependencies ask for.

A disabled task stands in its place, and an edge leads around it. Where several stand in a row the edge leads around all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from service.engine.program import Node
from service.flowables import HANDLERS, Joined
from service.flows.flow import Flow, TriggerDef
from service.flows.hierarchy import Branch, Cluster, Edge, Graph, GraphNode, Kind, Relation
from service.flows.links import started, watched

_FLOW = "cluster"  #: the uid of the cluster that is the whole flow
#: What follows the main tasks and their errors, in this order.
_ENDINGS: tuple[tuple[Branch, Relation], ...] = (("finally", Relation.FINALLY), ("afterExecution", Relation.AFTER), ("listeners", Relation.AFTER))


def graph_of(flow: Flow) -> Graph:
    """The whole file as a graph, disabled tasks included. Its size is linear in that of the file."""
    weaver = _Weaver()
    scope = _Scope(_FLOW)
    weaver.clusters.append(Cluster(_FLOW, "root", "end"))
    for trigger in flow.triggers:
        weaver.trigger(trigger, "root")
    weaver.point("root", Kind.ROOT, scope)
    ends = weaver.chain(flow.tree.branches.get("tasks", ()), [_End("root")], scope)
    weaver.join(weaver.endings(flow.tree, "root", ends, scope), "end")
    weaver.point("end", Kind.END, scope)
    return Graph(flow.namespace, flow.id, tuple(weaver.nodes), tuple(weaver.edges), tuple(weaver.clusters))


@dataclass(frozen=True, slots=True)
class _End:
    """A loose end."""

    source: str
    relation: Relation = Relation.SEQUENTIAL
    label: str | None = None


@dataclass(frozen=True, slots=True)
class _Scope:
    """What all nodes of one list have in common."""

    cluster: str
    parents: tuple[str, ...] = ()
    branch: Branch | None = None
    disabled: bool = False

    def below(self, branch: Branch) -> _Scope:
        """For a list of another kind. What handles an error stays that, whatever is in it."""
        return self if self.branch else replace(self, branch=branch)


class _Weaver:
    """Collects the parts of one graph."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[Edge] = []
        self.clusters: list[Cluster] = []

    def trigger(self, trigger: TriggerDef, root: str) -> None:
        """A trigger, and its edge to the beginning."""
        uid = f"trigger.{trigger.id}"
        node = GraphNode(uid, Kind.TRIGGER, _FLOW, trigger.id, trigger.type, disabled=trigger.disabled, place=trigger.place, links=watched(trigger))
        self.nodes.append(replace(node, description=getattr(trigger.common, "description", None)))
        self.edges.append(Edge(uid, root, Relation.TRIGGER))

    def point(self, uid: str, kind: Kind, scope: _Scope) -> None:
        """A node that is no task."""
        self.nodes.append(GraphNode(uid, kind, scope.cluster, disabled=scope.disabled, branch=scope.branch))

    def join(self, ends: Iterable[_End], target: str, relation: Relation | None = None) -> None:
        """Ties loose ends to a node, as they say, or all by one relation."""
        self.edges += [Edge(end.source, target, relation or end.relation, end.label) for end in ends]

    def chain(self, children: Iterable[Node], ends: Sequence[_End], scope: _Scope, relation: Relation | None = None) -> list[_End]:
        """One task after another; `relation` is how the first of them follows."""
        ends, past = list(ends), list[_End]()
        for child in children:
            first, last = _ends_of(child)
            self.join((past or ends) if child.disabled else [*ends, *past], first, relation)
            self.block(child, scope)
            if child.disabled:
                past = [_End(last)]
            else:
                ends, past, relation = [_End(last)], [], None
        return [*ends, *past]

    def endings(self, node: Node, start: str, ends: list[_End], scope: _Scope) -> list[_End]:
        """What a flow or a flowable does besides its main tasks: on an error, and at the end."""
        failed = self.chain(node.branches.get("errors", ()), [_End(start, Relation.ERROR)], scope.below("errors"))
        ends = [*ends, *(end for end in failed if end.source != start)]
        for name, relation in _ENDINGS:
            ends = self.chain(node.branches.get(name, ()), ends, scope.below(name), relation)
        return ends

    def block(self, node: Node, scope: _Scope) -> None:
        """A task with all that is in it."""
        uid = f"task.{node.id}"
        scope = replace(scope, disabled=scope.disabled or node.disabled)
        if not any(node.branches.values()):
            self._task(node, uid, scope)
            return
        joined, (start, end) = _joined(node), _ends_of(node)
        inner, parents = f"cluster.{node.id}", (*scope.parents, scope.cluster)
        self.clusters.append(Cluster(inner, start, end, uid, parents, Relation(joined.step)))
        scope = replace(scope, cluster=inner, parents=parents)
        self.point(start, Kind.CLUSTER_ROOT, scope)
        self._task(node, uid, scope)
        self.join([_End(start)], uid)
        self.join(self.endings(node, uid, self._main(node, joined, uid, scope), scope), end)
        self.point(end, Kind.CLUSTER_END, scope)

    def _task(self, node: Node, uid: str, scope: _Scope) -> None:
        link = started(node)
        chooses = _joined(node).step == "choice" and any(node.branches.values())
        self.nodes.append(
            GraphNode(
                uid=uid,
                kind=Kind.SUBFLOW if link else Kind.CHOICE if chooses else Kind.TASK,
                cluster=scope.cluster,
                id=node.id,
                type=node.type,
                description=node.description,
                flowable=node.runs == "flowable",
                disabled=scope.disabled,
                branch=scope.branch,
                place=node.place,
                links=(link,) if link else (),
            )
        )

    def _main(self, node: Node, joined: Joined, uid: str, scope: _Scope) -> list[_End]:
        """The flowable's own tasks, from its own node on."""
        begin = _End(uid, Relation(joined.step), joined.label)
        children = tuple(chain.from_iterable(tasks for name, tasks in node.branches.items() if name not in HANDLERS))
        if joined.form == "ways":
            return self._ways(node, joined, uid, scope)
        if joined.form == "chain":
            ends = self.chain(children, [begin], scope)
        else:
            ends = (self._fork if joined.form == "fork" else self._graph)(children, begin, scope)
        if joined.back is not None:
            self.edges += [Edge(end.source, uid, Relation.DYNAMIC, joined.back, back=True) for end in ends if end.source != uid]
        # A flowable in which nothing runs is passed through.
        return [replace(end, relation=Relation.SEQUENTIAL, label=None) if end == begin else end for end in ends]

    def _fork(self, children: Sequence[Node], begin: _End, scope: _Scope) -> list[_End]:
        """Side by side."""
        ends = [] if any(not child.disabled for child in children) else [begin]
        for child in children:
            first, last = _ends_of(child)
            self.join([begin], first)
            self.block(child, scope)
            ends.append(_End(last))
        return ends

    def _graph(self, children: Sequence[Node], begin: _End, scope: _Scope) -> list[_End]:
        """By their dependencies: what waits for nobody comes first, what nobody waits for comes last. Nobody waits for a disabled task."""
        named = {child.id: child for child in children}
        enabled = {child.id for child in children if not child.disabled}
        awaited = {name for child in children if not child.disabled for name in child.depends_on}
        for child in children:
            first, _ = _ends_of(child)
            needs = [name for name in dict.fromkeys(child.depends_on) if name in named]
            if enabled.isdisjoint(needs):
                self.join([begin], first)
            self.join([_End(_ends_of(named[name])[1]) for name in needs], first)
            self.block(child, scope)
        ends = [_End(_ends_of(child)[1]) for child in children if child.id not in awaited]
        return ends if enabled else [begin, *ends]

    def _ways(self, node: Node, joined: Joined, uid: str, scope: _Scope) -> list[_End]:
        """Each branch by itself; one that is not there leads on where its way passes."""
        ends = [_End(uid, Relation(way.step), way.label) for name, way in joined.ways.items() if way.passes and name not in node.branches]
        for branch, children in node.branches.items():
            name, _, case = branch.partition(".")
            if name in joined.ways:
                way = joined.ways[name]
                ends += self.chain(children, [_End(uid, Relation(way.step), way.label.format(case))], scope)
        return ends or [_End(uid)]


def _ends_of(node: Node) -> tuple[str, str]:
    """The uids of a task's first node and of its last: one and the same, unless there are tasks in it."""
    return (f"start.{node.id}", f"end.{node.id}") if any(node.branches.values()) else (f"task.{node.id}", f"task.{node.id}")


def _joined(node: Node) -> Joined:
    joined: Joined = getattr(type(node.model), "JOINED", Joined())
    return joined
