"""Flows that call flows, and loops whose iterations are executions: what is stored, in which order, and what each sees of the other."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest

from service.actions import executions, pausing
from service.engine.events import Deleted, Replayed, Restarted
from service.errors import Invalid, NotFound
from service.store import events
from service.store import executions as rows
from tests.loops.test_constructs import tasks
from tests.loops.test_people import asked
from tests.support.station import Station, station_at


def flow(id: str, text: str, head: str = "") -> dict[str, str]:
    """A file with a flow, with short names of task types."""
    return {f".flows/{id}.yml": f"id: {id}\nnamespace: t\n{head}tasks:\n{tasks(text)}\n"}


def pushed(station: Station, *files: dict[str, str]) -> Station:
    station.push({path: text for file in files for path, text in file.items()})
    return station


def run(station: Station, id: str = "top", **inputs: Any) -> str:
    execution = station.start("t", id, inputs)
    station.tick()
    return execution


def below(station: Station, id: str) -> list[rows.Row]:
    """The executions that one has called, in their order."""
    found = [row for row in station.every() if row.execution.caller is not None and row.execution.caller.execution == id]
    return sorted(found, key=lambda row: row.execution.caller.serial if row.execution.caller else 0)


def output(station: Station, id: str, task: str) -> Any:
    return station.runs(id)[task].outputs


CALL = "- {id: call, type: flow.Subflow, namespace: t, flowId: sub}"
ASKS = "- {id: ask, type: flow.Pause, onResume: [{id: why, type: STRING}]}"
GIVE = "- {id: give, type: debug.Return, format: hello}"


# flows that are called


def test_a_flow_that_is_called_runs_and_its_caller_knows_it(station: Station):
    pushed(station, flow("sub", GIVE), flow("top", f"{CALL}\n- {{id: after, type: debug.Return, format: '{{{{ outputs.call.state }}}}'}}"))
    id = run(station)
    (child,) = below(station, id)
    assert (station.state(id), child.execution.state.value, child.execution.flow) == ("SUCCESS", "SUCCESS", "sub")
    assert output(station, id, "call") == {"executionId": child.execution.id, "state": "SUCCESS"}
    assert output(station, id, "after") == {"value": "SUCCESS"}


def test_the_older_way_reads_outputs_from_the_execution_that_was_called(station: Station):
    old = CALL.replace("}", ", outputs: {read: '{{ outputs.give.value }} {{ flow.id }}', n: '{{ 1 + 1 }}', whose: '{{ execution.id }}'}}")
    pushed(station, flow("sub", GIVE), flow("top", f"{old}\n- {{id: after, type: debug.Return, format: '{{{{ outputs.call.outputs.read }}}}'}}"))
    id = run(station)
    (child,) = below(station, id)
    assert output(station, id, "call")["outputs"] == {"read": "hello sub", "n": 2, "whose": child.execution.id}
    assert output(station, id, "after") == {"value": "hello sub"}
    pushed(station, flow("sub", GIVE, "outputs: [{id: own, type: STRING, value: mine}]\n"))
    assert output(station, run(station), "call")["outputs"] == {"own": "mine"}


def test_what_the_older_way_can_not_read_fails_the_task(station: Station):
    pushed(station, flow("sub", GIVE), flow("top", CALL.replace("}", ", outputs: {read: '{{ outputs.other.value }}'}}")))
    id = run(station)
    (child,) = below(station, id)
    assert (station.state(id), child.execution.state.value) == ("FAILED", "SUCCESS")
    assert station.log(id, "ERROR") == [f"`outputs`, in execution {child.execution.id}: `outputs` has no `other`; it has `give` (line 1, column 12)"]


def test_what_is_called_is_given_inputs_and_labels_and_knows_who_calls(station: Station):
    sub = flow(
        "sub",
        """
- id: see
  type: debug.Return
  format: "{{ inputs.n + 1 }} {{ trigger.flowId }} {{ trigger.taskId }} {{ trigger.taskRunValue }} {{ trigger.executionId }}"
""",
        "labels: {own: sub}\ninputs:\n  - {id: n, type: INT}\n",
    )
    top = flow(
        "top",
        """
- id: each
  type: flow.ForEach
  values: [4]
  tasks:
    - id: call
      type: flow.Subflow
      namespace: "{{ flow.namespace }}"
      flowId: sub
      inheritLabels: true
      inputs: {n: "{{ taskrun.value }}", text: "{{ inputs.given }}", more: 1}
      labels: {round: "{{ taskrun.value }}"}
