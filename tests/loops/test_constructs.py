"""Constructs as the executor runs and stores them: loops and what their outputs are called, choices, retries, pauses."""

from __future__ import annotations

from textwrap import indent

import pytest

from service.store import task_runs
from tests.loops.test_executor import ran, value
from tests.support.station import Station

CORE = "io.kestra.plugin.core"


def tasks(text: str) -> str:
    """Tasks with short names of their types: `flow.If`, `log.Log`, `debug.Return`, `execution.Fail`."""
    return (
        indent(text.replace("type: ", f"type: {CORE}."), "  ")
        .replace(f"{CORE}.STRING", "STRING")
        .replace(f"{CORE}.INT", "INT")
        .replace(f"{CORE}.constant", "constant")
    )


def shown(station: Station, id: str) -> dict[str, str]:
    """States by task, in loops with the values."""
    with station.database.read() as session:
        return {run.node + "".join(f"[{value}]" for value in run.values): run.state.value for run in task_runs.runs(session, id)}


# loops


def test_what_a_task_in_loops_gave_stands_under_their_values(station: Station):
    id = ran(
        station,
        tasks("""
- id: outer
  type: flow.ForEach
  values: [a, b]
  tasks:
    - id: inner
      type: flow.ForEach
      values: '["x", {"k": 1}]'
      concurrencyLimit: 0
      tasks:
        - {id: give, type: debug.Return, format: "{{ parent.taskrun.value }}{{ taskrun.value }}{{ taskrun.iteration }}"}
        - {id: beside, type: debug.Return, format: "{{ outputs.give[parent.taskrun.value][taskrun.value].value }} {{ currentEachOutput(outputs.give).value }}"}
    - {id: alone, type: debug.Return, format: "of {{ taskrun.value }}"}
- {id: later, type: debug.Return, format: "{{ outputs.give.b.x.value }} {{ outputs.alone['a'].value }} {{ outputs.beside.a | keys | toJson }}"}
- {id: all, type: debug.Return, format: "{{ outputs.alone | toJson }} {{ tasks.give.a.x.state }} {{ outputs.give | length }}"}
"""),
    )
    assert station.log(id, "ERROR") == []
    assert value(station, id, "later") == 'bx0 of a ["x","{\\"k\\":1}"]'
    assert value(station, id, "all") == '{"a":{"value":"of a"},"b":{"value":"of b"}} SUCCESS 2'
    with station.database.read() as session:
        beside = [(run.outputs or {})["value"] for run in task_runs.runs(session, id) if run.node == "beside"]
    assert sorted(beside) == ["ax0 ax0", 'a{"k":1}1 a{"k":1}1', "bx0 bx0", 'b{"k":1}1 b{"k":1}1']


def test_a_loop_fails_with_its_first_failure_and_its_handlers_run_once(station: Station):
    id = ran(
        station,
        tasks("""
- id: l
  type: flow.ForEach
  values: [a, b, c]
  tasks:
    - {id: one, type: execution.Fail, condition: "{{ taskrun.value == 'b' }}", errorMessage: "not {{ taskrun.value }}"}
    - {id: two, type: log.Log, message: "{{ taskrun.value }}"}
  errors:
    - {id: e, type: log.Log, message: "e"}
  finally:
    - {id: f, type: log.Log, message: "f"}
"""),
    )
    assert station.state(id) == "FAILED"
    assert shown(station, id) == {
        "l": "FAILED", "one[a]": "SUCCESS", "two[a]": "SUCCESS", "one[b]": "FAILED", "e": "SUCCESS", "f": "SUCCESS",
    }  # fmt: skip
    assert "not b" in station.log(id, "ERROR")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("'{{ [\"a\", null] }}'", "has 1 null among its 2 values"),
        ("'{{ 1 / 0 }}'", "zero"),
        ("'{{ 3 }}'", "must be a list"),
        ("'{{ flow.id }}, b'", "no JSON list"),
    ],
)
def test_values_that_are_none_fail_the_loop_alone(station: Station, values: str, said: str):
    id = ran(station, tasks(f"\n- id: l\n  type: flow.ForEach\n  values: {values}\n  tasks:\n    - {{id: one, type: log.Log, message: x}}\n"))
    assert (station.state(id), shown(station, id)) == ("FAILED", {"l": "FAILED"})
    assert said in " ".join(station.log(id, "ERROR"))


