"""The variables that templates of a running flow see, made only when they are named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.actions.around import Around
from service.actions.layers import Stored
from service.actions.results import Results
from service.actions.scope import nested_labels, of_execution
from service.engine.execution import Execution, TaskRun
from service.engine.program import Node
from service.engine.state import Stamp, State
from service.git.helper import Helper
from service.store import codec, task_runs
from tests.support.station import RUNNER, Station, station_at

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
MOMENT = codec.now()


def said(station: Station, template: str, before: str = "", **flow: str) -> str:
    """What a template in a task comes to; `before` are the ids of tasks that return their id first."""
    tasks = "".join(f"  - {{id: {id}, type: {RETURN}, format: {id}}}\n" for id in before.split())
    id = station.flow(f"{tasks}  - {{id: a, type: {LOG}, message: {json.dumps(template)}}}\n", **flow)
    station.tick()
    return station.log(id)[-1]


def test_what_a_task_sees_of_its_flow(station: Station) -> None:
    head = "labels: {team.name: data, x: y}\nvariables: {v: [1, {w: 2}]}\ninputs:\n  - {id: i, type: INT, defaults: 7}\n"
    template = (
        "{{ flow.namespace }}.{{ flow.id }} {{ flow.revision }} {{ flow.tenantId }}|{{ task.id }} {{ task.type | substringAfterLast('.') }}|{{ inputs.i + 1 }}|"
        "{{ vars.v[1].w }}|{{ labels.team.name }} {{ labels.system.from }} {{ labels.x }}|{{ envs.zone }}|{{ kestra.environment }} {{ kestra.url }}|"
        "{{ execution.state }} {{ execution.originalId == execution.id }} {{ taskrun.attemptsCount }} {{ tasks.a.state }}"
    )
    wanted = "t.f 1 main|a Log|8|2|data api y|blue|main http://127.0.0.1:8080|RUNNING true 0 RUNNING"
    assert said(station, template, head=head) == wanted


NOT_HERE = "taskrun.value taskrun.parentId taskrun.iteration parent parents item trigger execution.endDate workingDir namespace files".split()


@pytest.mark.parametrize("name", NOT_HERE)
def test_what_is_not_there_is_not_defined(station: Station, name: str) -> None:
    assert said(station, f"{{{{ {name} is defined }}}} {{{{ {name} ??? 'none' }}}}") == "false none"


def test_outputs_of_earlier_tasks_are_read(station: Station) -> None:
    template = "{{ outputs.one.value }} {{ outputs['two-2'].value }} {{ outputs['n' ~ 'o'].value ?? 'none' }} {{ outputs | keys }}"
    assert said(station, template, "one two-2") == 'one two-2 none ["one","two-2"]'


def test_an_output_that_is_not_there_names_those_that_are(station: Station) -> None:
    assert "did you mean `fetch`?" in said(station, "{{ outputs['fet' ~ 'sh'].value }}", "fetch")


def test_all_outputs_at_once_are_maps_like_others(station: Station) -> None:
    template = "{% for each in outputs %}{{ each.key }}={{ each.value.value }} {% endfor %}{{ outputs }} {{ tasks }} {{ outputs | length }}"
    states = '{"one":{"state":"SUCCESS"},"two":{"state":"SUCCESS"},"a":{"state":"RUNNING"}}'
    assert said(station, template, "one two") == f'one=one two=two {{"one":{{"value":"one"}},"two":{{"value":"two"}}}} {states} 2'


def test_the_whole_context_is_data_without_secrets(tmp_path: Path, helper: Helper) -> None:
    with station_at(tmp_path / "data", helper, environ={"SECRET_TOKEN": "czNjcjN0LXZhbHVl"}) as station:
        found = json.loads(said(station, "{{ printContext() }}", head="variables: {v: s3cr3t-value here}\n"))
    assert found["vars"] == {"v": "****** here"}
    assert found.keys() >= {"flow", "execution", "inputs", "labels", "outputs", "tasks", "task", "taskrun", "vars", "globals", "envs", "kestra"}
    assert "parents" not in found


def test_what_a_batch_has_not_stored_is_seen(station: Station) -> None:
    text = "{{ outputs.one.value }} {{ tasks.one.state }} {{ tasks.g.state }}"
    id = station.flow(
        f'  - id: g\n    type: io.kestra.plugin.core.flow.Sequential\n    tasks:\n      - {{id: one, type: {RETURN}, format: "1"}}\n'
        f'      - {{id: a, type: {LOG}, message: "{text} {{{{ taskrun.parentId | length }}}} {{{{ parent is defined }}}}"}}\n'
    )
    station.tick()
    assert station.log(id)[-1] == "1 SUCCESS RUNNING 22 false"


def test_jobs_see_where_they_work(station: Station) -> None:
    station.flow(f"  - {{id: a, type: {SHELL}, commands: ['{{{{ outputDir }}}} {{{{ workingDir }}}}']}}\n")
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    folder = f"{RUNNER.base}/{job.directory}"
    assert job.spec["commands"] == [f"{folder}/.output {folder}"]
    assert job.output == ".output"


@pytest.mark.parametrize(("files", "claimed"), [("{namespaces: [x]}", False), ("{enabled: false, namespaces: [x]}", True), ("true", True)])
def test_a_script_gets_no_files_of_another_repositorys_namespace(station: Station, files: str, claimed: bool) -> None:
    id = station.flow(f"  - {{id: a, type: {SHELL}, commands: [x], namespaceFiles: {files}}}\n")
    station.tick()
    assert (station.dispatch.try_claim(RUNNER) is not None) == claimed
    station.tick()
    assert any("`x` are not those of this flow's repository" in line for line in station.log(id)) == (not claimed)


def test_labels_of_dotted_names_are_maps() -> None:
    assert nested_labels({"a.b": "1", "a.c": "2", "d": "3"}) == {"a": {"b": "1", "c": "2"}, "d": "3", "a.b": "1", "a.c": "2"}


# --- loops, whose tasks no flowable of this version starts yet: the variables are made from task runs as they will be


def run(id: str, node: str, parent: str | None = None, **more: Any) -> TaskRun:
    stamps = (Stamp(State.RUNNING, MOMENT),)
    return TaskRun(id, "e", node, parent, stamps, (), more.get("value"), more.get("iteration"), {}, more.get("outputs"))


def seen(station: Station, *lineage: TaskRun) -> Mapping[str, Any]:
    """The scope of the last of these task runs, each of which is around the next."""
    execution = Execution("e", "main", "t", "f", 1, (Stamp(State.RUNNING, MOMENT),))
    station.database.write(lambda session: task_runs.save(session, list(enumerate(lineage)), []))
    node = Node(lineage[-1].node, LOG, "inline", None)
    with station.database.read() as session:
        scope = of_execution(station.kit, execution, node, lineage, Results(Stored(session, "e")), Around(execution))
        return {name: scope[name] for name in scope if name in scope}


def test_parents_are_those_with_a_value_or_outputs_nearest_first(station: Station) -> None:
    outer = run("1", "outer", value="x", iteration=0)
    switch = run("2", "switch", "1", outputs={"value": "b"})
    plain = run("3", "plain", "2")
    inner = run("4", "inner", "3", value="y", iteration=3)
    scope = seen(station, outer, switch, plain, inner, run("5", "leaf", "4"))
    assert scope["parents"] == [
        {"taskrun": {"value": "y", "iteration": 3}},
        {"outputs": {"value": "b"}},
        {"taskrun": {"value": "x", "iteration": 0}},
    ]
    assert scope["parent"] == scope["parents"][0]


def test_an_item_knows_the_loops_around(station: Station) -> None:
    scope = seen(station, run("1", "o", value="x", iteration=0), run("2", "i", "1", value="y", iteration=3), run("3", "leaf", "2"))
    around = {"value": "x", "index": 0}
    assert scope["item"] == {"value": "y", "index": 3, "parent": around, "parents": [around]}
    assert scope["taskrun"].keys() == {"id", "startDate", "attemptsCount", "parentId"}


def test_a_task_in_a_loop_has_its_value(station: Station) -> None:
    scope = seen(station, run("1", "each"), run("2", "leaf", "1", value="y", iteration=3))
    assert (scope["taskrun"]["value"], scope["taskrun"]["iteration"], scope["taskrun"]["parentId"]) == ("y", 3, "1")
    assert scope["item"] == {"value": "y", "index": 3}