""",
        "labels: {team: a}\ninputs:\n  - {id: given, type: STRING}\n",
    )
    pushed(station, sub, top)
    id = run(station, given="{{ vars }}")
    (child,) = below(station, id)
    assert station.log(id, "ERROR") == []
    assert station.state(id) == "SUCCESS"
    assert output(station, child.execution.id, "see") == {"value": f"5 top call 4 {id}"}
    labels = dict(child.execution.labels)
    assert labels == {"own": "sub", "team": "a", "round": "4", "system.from": "subflow", "system.correlationId": id}
    assert child.execution.trigger is not None
    assert child.execution.trigger["type"] == "io.kestra.plugin.core.flow.Subflow"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ("FAILED", "FAILED")),
        (", transmitFailed: false", ("SUCCESS", "SUCCESS")),
        (", transmitFailed: '{{ 1 == 2 }}'", ("SUCCESS", "SUCCESS")),
        (", allowFailure: true", ("WARNING", "WARNING")),
        (", allowFailure: true, allowWarning: true", ("SUCCESS", "SUCCESS")),
        (", wait: false", ("SUCCESS", "SUCCESS")),
    ],
)
def test_how_it_ends_is_how_its_caller_ends_where_that_is_transmitted(station: Station, more: str, expected: tuple[str, str]):
    pushed(station, flow("sub", "- {id: no, type: execution.Fail}"), flow("top", CALL.replace("}", more + "}")))
    id = run(station)
    (child,) = below(station, id)
    assert child.execution.state.value == "FAILED"
    assert (station.state(id), station.states(id)["call"]) == expected


@pytest.mark.parametrize(
    ("sub", "said"),
    [
        ({}, "there is no flow `t.sub`"),
        (flow("sub", GIVE, "disabled: true\n"), "`t.sub` is disabled"),
        (flow("sub", GIVE, "inputs:\n  - {id: n, type: INT}\n"), "Missing required input"),
    ],
)
def test_what_can_not_be_called_fails_the_task_and_says_why(station: Station, sub: dict[str, str], said: str):
    pushed(station, sub, flow("top", CALL))
    id = run(station)
    assert (station.state(id), below(station, id)) == ("FAILED", [])
    (line,) = station.log(id, "ERROR")
    assert said in line


def test_a_call_that_nobody_waits_for_goes_its_own_way(station: Station):
    pushed(station, flow("sub", "- {id: nap, type: flow.Sleep, duration: PT1H}"), flow("top", CALL.replace("}", ", wait: false}")))
    id = run(station)
    (child,) = below(station, id)
    assert (station.state(id), child.execution.state.value) == ("SUCCESS", "RUNNING")
    assert output(station, id, "call") == {"executionId": child.execution.id}


def test_a_call_is_tried_again_in_a_new_execution(station: Station):
    pushed(
        station,
        flow("sub", "- {id: no, type: execution.Fail}"),
        flow("top", CALL.replace("}", ", retry: {type: constant, interval: PT1M, maxAttempts: 3}}")),
    )
    id = run(station)
    for _ in range(2):
        assert station.state(id) == "RETRYING"
        station.clock.forward(minutes=2)
        station.tick()
    assert (station.state(id), len(station.runs(id)["call"].attempts), len(below(station, id))) == ("FAILED", 3, 3)


def test_a_paused_flow_pauses_its_caller(station: Station):
    pushed(station, flow("sub", "- {id: wait, type: flow.Pause, pauseDuration: PT1H}"), flow("top", CALL))
    id = run(station)
    assert (station.state(id), station.states(id)["call"]) == ("PAUSED", "PAUSED")
    station.clock.forward(hours=2)
    station.tick()
    assert (station.state(id), station.states(id)["call"]) == ("SUCCESS", "SUCCESS")
    assert [stamp.state.value for stamp in station.runs(id)["call"].history] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


@pytest.mark.parametrize(
    ("sub", "top"),
    [
        (flow("sub", ASKS), flow("top", CALL)),
        ({}, flow("top", "- id: loop\n  type: flow.Loop\n  values: [1]\n  tasks:\n" + indent(ASKS, "    "))),
    ],
    ids=["called", "iteration"],
)
def test_whoever_resumes_an_execution_resumes_what_it_waits_for(station: Station, sub: dict[str, str], top: dict[str, str]):
    pushed(station, sub, top)
    id = run(station)
    (child,) = below(station, id)
    with station.database.read() as session:
        with pytest.raises(Invalid, match="why"):
            pausing.prepare(session, station.kit, rows.get(session, id), {})
        prepared = pausing.prepare(session, station.kit, rows.get(session, id), {"why": "so"})
        by_run = pausing.prepare(session, station.kit, rows.get(session, id), {"why": "so"}, station.runs(child.execution.id)["ask"].id)
        with pytest.raises(NotFound):
            pausing.prepare(session, station.kit, rows.get(session, child.execution.id), {"why": "so"}, station.runs(id)[next(iter(station.runs(id)))].id)
    assert prepared == by_run
    station.database.write(lambda session: pausing.resume(session, prepared, "ann"))
    station.tick()
    assert (station.state(id), station.state(child.execution.id)) == ("SUCCESS", "SUCCESS")
    assert output(station, child.execution.id, "ask")["onResume"] == {"why": "so"}


def test_whoever_kills_an_execution_kills_what_it_waits_for(station: Station):
    nap = "- {id: nap, type: flow.Sleep, duration: PT1H}"
    pushed(station, flow("sub", nap), flow("middle", CALL), flow("top", CALL.replace("sub", "middle")))
    id = run(station)
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert {row.execution.flow: row.execution.state.value for row in station.every()} == {"top": "KILLED", "middle": "KILLED", "sub": "KILLED"}
    assert station.states(id) == {"call": "KILLED"}


def test_calls_without_an_end_are_refused_with_the_limit(tmp_path, helper):

    with station_at(tmp_path, helper, most_depth=4) as station:
        pushed(station, flow("one", CALL.replace("sub", "two")), flow("two", CALL.replace("sub", "one")))
        id = run(station, "one")
        assert station.state(id) == "FAILED"
        assert len(station.every()) == 5
        deepest = max(station.every(), key=lambda row: row.execution.caller.depth if row.execution.caller else 0)
        (line,) = station.log(deepest.execution.id, "ERROR")
        assert "4 deep" in line
        assert "most_depth" in line


# iterations


def test_each_value_has_an_execution_of_its_own_that_speaks_of_the_one_around(station: Station):
    top = flow(
        "top",
        """
