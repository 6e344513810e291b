"""What the graph of a flow says: who follows whom, and how."""

from __future__ import annotations

import pytest

from service import discovery
from service.flowables import HANDLERS, FlowableTask
from service.flows.hierarchy import Graph, GraphNode, Kind
from service.flows.links import Link
from tests.flows.graphs import arrows, graph, log

FLOW = "io.kestra.plugin.core.flow"


def node(found: Graph, uid: str) -> GraphNode:
    return next(node for node in found.nodes if node.uid == uid)


def inside(found: Graph, id: str) -> list[str]:
    """The edges between what is in one flowable."""
    uids = {node.uid for node in found.nodes if node.cluster == f"cluster.{id}"}
    part = Graph(found.namespace, found.id, (), tuple(edge for edge in found.edges if {edge.source, edge.target} <= uids), ())
    return arrows(part)


def test_tasks_follow_one_another_from_start_to_end():
    found = graph(f"- {log('a')}\n- {log('b')}")
    assert arrows(found) == ["root -> a", "a -> b", "b -> end"]
    assert (found.namespace, found.id) == ("dev", "x")
    assert [(one.uid, one.kind, one.type and one.type.rpartition(".")[2], one.place) for one in found.nodes] == [
        ("root", Kind.ROOT, None, None),
        ("task.a", Kind.TASK, "Log", (4, 5)),
        ("task.b", Kind.TASK, "Log", (5, 5)),
        ("end", Kind.END, None, None),
    ]


def test_a_group_is_a_cluster_with_one_way_in_and_one_way_out():
    found = graph(f"- {log('a')}\n- id: g\n  type: {FLOW}.Sequential\n  tasks:\n    - {log('b')}\n    - {log('c')}\n- {log('d')}")
    assert arrows(found) == ["root -> a", "a -> start.g", "start.g -> g", "g -> b", "b -> c", "c -> end.g", "end.g -> d", "d -> end"]
    assert [(cluster.uid, cluster.node, cluster.start, cluster.end, cluster.parents) for cluster in found.clusters] == [
        ("cluster", None, "root", "end", ()),
        ("cluster.g", "task.g", "start.g", "end.g", ("cluster",)),
    ]
    assert list(found.flowables()) == ["g"]


def test_side_by_side_they_part_and_come_together():
    found = graph(f"- id: p\n  type: {FLOW}.Parallel\n  tasks:\n    - {log('a')}\n    - {log('b')}")
    assert inside(found, "p") == ["start.p -> p", "p -> a (parallel)", "p -> b (parallel)", "a -> end.p", "b -> end.p"]


@pytest.mark.parametrize(
    ("rest", "other"),
    [
        ("", ["i -> end.i (choice: else)", "i -> a (choice: then)", "a -> end.i"]),
        ("  else: []\n", ["i -> a (choice: then)", "a -> end.i", "i -> end.i (choice: else)"]),
        (f"  else:\n    - {log('b')}\n", ["i -> a (choice: then)", "i -> b (choice: else)", "a -> end.i", "b -> end.i"]),
    ],
    ids=["no else", "an empty else", "an else"],
)
def test_a_condition_has_two_ways_and_goes_on_where_there_is_no_else(rest: str, other: list[str]):
    found = graph(f'- id: i\n  type: {FLOW}.If\n  condition: "{{{{ true }}}}"\n  then:\n    - {log("a")}\n{rest}')
    assert sorted(inside(found, "i")) == sorted(["start.i -> i", *other])
    assert node(found, "task.i").kind is Kind.CHOICE


def test_a_switch_has_a_way_for_each_case_and_none_that_passes_by():
    text = f"- id: s\n  type: {FLOW}.Switch\n  value: x\n  cases:\n    a.b:\n      - {log('a')}\n    '{{}}': []\n  defaults:\n    - {log('d')}\n"
    found = graph(text)
    assert inside(found, "s") == [
        "start.s -> s",
        's -> a (choice: case "a.b")',
        "s -> d (choice: default)",
        "a -> end.s",
        's -> end.s (choice: case "{}")',
        "d -> end.s",
    ]
    assert inside(graph(text.partition("  defaults")[0]), "s")[1:] == ['s -> a (choice: case "a.b")', "a -> end.s", 's -> end.s (choice: case "{}")']


