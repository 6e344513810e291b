"""Pictures of a graph: what they say, and that no text of a flow can spoil them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.flows.dot import dot
from service.flows.graph_json import as_json
from service.flows.hierarchy import Cluster, Edge, Graph, GraphNode, Kind, Relation
from service.flows.links import Link
from service.flows.mermaid import mermaid
from tests.flows.graphs import graph, log
from tests.flows.pictures import check_dot, check_mermaid

FLOW = "io.kestra.plugin.core.flow"
HIERARCHIES = "io.kestra.core.models.hierarchies."

SMALL = f"""\
- {log("a")}
- id: i
  type: {FLOW}.If
  condition: "{{{{ true }}}}"
  description: Only on Mondays.
  then:
    - {{id: s, type: {FLOW}.Subflow, namespace: dev, flowId: other, disabled: true}}
"""
REST = f"errors:\n  - {log('e')}\ntriggers:\n  - {{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 6 * * 1'}}\n"


def test_a_flow_as_a_mermaid_flowchart():
    assert mermaid(graph(SMALL, REST)) == (
        "flowchart TD\n"
        '  n0{{"t<br/>Schedule"}}:::trigger\n'
        '  n1(["start"])\n'
        '  n2["a<br/>Log"]\n'
        '  subgraph sn4[" "]\n'
        '    n4{"i<br/>If<br/>Only on Mondays#46;"}\n'
        '    n5[["s<br/>Subflow<br/>dev.other"]]:::disabled\n'
        '    n6((" "))\n'
        "  end\n"
        '  n7["e<br/>Log"]:::errors\n'
        '  n8(["end"])\n'
        "  n0 --> n1\n"
        "  n1 --> n2\n"
        "  n2 --> n4\n"
        '  n4 -.->|"then"| n5\n'
        '  n4 -->|"else"| n6\n'
        '  n4 -->|"then"| n6\n'
        "  n5 -.-> n6\n"
        '  n1 -->|"on failure"| n7\n'
        "  n6 --> n8\n"
        "  n7 --> n8\n"
        "  linkStyle 7 stroke:#c0392b\n"
        "  classDef disabled fill:#f5f5f5,stroke:#999,color:#777,stroke-dasharray:4 4\n"
        "  classDef errors fill:#fdecea,stroke:#c0392b,color:#611a15\n"
        "  classDef trigger fill:#eaf4fd,stroke:#2b6cb0,color:#1a365d\n"
    )


def test_a_flow_for_graphviz():
    assert dot(graph(SMALL, REST)) == (
        'digraph "dev.x" {\n'
        "  rankdir=TB;\n"
        "  node [shape=box];\n"
        '  n0 [label="t\\nSchedule", shape=hexagon, style="filled", fillcolor="#eaf4fd", color="#2b6cb0"];\n'
        '  n1 [label="start", shape=oval];\n'
        '  n2 [label="a\\nLog"];\n'
        '  subgraph "cluster_n4" { graph [label="", style=solid];\n'
        '    n4 [label="i\\nIf\\nOnly on Mondays.", shape=diamond];\n'
        '    n5 [label="s\\nSubflow\\ndev.other", shape=component, style="dashed", color="#999999", fontcolor="#777777"];\n'
        '    n6 [label="", shape=point];\n'
        "  }\n"
        '  n7 [label="e\\nLog", style="filled", fillcolor="#fdecea", color="#c0392b"];\n'
        '  n8 [label="end", shape=oval];\n'
        "  n0 -> n1;\n"
        "  n1 -> n2;\n"
        "  n2 -> n4;\n"
        '  n4 -> n5 [label="then", style=dashed];\n'
        '  n4 -> n6 [label="else"];\n'
        '  n4 -> n6 [label="then"];\n'
        "  n5 -> n6 [style=dashed];\n"
        '  n1 -> n7 [label="on failure", color="#c0392b"];\n'
        "  n6 -> n8;\n"
        "  n7 -> n8;\n"
        "}\n"
    )


def test_what_is_done_again_turns_no_picture_around():
    found = graph(f"- id: l\n  type: {FLOW}.LoopUntil\n  condition: 'true'\n  tasks:\n    - {log('a')}\n  disabled: true")
    assert '  n3 -> n2 [label="again", style=dashed, constraint=false];' in dot(found)
    assert "  class sn2 disabled\n" in mermaid(found)


# any text


def pictured(text: str) -> Graph:
    """A graph in which the text stands everywhere."""
    nodes = (
        GraphNode("root", Kind.ROOT, "cluster"),
        GraphNode("start.a", Kind.CLUSTER_ROOT, "cluster.a"),
        GraphNode("task.a", Kind.CHOICE, "cluster.a", text, text, text, links=(Link(text, text, text),) * 5),
        GraphNode("end.a", Kind.CLUSTER_END, "cluster.a"),
        GraphNode("end", Kind.END, "cluster"),
    )
    edges = tuple(Edge(one, other, Relation.CHOICE, text) for one, other in zip([node.uid for node in nodes], [node.uid for node in nodes[1:]], strict=False))
    return Graph(text, text, nodes, edges, (Cluster("cluster", "root", "end"), Cluster("cluster.a", "start.a", "end.a", "task.a", ("cluster",))))


ODD = [
    '"]; end',
    "`**bold**`",
    "%%{init: {}}%%",
    "- a list",
    "1. first",
    "end",
    "style x:#fff;",
    "<script>",
    "a\nb\r\nc\u2028d",
    "\\",
    '\\"',
    "&lt;",
    "#35;",
    "--> n0",
    "_x_",
    "\x00\x1b[31m",
    "\u202e",
    "é ß 日本",
    "x" * 5_000,
    "",
]


@pytest.mark.parametrize("text", ODD)
def test_no_text_spoils_a_picture(text: str):
    assert check_mermaid(mermaid(pictured(text))) == (4, 3, 1)
    assert check_dot(dot(pictured(text))) == (4, 3, 1)
    json.dumps(as_json(pictured(text)))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_at_all_spoils_a_picture(text: str):
    assert check_mermaid(mermaid(pictured(text))) == (4, 3, 1)
    assert check_dot(dot(pictured(text))) == (4, 3, 1)


def test_labels_are_a_few_words():
    for text in (mermaid(pictured("x" * 5_000)), dot(pictured("x" * 5_000))):
        assert "and 2 more" in text
        assert len(text) < 4_000


# JSON


def test_a_flow_as_json():
    shown = as_json(graph(SMALL, REST), {"a": {"taskRun": {"id": "run"}}, "t": {"taskRun": {"id": "none"}}})
    assert shown.keys() == {"nodes", "edges", "clusters", "flowables"}
    nodes = {node["uid"]: node for node in shown["nodes"]}
    assert nodes["trigger.t"] == {
        "uid": "trigger.t",
        "type": f"{HIERARCHIES}GraphTrigger",
        "place": {"line": 14, "column": 5},
        "triggerDeclaration": {"id": "t", "type": "io.kestra.plugin.core.trigger.Schedule"},
    }
    assert nodes["root"] == {"uid": "root", "type": f"{HIERARCHIES}GraphClusterRoot"}
    assert nodes["task.a"] == {
        "uid": "task.a",
        "type": f"{HIERARCHIES}GraphTask",
        "place": {"line": 4, "column": 5},
        "task": {"id": "a", "type": "io.kestra.plugin.core.log.Log"},
        "relationType": "SEQUENTIAL",
        "taskRun": {"id": "run"},
    }
    assert nodes["task.i"]["task"] == {"id": "i", "type": f"{FLOW}.If", "description": "Only on Mondays."}
    assert nodes["task.s"] == {
        "uid": "task.s",
        "type": f"{HIERARCHIES}SubflowGraphTask",
        "disabled": True,
        "place": {"line": 10, "column": 9},
        "task": {"id": "s", "type": f"{FLOW}.Subflow", "namespace": "dev", "flowId": "other"},
        "relationType": "CHOICE",
    }
    assert (nodes["task.e"]["branchType"], nodes["task.e"]["relationType"]) == ("ERROR", "ERROR")
    assert {"source": "task.i", "target": "end.i", "relation": {"relationType": "CHOICE", "value": "else"}} in shown["edges"]
    (cluster,) = shown["clusters"]
    assert cluster == {
        "cluster": {"uid": "cluster.i", "type": f"{HIERARCHIES}GraphCluster", "relationType": "CHOICE", "taskNode": nodes["task.i"]},
        "nodes": ["start.i", "task.i", "task.s", "end.i"],
        "parents": [],
        "start": "start.i",
        "end": "end.i",
    }
    assert shown["flowables"] == ["i", "s"]


def test_nested_clusters_name_those_around_them():
    inner = f"{{id: b, type: {FLOW}.Sequential, tasks: [{{id: c, type: {FLOW}.Sequential, tasks: [{log('d')}]}}]}}"
    shown = as_json(graph(f"- id: a\n  type: {FLOW}.Parallel\n  tasks:\n    - {inner}"))
    assert [(one["cluster"]["uid"], one["parents"]) for one in shown["clusters"]] == [
        ("cluster.a", []),
        ("cluster.b", ["cluster.a"]),
        ("cluster.c", ["cluster.a", "cluster.b"]),
    ]
    assert next(node for node in shown["nodes"] if node["uid"] == "task.b")["relationType"] == "PARALLEL"


def test_json_says_what_leads_back_and_what_a_trigger_waits_for():
    rest = "triggers:\n  - {id: t, type: io.kestra.plugin.core.trigger.Flow, dependsOn: [{namespace: dev, flowId: up}]}\n"
    shown = as_json(graph(f"- id: l\n  type: {FLOW}.LoopUntil\n  condition: 'true'\n  tasks:\n    - {log('a')}", rest + f"afterExecution:\n  - {log('z')}\n"))
    assert {"source": "task.a", "target": "task.l", "relation": {"relationType": "DYNAMIC", "value": "again"}, "back": True} in shown["edges"]
    assert shown["nodes"][0]["links"] == [{"namespace": "dev", "flowId": "up"}]
    assert {edge["relation"]["relationType"] for edge in shown["edges"]} == {"TRIGGER", "SEQUENTIAL", "DYNAMIC", "AFTER_EXECUTION"}