- {id: before, type: debug.Return, format: "of {{ inputs.x }}"}
- id: loop
  type: flow.Loop
  values: [a, {"k": 1}, 3]
  tasks:
    - {id: see, type: debug.Return, format: "{{ item.index }}={{ item.value }} {{ outputs.before.value }} {{ inputs.x }} {{ execution.id }}"}
    - {id: again, type: debug.Return, format: "{{ outputs.see.value }}"}
- {id: after, type: debug.Return, format: "{{ outputs.loop.iterationCount }} {{ outputs.see ?? 'none' }}"}
""",
        "inputs:\n  - {id: x, type: STRING}\n",
    )
    pushed(station, top)
    id = run(station, x="y")
    assert (station.state(id), station.log(id, "ERROR")) == ("SUCCESS", [])
    children = below(station, id)
    assert [output(station, row.execution.id, "again")["value"] for row in children] == [f"0=a of y y {id}", f'1={{"k":1}} of y y {id}', f"2=3 of y y {id}"]
    assert [row.execution.kind for row in children] == ["LOOP"] * 3
    assert list(station.states(id)) == ["before", "loop", "after"]
    assert output(station, id, "after") == {"value": "3 none"}
    assert output(station, id, "loop") == {"iterationCount": 3, "runningIterations": 0, "terminatedIterations": 3}


def test_the_iterations_of_loops_are_in_no_list(station: Station):
    pushed(station, flow("top", "- id: loop\n  type: flow.Loop\n  values: [a, b]\n  tasks:\n    - {id: x, type: log.Log, message: x}"))
    run(station)
    with station.database.read() as session:
        found, total = rows.search(session, rows.Filter("main"), limit=10, offset=0)
    assert (total, [row.execution.flow for row in found]) == (1, ["top"])


def test_loops_within_loops_know_the_items_around(station: Station):
    top = flow(
        "top",
        """
- id: outer
  type: flow.Loop
  values: {a: 1, b: 2}
  tasks:
    - {id: mine, type: debug.Return, format: "{{ item.key }}"}
    - id: inner
      type: flow.Loop
      values: [x, y]
      tasks:
        - {id: see, type: debug.Return, format: "{{ item.value }} {{ item.parent.key }}{{ item.parents[0].value }} {{ outputs.mine.value }}"}
