"""What the graph of a flow is made of: its tasks are nodes, what may follow what are edges, its flowables are clusters within clusters.

`graph` makes it out of a flow; `mermaid`, `dot` and `graph_json` show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from service.flows.links import Link

#: The list of the file that a node stands in, when it is none of the main tasks.
Branch = Literal["errors", "finally", "afterExecution", "listeners"]
Place = tuple[int, int]  #: line and column in the file, from 1


class Kind(StrEnum):
    """What a node stands for."""

    ROOT = "root"  #: where an execution begins
    END = "end"  #: where it ends
    TASK = "task"
    CHOICE = "choice"  #: a task of which one of several ways leads on
    SUBFLOW = "subflow"  #: a task that starts another flow
    TRIGGER = "trigger"
    CLUSTER_ROOT = "cluster-root"  #: where a flowable begins; its own task comes next
    CLUSTER_END = "cluster-end"  #: where all that is in a flowable comes together


class Relation(StrEnum):
    """How the target of an edge follows from its source."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"  #: beside others
    CHOICE = "choice"  #: one of several ways
    DYNAMIC = "dynamic"  #: once for each value, or again
    ERROR = "error"  #: when something has failed
    FINALLY = "finally"  #: whatever the result
    AFTER = "after"  #: when the execution has ended
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A task, a trigger, or a point where edges come together. `id`, `type` and `description` are those of the task or trigger, absent of points.

    `cluster` is the one that it stands in. `disabled` holds for all that a disabled flowable has in it. `links` are the flow that a task starts, or those
    that a trigger waits for.
    """

    uid: str
    kind: Kind
    cluster: str
    id: str | None = None
    type: str | None = None
    description: str | None = None
    flowable: bool = False
    disabled: bool = False
    branch: Branch | None = None
    place: Place | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """From one node to another, by their uids. `back` marks those that close a loop: without them the graph has no circle."""

    source: str
    target: str
    relation: Relation
    label: str | None = None
    back: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """A flowable with all that is in it. `node` is its own task, None for the flow's cluster, which all others are in; `parents` begin with that one."""

    uid: str
    start: str
    end: str
    node: str | None = None
    parents: tuple[str, ...] = ()
    relation: Relation | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """All of a flow. Nodes are in the order in which they are run; those of a cluster stand together, from its start to its end. Clusters come before those
    within them, first of all the flow's own."""

    namespace: str
    id: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]

    def flowables(self) -> Iterator[str]:
        """The ids of all tasks that decide what runs next."""
        return (node.id for node in self.nodes if node.flowable and node.id)