def dag(*rows: str) -> str:
    return f"- id: d\n  type: {FLOW}.Dag\n  tasks:\n" + "".join(f"    - {row}\n" for row in rows)


def entry(id: str, *needs: str, disabled: bool = False) -> str:
    task = log(id).replace("}", ", disabled: true}") if disabled else log(id)
    return f"{{task: {task}, dependsOn: [{', '.join(needs)}]}}"


def test_a_graph_follows_its_dependencies():
    found = graph(dag(entry("a"), entry("b"), entry("c", "a", "b", "b"), entry("d", "c")).replace("id: d\n", "id: g\n", 1))
    assert inside(found, "g") == [
        "start.g -> g",
        "g -> a (parallel)",
        "g -> b (parallel)",
        "a -> c",
        "b -> c",
        "c -> d",
        "d -> end.g",
    ]


def test_nothing_in_a_graph_waits_for_a_disabled_task():
    found = graph(dag(entry("a"), entry("b", "a", disabled=True), entry("c", "b")))
    assert inside(found, "d") == ["start.d -> d", "d -> a (parallel)", "a -> b", "d -> c (parallel)", "b -> c", "a -> end.d", "c -> end.d"]


@pytest.mark.parametrize("name", ["ForEach", "Loop"])
def test_a_loop_is_entered_for_each_value(name: str):
    found = graph(f"- id: l\n  type: {FLOW}.{name}\n  values: [1]\n  tasks:\n    - {log('a')}\n    - {log('b')}")
    assert inside(found, "l") == ["start.l -> l", "l -> a (dynamic: each value)", "a -> b", "b -> end.l"]


def test_tasks_of_all_values_can_be_side_by_side():
    found = graph(f"- id: l\n  type: {FLOW}.EachParallel\n  value: '[1]'\n  tasks:\n    - {log('a')}\n    - {log('b')}")
    assert inside(found, "l")[1:3] == ["l -> a (dynamic: each value)", "l -> b (dynamic: each value)"]


def test_what_is_done_again_leads_back():
    found = graph(f"- id: l\n  type: {FLOW}.LoopUntil\n  condition: 'true'\n  tasks:\n    - {log('a')}\n    - {log('b')}\n  finally:\n    - {log('c')}")
    assert inside(found, "l") == ["start.l -> l", "l -> a (dynamic)", "a -> b", "b -> l (dynamic: again, back)", "b -> c (finally)", "c -> end.l"]


def test_a_pause_leads_on_when_it_is_resumed():
    found = graph(f"- id: p\n  type: {FLOW}.Pause\n  onPause: {log('a')}")
    assert sorted(inside(found, "p")) == ["a -> end.p", "p -> a (parallel: paused)", "p -> end.p (sequential: resumed)", "start.p -> p"]
    later = graph(f"- id: p\n  type: {FLOW}.Pause\n  tasks:\n    - {log('a')}")
    assert inside(later, "p") == ["start.p -> p", "p -> a (sequential: resumed)", "a -> end.p"]
    assert arrows(graph(f"- id: p\n  type: {FLOW}.Pause")) == ["root -> p", "p -> end"]


def test_an_approval_leads_on_when_it_is_given():
    found = graph(f"- id: p\n  type: {FLOW}.Approval\n  onWait:\n    - {log('a')}\n  onDeny:\n    - {log('b')}")
    assert sorted(inside(found, "p")) == [
        "a -> end.p",
        "b -> end.p",
        "p -> a (parallel: waiting)",
        "p -> b (choice: denied)",
        "p -> end.p (choice: approved)",
        "start.p -> p",
    ]


# errors and endings