""",
    )
    pushed(station, top)
    id = run(station)
    assert station.state(id) == "SUCCESS"
    values = [output(station, inner.execution.id, "see")["value"] for outer in below(station, id) for inner in below(station, outer.execution.id)]
    assert values == ["x a1 a", "y a1 a", "x b2 b", "y b2 b"]


def test_no_more_iterations_run_at_once_than_the_limit_says(station: Station):
    top = flow("top", "- id: loop\n  type: flow.Loop\n  values: [1, 2, 3]\n  concurrencyLimit: 2\n  tasks:\n    - {id: nap, type: flow.Sleep, duration: PT1M}")
    pushed(station, top)
    id = run(station)
    assert len(below(station, id)) == 2
    station.clock.forward(minutes=2)
    station.tick()
    assert [row.execution.state.value for row in below(station, id)] == ["SUCCESS", "SUCCESS", "RUNNING"]
    station.clock.forward(minutes=2)
    station.tick()
    assert station.state(id) == "SUCCESS"


LOOP = """
- id: loop
  type: flow.Loop
  values: [1, 2, 3, 4]
  concurrencyLimit: 1
  {more}
  tasks:
    - {{id: x, type: execution.Fail, condition: "{{{{ item.value == '2' }}}}"}}
  errors:
    - {{id: e, type: log.Log, message: e}}
  finally:
    - {{id: f, type: log.Log, message: f}}
- {{id: after, type: log.Log, message: a}}
"""


def test_a_failed_iteration_ends_the_loop_and_its_handlers_run_once(station: Station):
    pushed(station, flow("top", LOOP.format(more="transmitFailed: true")))
    id = run(station)
    assert station.states(id) == {"loop": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}
    assert (station.state(id), len(below(station, id))) == ("FAILED", 2)


def test_failures_that_are_not_transmitted_are_passed_over(station: Station):
    pushed(station, flow("top", LOOP.format(more="transmitFailed: false")))
    id = run(station)
    assert station.states(id) == {"loop": "SUCCESS", "f": "SUCCESS", "after": "SUCCESS"}
    assert (station.state(id), len(below(station, id))) == ("SUCCESS", 4)


def test_a_loop_is_left_once_its_condition_holds(station: Station):
    pushed(station, flow("top", LOOP.format(more="transmitFailed: false\n  breakWhen: \"{{ iteration.state == 'FAILED' and item.value == '2' }}\"")))
    id = run(station)
    assert (station.state(id), len(below(station, id))) == ("SUCCESS", 2)


@pytest.mark.parametrize(("values", "said"), [("'{{ [1, null, null] }}'", "2 nulls"), ("'{{ 3 }}'", "must be a list"), ("'{{ fromJson(1) }}'", "fromJson")])
def test_values_that_no_loop_goes_over(station: Station, values: str, said: str):
    pushed(station, flow("top", f"- id: loop\n  type: flow.Loop\n  values: {values}\n  tasks:\n    - {{id: x, type: log.Log, message: x}}"))
    id = run(station)
    assert (station.states(id), below(station, id)) == ({"loop": "FAILED"}, [])
    assert said in " ".join(station.log(id, "ERROR"))


def test_a_loop_over_nothing_is_over(station: Station):
    pushed(station, flow("top", "- id: loop\n  type: flow.Loop\n  values: []\n  tasks:\n    - {id: x, type: log.Log, message: x}"))
    id = run(station)
    assert (station.states(id), output(station, id, "loop")["iterationCount"]) == ({"loop": "SUCCESS"}, 0)


def test_a_pause_in_an_iteration_pauses_the_execution_around(station: Station):
    pushed(station, flow("top", "- id: loop\n  type: flow.Loop\n  values: [1, 2]\n  tasks:\n    - {id: wait, type: flow.Pause, pauseDuration: PT1H}"))
    id = run(station)
    assert station.state(id) == "PAUSED"
    station.clock.forward(hours=2)
    station.tick()
    assert (station.state(id), [row.execution.state.value for row in below(station, id)]) == ("SUCCESS", ["SUCCESS", "SUCCESS"])


GIVES = """
- id: loop
  type: flow.Loop
  values: {values}
  {more}
  tasks:
    - {{id: x, type: debug.Return, format: "{{{{ item.value }}}}!"}}
  outputs: [{{id: said, type: STRING, value: "{{{{ outputs.x.value }}}} of {{{{ item.index }}}}"}}]