# choices


def test_one_of_several_ways(station: Station):
    id = ran(
        station,
        tasks("""
- id: if
  type: flow.If
  condition: "{{ false }}"
  then:
    - {id: no, type: log.Log, message: x}
- id: switch
  type: flow.Switch
  value: "{{ outputs.if.evaluationResult }}"
  cases:
    "false":
      - {id: yes, type: log.Log, message: x}
- id: none
  type: flow.Switch
  value: z
  cases:
    a:
      - {id: never, type: log.Log, message: x}
"""),
    )
    assert shown(station, id) == {"if": "SUCCESS", "switch": "SUCCESS", "yes": "SUCCESS", "none": "FAILED"}
    assert "there is no case `z`, and no `defaults`" in station.log(id, "ERROR")


# retries


def test_a_task_is_tried_again_when_its_time_has_come(station: Station):
    id = ran(
        station,
        tasks("""
- id: a
  type: execution.Fail
  condition: "{{ taskrun.attemptsCount < 2 }}"
  errorMessage: "attempt {{ taskrun.attemptsCount }}"
  retry: {type: constant, interval: PT1M, maxAttempts: 3}
- {id: z, type: log.Log, message: done}
"""),
    )
    assert (station.state(id), shown(station, id)) == ("RETRYING", {"a": "RETRYING"})
    station.clock.forward(seconds=59)
    station.tick()
    assert station.state(id) == "RETRYING"
    station.clock.forward(seconds=1)
    station.tick()
    station.clock.forward(seconds=60)
    station.tick()
    assert (station.state(id), len(station.runs(id)["a"].attempts)) == ("SUCCESS", 3)
    assert [stamp.state.value for stamp in station.execution(id).execution.history] == [
        "CREATED", "RUNNING", "RETRYING", "RUNNING", "RETRYING", "RUNNING", "SUCCESS",
    ]  # fmt: skip
    assert [line for line in station.log(id) if line.startswith("Attempt")] == [f"Attempt {n} failed and will be tried again: attempt {n - 1}" for n in (1, 2)]


def test_what_a_group_did_in_a_failed_round_is_gone_when_it_is_tried_again(station: Station):
    id = ran(
        station,
        tasks("""
- id: g
  type: flow.Sequential
  retry: {type: constant, interval: PT1M, maxAttempts: 2}
  tasks:
    - {id: a, type: execution.Fail, condition: "{{ taskrun.attemptsCount == 0 }}"}
    - {id: b, type: log.Log, message: b}
  errors:
    - {id: e, type: log.Log, message: mending}
"""),
    )
    assert shown(station, id) == {"g": "RETRYING", "a": "RETRYING", "e": "SUCCESS"}
    station.clock.forward(minutes=1)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("SUCCESS", {"g": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS"})
    assert "mending" in station.log(id)


def test_a_new_execution_takes_over_and_the_commit_waits_for_it(station: Station):
    flow = (
        "id: f\nnamespace: t\nretry: {type: constant, interval: PT1M, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}\n"
        "triggers:\n  - {id: push, type: headgate.git.Push}\ninputs:\n  - {id: n, type: INT, defaults: 5}\n"
        f"tasks:\n  - {{id: a, type: {CORE}.execution.Fail, errorMessage: 'no {{{{ inputs.n }}}}'}}\n"
    )
    sha = station.push({".flows/f.yml": flow})
    station.tick()
    assert [row.execution.state.value for row in station.every()] == ["RETRIED", "CREATED"]
    assert station.statuses(sha)["headgate/runs"][0] == "pending"
    for _ in range(2):
        station.clock.forward(minutes=1)
        station.tick()
    found = [row.execution for row in station.every()]
    assert [each.state.value for each in found] == ["RETRIED", "RETRIED", "FAILED"]
    assert [each.attempt for each in found] == [1, 2, 3]
    assert {each.original for each in found[1:]} == {found[0].id}
    assert found[2].inputs == {"n": 5}
    assert station.statuses(sha)["headgate/runs"][0] == "failure"
