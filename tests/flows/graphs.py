"""Flows of any form, and short ways to say what is in a graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from service.flows.graph import graph_of
from service.flows.hierarchy import Edge, Graph
from tests.flows.world import LOG, flow, tasks

_FLOW = "io.kestra.plugin.core.flow."


def graph(body: str, rest: str = "") -> Graph:
    """The graph of a flow with these tasks."""
    return graph_of(flow(tasks(body, rest)))


def log(id: str) -> str:
    """A task on one line."""
    return f"{{id: {id}, type: {LOG}, message: hi}}"


def arrows(found: Graph) -> list[str]:
    """Its edges, without the first words of uids where they are those of tasks: `a -> end.b (choice: else)`."""
    return [f"{_short(edge.source)} -> {_short(edge.target)}{_how(edge)}" for edge in found.edges]


def _short(uid: str) -> str:
    return uid.removeprefix("task.")


def _how(edge: Edge) -> str:
    label = f": {edge.label}" if edge.label else ""
    back = ", back" if edge.back else ""
    return "" if edge.relation == "sequential" and not label else f" ({edge.relation}{label}{back})"


# flows of any form

_LEAF = st.builds(lambda disabled: {"type": LOG, "message": "hi", "disabled": disabled}, st.booleans())
_SUBFLOW = st.just({"type": f"{_FLOW}Subflow", "namespace": "dev", "flowId": "other"})


def _groups(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some, any_number = st.lists(children, min_size=1, max_size=3), st.lists(children, max_size=2)
    loops: dict[str, dict[str, Any]] = {
        "ForEach": {"values": [1]},
        "EachParallel": {"value": "[1]"},
        "Loop": {"values": [1]},
        "LoopUntil": {"condition": "{{ true }}"},
    }
    lists = {**dict.fromkeys(("Sequential", "Parallel", "AllowFailure"), {}), **loops}
    cases = st.dictionaries(st.sampled_from(["a", "b.c", "{}", ""]), any_number, min_size=1, max_size=3)
    made = st.one_of(
        st.builds(lambda name, found: {"type": _FLOW + name, **lists[name], "tasks": found}, st.sampled_from(sorted(lists)), some),
        st.builds(lambda found: {"type": f"{_FLOW}WorkingDirectory", "tasks": found}, st.lists(_LEAF, min_size=1, max_size=3)),
        st.builds(lambda then, other: {"type": f"{_FLOW}If", "condition": "{{ true }}", "then": then, **_present("else", other)}, some, st.none() | any_number),
        st.builds(lambda found, other: {"type": f"{_FLOW}Switch", "value": "a", "cases": found, **_present("defaults", other)}, cases, st.none() | any_number),
        st.builds(_dag, some, st.randoms(use_true_random=False)),
        st.builds(lambda one, found: {"type": f"{_FLOW}Pause", **_present("onPause", one), "tasks": found}, st.none() | children, any_number),
        st.builds(
            lambda *found: {"type": f"{_FLOW}Approval", **dict(zip(("onWait", "onApprove", "onDeny"), found, strict=True))}, any_number, any_number, any_number
        ),
    )
    return st.builds(_with_endings, made, any_number, any_number, st.booleans())


def _present(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _dag(found: list[Any], random: Any) -> dict[str, Any]:
    """Each task may depend on those before it; the ids are made later."""
    return {
        "type": f"{_FLOW}Dag",
        "tasks": [{"task": task, "dependsOn": [n for n in range(number) if random.random() < 0.5]} for number, task in enumerate(found)],
    }


def _with_endings(made: dict[str, Any], errors: list[Any], last: list[Any], disabled: bool) -> dict[str, Any]:
    return made | {"disabled": disabled} | ({"errors": errors} if errors else {}) | ({"finally": last} if last else {})


_TASKS = st.recursive(_LEAF | _SUBFLOW, _groups, max_leaves=12)
_BRANCHES = ("then", "else", "tasks", "errors", "finally", "defaults", "onWait", "onApprove", "onDeny")


def _named(task: dict[str, Any], numbers: Iterator[int]) -> dict[str, Any]:
    """The task with an id of its own, and so everything in it."""
    named: dict[str, Any] = {"id": f"t{next(numbers)}", **task}
    dag = named["type"].endswith("Dag")
    for branch in _BRANCHES:
        if branch in named and not (dag and branch == "tasks"):
            named[branch] = [_named(child, numbers) for child in named[branch]]
    if "onPause" in named:
        named["onPause"] = _named(named["onPause"], numbers)
    if "cases" in named:
        named["cases"] = {case: [_named(child, numbers) for child in found] for case, found in named["cases"].items()}
    if dag:
        made = [_named(entry["task"], numbers) for entry in named["tasks"]]
        waits = [[made[number]["id"] for number in entry["dependsOn"]] for entry in named["tasks"]]
        named["tasks"] = [{"task": task, "dependsOn": needs} for task, needs in zip(made, waits, strict=True)]
    return named


def _whole(main: list[Any], endings: dict[str, list[Any]], triggers: int) -> str:
    numbers = iter(range(1_000_000))
    lists = {name: [_named(task, numbers) for task in found] for name, found in {"tasks": main, **endings}.items() if found}
    started = [{"id": f"t{n}", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 6 * * *"} for n in range(triggers)]
    return yaml.safe_dump({"id": "x", "namespace": "dev", **lists, **({"triggers": started} if started else {})}, sort_keys=False)


#: The text of any flow.
flows = st.builds(
    _whole,
    st.lists(_TASKS, min_size=1, max_size=4),
    st.fixed_dictionaries({name: st.lists(_TASKS, max_size=2) for name in ("errors", "finally", "afterExecution")}),
    st.integers(0, 2),
)