- {{id: after, type: debug.Return, format: "{{{{ loopOutputs(outputs.loop.outputs, 'said') | toJson }}}}"}}
"""


def test_what_iterations_leave_stands_in_the_outputs_of_the_loop(station: Station):
    pushed(station, flow("top", GIVES.format(values="[a, b]", more="fetchType: FETCH")))
    id = run(station)
    assert (station.state(id), station.log(id, "ERROR")) == ("SUCCESS", [])
    assert output(station, id, "loop")["outputs"] == [
        {"item": {"value": "a", "iteration": 0}, "outputs": {"said": "a! of 0"}},
        {"item": {"value": "b", "iteration": 1}, "outputs": {"said": "b! of 1"}},
    ]
    assert output(station, id, "after") == {"value": '["a! of 0","b! of 1"]'}


@pytest.mark.parametrize("kind", ["STORE", "\"{{ 1 == 1 ? 'STORE' : 1 }}\""])
def test_what_iterations_leave_can_be_files(station: Station, kind: str):
    pushed(
        station,
        flow(
            "top",
            GIVES.format(values="[a, b]", more=f"fetchType: {kind}").replace(
                "loopOutputs(outputs.loop.outputs, 'said')", "read(outputs.loop.outputs[1].outputs.uri)"
            ),
        ),
    )
    id = run(station)
    assert (station.state(id), station.log(id, "ERROR")) == ("SUCCESS", [])
    assert output(station, id, "after") == {"value": '"{said:\\"b! of 1\\"}\\n"'}


def test_a_stored_file_is_gone_through_record_by_record(station: Station):
    first = flow("top", GIVES.format(values="[a, b]", more="fetchType: STORE"))
    second = """
- id: each
  type: flow.Loop
  values: "{{ inputs.file }}"
  tasks:
    - {id: see, type: debug.Return, format: "{{ item.index }} {{ fromJson(item.value).said }}"}
  outputs: [{id: seen, type: STRING, value: "{{ outputs.see.value }}"}]
"""
    pushed(station, first, flow("again", second, "inputs: [{id: file, type: STRING}]\n"))
    made = output(station, run(station), "loop")["outputs"][1]["outputs"]["uri"]
    id = run(station, "again", file=made)
    assert (station.state(id), station.log(id, "ERROR")) == ("SUCCESS", [])
    (shown,) = output(station, id, "each")["outputs"]
    assert shown["outputs"].keys() == {"uri"}  # AUTO: as the values are
    assert output(station, below(station, id)[0].execution.id, "see") == {"value": "0 b! of 1"}
    gone = run(station, "again", file=made + "x")
    assert (station.state(gone), below(station, gone)) == ("FAILED", [])


def test_an_output_that_can_not_be_rendered_fails_its_iteration_and_the_loop(station: Station):
    pushed(station, flow("top", GIVES.format(values="[a]", more="").replace("outputs.x.value }} of", "fromJson(item) }} of")))
    id = run(station)
    (child,) = below(station, id)
    assert (child.execution.state.value, station.states(id)["loop"], station.state(id)) == ("FAILED", "FAILED", "FAILED")


def test_outputs_that_are_too_much_for_a_task_run_want_to_be_files(station: Station):
    big = GIVES.format(values="[a, b, c]", more="").replace("outputs.x.value }} of", "range(0, 70000) | toJson }} of")
    pushed(station, flow("top", big.replace("loopOutputs(outputs.loop.outputs, 'said')", "1")))
    id = run(station)
    assert station.states(id)["loop"] == "FAILED"
    assert "fetchType: STORE" in " ".join(station.log(id, "ERROR"))


# doing it again

FLAKY = "- {id: first, type: log.Log, message: x}\n- {id: flaky, type: execution.Fail, condition: '{{ taskrun.attemptsCount == 0 }}'}"


@pytest.mark.parametrize(("behavior", "count"), [("RETRY_FAILED", 1), ("NEW_EXECUTION", 2)])
def test_a_restart_restarts_what_was_called_or_calls_anew(station: Station, behavior: str, count: int):
    pushed(station, flow("sub", FLAKY), flow("top", CALL.replace("}", f", restartBehavior: {behavior}}}")))
    id = run(station)
    assert (station.state(id), len(below(station, id))) == ("FAILED", 1)
    assert asked(station, id, Restarted("ann")) is None
    station.tick()
    found = below(station, id)
    assert len(found) == count
    if count == 1:
        assert (station.state(id), found[0].execution.state.value, len(station.runs(found[0].execution.id)["first"].attempts)) == ("SUCCESS", "SUCCESS", 1)
        assert output(station, id, "call")["executionId"] == found[0].execution.id
    else:
        assert (station.state(id), [row.execution.state.value for row in found]) == ("FAILED", ["FAILED", "FAILED"])  # a new one fails at first


def test_a_restart_takes_what_was_called_as_it_is_now(station: Station):
    pushed(station, flow("sub", FLAKY), flow("top", CALL))
    id = run(station)
    (child,) = below(station, id)
    assert asked(station, child.execution.id, Restarted("bob"), name="own") is None  # meanwhile somebody has done it already
    assert (station.state(child.execution.id), station.state(id)) == ("SUCCESS", "FAILED")
    assert asked(station, id, Restarted("ann"), name="all") is None
    station.tick()
    assert (station.state(id), len(below(station, id))) == ("SUCCESS", 1)


def test_a_restart_waits_for_what_was_called_while_it_still_runs(station: Station):
    pushed(station, flow("sub", FLAKY + "\n- {id: nap, type: flow.Sleep, duration: PT1H}"), flow("top", CALL))
    id = run(station)
    (child,) = below(station, id)
    assert asked(station, child.execution.id, Restarted("bob"), name="own") is None
    assert asked(station, id, Restarted("ann"), name="all") is None
    station.tick()
    assert (station.state(id), station.state(child.execution.id)) == ("RUNNING", "RUNNING")
    station.clock.forward(hours=2)
    station.tick()
    assert (station.state(id), len(below(station, id))) == ("SUCCESS", 1)


def test_a_restart_does_not_wait_for_what_was_deleted(station: Station):
    pushed(station, flow("sub", FLAKY), flow("top", CALL))
    id = run(station)
    (child,) = below(station, id)
    station.database.write(lambda session: events.add(session, id, None, Restarted("ann"), "all"))
    station.executor.tick(station.clock.now)
    station.database.write(lambda session: session.exec_driver_sql(f"DELETE FROM execution WHERE id = '{child.execution.id}'"))
    station.tick()
    assert station.state(id) == "FAILED"
    assert "was deleted" in " ".join(station.log(id, "ERROR"))


def test_a_restart_of_a_loop_does_the_failed_iterations_again_and_those_that_never_began(station: Station):
    text = """