def test_errors_and_endings_stand_beside_the_tasks():
    rest = f"errors:\n  - {log('e')}\n  - {log('f')}\nfinally:\n  - {log('g')}\nafterExecution:\n  - {log('h')}\n"
    found = graph(f"- {log('a')}", rest)
    assert arrows(found) == [
        "root -> a",
        "root -> e (error)",
        "e -> f",
        "a -> g (finally)",
        "f -> g (finally)",
        "g -> h (after)",
        "h -> end",
    ]
    assert [(one.id, one.branch) for one in found.nodes if one.id] == [
        ("a", None),
        ("e", "errors"),
        ("f", "errors"),
        ("g", "finally"),
        ("h", "afterExecution"),
    ]


def test_a_group_has_errors_of_its_own_and_they_stay_errors_within():
    found = graph(
        f"- id: g\n  type: {FLOW}.Sequential\n  tasks:\n    - {log('a')}\n  errors:\n    - id: p\n      type: {FLOW}.Parallel\n      tasks: [{log('b')}]"
    )
    assert inside(found, "g") == ["start.g -> g", "g -> a", "a -> end.g"]
    assert [arrow for arrow in arrows(found) if "error" in arrow] == ["g -> start.p (error)"]
    assert {one.branch for one in found.nodes if one.cluster == "cluster.p"} == {"errors"}


def test_old_listeners_come_after_the_end():
    found = graph(f"- {log('a')}", f"listeners:\n  - tasks:\n      - {log('b')}\n")
    assert arrows(found) == ["root -> a", "a -> b (after)", "b -> end"]


# disabled tasks


def off(id: str) -> str:
    return log(id).replace("}", ", disabled: true}")


def test_an_edge_leads_around_disabled_tasks():
    found = graph(f"- {log('a')}\n- {off('b')}\n- {off('c')}\n- {log('d')}\n- {off('e')}")
    assert arrows(found) == ["root -> a", "a -> b", "b -> c", "a -> d", "c -> d", "d -> e", "d -> end", "e -> end"]
    assert [one.uid for one in found.nodes if one.disabled] == ["task.b", "task.c", "task.e"]


def test_all_in_a_disabled_group_is_disabled():
    found = graph(f"- id: g\n  type: {FLOW}.Sequential\n  disabled: true\n  tasks:\n    - {log('a')}\n    - {log('b')}")
    assert arrows(found) == ["root -> start.g", "start.g -> g", "g -> a", "a -> b", "b -> end.g", "root -> end", "end.g -> end"]
    assert [one.uid for one in found.nodes if not one.disabled] == ["root", "end"]


def test_a_group_of_disabled_tasks_is_passed_through():
    for name, extra in (("Sequential", ""), ("Parallel", ""), ("ForEach", "\n  values: [1]"), ("LoopUntil", "\n  condition: 'true'")):
        found = graph(f"- id: g\n  type: {FLOW}.{name}{extra}\n  tasks:\n    - {off('a')}")
        assert {"g -> end.g", "a -> end.g"} <= set(inside(found, "g")), name


def test_errors_that_are_all_disabled_handle_nothing():
    found = graph(f"- {log('a')}", f"errors:\n  - {off('e')}\n")
    assert arrows(found) == ["root -> a", "root -> e (error)", "a -> end", "e -> end"]


# triggers and other flows


def test_triggers_stand_before_the_start():
    rest = (
        "triggers:\n"
        "  - {id: a, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 6 * * *', description: At six.}\n"
        "  - {id: b, type: headgate.git.Push, disabled: true}\n"
    )
    found = graph(f"- {log('a')}", rest)
    assert arrows(found) == ["trigger.a -> root (trigger)", "trigger.b -> root (trigger)", "root -> a", "a -> end"]
    a, b = found.nodes[:2]
    assert (a.kind, a.id, a.description, a.disabled, a.place) == (Kind.TRIGGER, "a", "At six.", False, (6, 5))
    assert (b.type, b.disabled) == ("headgate.git.Push", True)


@pytest.mark.parametrize(
    ("waits", "links"),
    [
        ("{}", []),
        ("{dependsOn: [{namespace: dev, flowId: up}, {flowId: '{{ flow.id }}'}]}", [Link("dev", "up"), Link(None, "{{ flow.id }}")]),
        ("{preconditions: {id: p, flows: [{namespace: dev}, {namespace: dev, flowId: b}]}}", [Link("dev", None), Link("dev", "b")]),
        (
            "{preconditions: {id: p, where: [{id: w, filters: ["
            "{field: NAMESPACE, type: EQUAL_TO, value: dev}, {field: FLOW_ID, type: IN, values: [b, c]}, {field: STATE, type: EQUAL_TO, value: FAILED}]}]}}",
            [Link("dev", "b"), Link("dev", "c")],
        ),
        ("{preconditions: {id: p, where: [{id: w, filters: [{field: NAMESPACE, type: EQUAL_TO, value: dev}]}]}}", [Link("dev", None)]),
        ("{preconditions: {id: p, where: [{id: w, filters: [{field: FLOW_ID, type: STARTS_WITH, value: dev}]}]}}", []),
    ],
)
def test_a_trigger_names_the_flows_that_it_waits_for(waits: str, links: list[Link]):
    trigger = "{id: t, type: io.kestra.plugin.core.trigger.Flow, " + waits[1:]
    assert list(node(graph(f"- {log('a')}", f"triggers: [{trigger}]\n"), "trigger.t").links) == links


def test_conditions_of_the_older_dialect_name_flows_too():
    rest = """\
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlowCondition, namespace: dev, flowId: a}
      - type: io.kestra.plugin.core.condition.Or
        conditions:
          - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: dev, flowId: b}
          - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: dev, flowId: a}
      - type: io.kestra.plugin.core.condition.Not
        conditions:
          - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: dev, flowId: c}
      - {type: io.kestra.plugin.core.condition.ExecutionStatus, in: [FAILED]}
"""
    assert node(graph(f"- {log('a')}", rest), "trigger.t").links == (Link("dev", "a"), Link("dev", "b"))


def test_a_task_that_starts_a_flow_is_linked_to_it():
    found = graph(
        f"- {{id: a, type: {FLOW}.Subflow, namespace: dev, flowId: other, revision: 3}}\n"
        f"- {{id: b, type: {FLOW}.Subflow, namespace: '{{{{ flow.namespace }}}}', flowId: other}}\n"
        f"- {{id: c, type: {FLOW}.ForEachItem, items: x, namespace: dev, flowId: each, errors: [{log('e')}]}}"
    )
    a, b, c = (node(found, f"task.{id}") for id in "abc")
    assert {a.kind, b.kind, c.kind} == {Kind.SUBFLOW}
    assert (a.links, a.links[0].literal, str(a.links[0])) == ((Link("dev", "other", "3"),), True, "dev.other revision 3")
    assert (b.links, b.links[0].literal) == ((Link("{{ flow.namespace }}", "other"),), False)
    assert inside(found, "c") == [
        *("start.c -> c", "c -> c_split (dynamic)", "c_split -> c_items", "c_items -> c_merge", "c -> e (error)"),
        *("c_merge -> end.c", "e -> end.c"),
    ]


# the types


def flowables() -> list[type[FlowableTask]]:
    return [discovery.load(entry["ref"]) for entry in discovery.index().values() if entry["ref"].startswith("service.flowables.")]


def test_every_way_of_a_flowable_has_its_words():
    parted = {cls.TYPE: (set(cls.BRANCHES) - set(HANDLERS), set(cls.JOINED.ways)) for cls in flowables() if cls.JOINED.form == "ways"}
    assert len(parted) >= 4
    assert {name: given for name, given in parted.items() if given[0] != given[1]} == {}


def test_a_flowable_whose_tasks_wait_for_each_other_is_drawn_so():
    assert {cls.TYPE for cls in flowables() if "graph" in cls.BRANCHES.values()} == {cls.TYPE for cls in flowables() if cls.JOINED.form == "graph"}