- id: loop
  type: flow.Loop
  values: [a, b, c]
  concurrencyLimit: 1
  tasks:
    - {id: one, type: log.Log, message: x}
    - {id: flaky, type: execution.Fail, condition: "{{ item.value == 'b' and taskrun.attemptsCount == 0 }}"}
  errors: [{id: e, type: log.Log, message: e}]
- {id: after, type: log.Log, message: x}
"""
    pushed(station, flow("top", text))
    id = run(station)
    assert (station.states(id), len(below(station, id))) == ({"loop": "FAILED", "e": "SUCCESS"}, 2)
    assert asked(station, id, Restarted("ann")) is None
    station.tick()
    assert (station.states(id), station.state(id)) == ({"loop": "SUCCESS", "after": "SUCCESS"}, "SUCCESS")
    found = below(station, id)
    assert [(row.execution.caller.number, row.execution.state.value) for row in found if row.execution.caller] == [
        (0, "SUCCESS"),
        (1, "SUCCESS"),
        (2, "SUCCESS"),
    ]


def test_a_replay_calls_for_itself(station: Station):
    pushed(station, flow("sub", GIVE), flow("top", f"- {{id: before, type: log.Log, message: x}}\n{CALL}"))
    id = run(station)
    assert asked(station, id, Replayed("ann", "copy", 1, station.runs(id)["call"].id), "call") is None
    station.tick()
    assert (station.state("copy"), len(below(station, id)), len(below(station, "copy"))) == ("SUCCESS", 1, 1)


def test_whoever_deletes_an_execution_deletes_its_iterations_and_not_what_it_called(station: Station):
    inner = "- id: loop\n  type: flow.Loop\n  values: [1, 2]\n  tasks:\n"
    nested = inner + indent(inner.replace("loop", "again"), "    ") + "        - {id: x, type: log.Log, message: x}\n"
    pushed(station, flow("sub", GIVE), flow("top", nested + CALL))
    id = run(station)
    assert len(station.every()) == 1 + 2 + 4 + 1
    assert asked(station, id, Deleted("ann")) is None
    assert [row.execution.flow for row in station.every()] == ["sub"]
