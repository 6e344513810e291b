"""What inline tasks change, as the executor runs and stores it: keys, labels and variables, within a batch and across batches."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.actions.kept import Kept
from service.actions.steps import Batch
from service.api import shapes
from service.git.helper import Helper
from service.store import events, kv
from service.store.executions import OUTPUT_LIMIT
from service.store.repositories import MAIN as ENVIRONMENT
from tests.loops.test_constructs import tasks
from tests.loops.test_executor import ran, value
from tests.support.station import Station, station_at

SECRETS = {"TOKEN": "s3cr3t-value", "JSON": '{"user": "admin-name"}'}


@pytest.fixture
def keyed(tmp_path: Path, helper: Helper) -> Iterator[Station]:
    """A station with secrets."""
    environ = {f"SECRET_{name}": base64.b64encode(value.encode()).decode() for name, value in SECRETS.items()}
    with station_at(tmp_path / "data", helper, environ=environ) as station:
        yield station


def held(station: Station, namespace: str = "t") -> dict[str, Any]:
    """The stored keys of a namespace."""
    with station.database.read() as session:
        return {entry.key: entry.value for entry in kv.every(session, ENVIRONMENT, namespace, station.clock.now.timestamp())}


def keep(station: Station, namespace: str, key: str, value: Any, **more: Any) -> None:
    at = station.clock.now.timestamp()
    station.database.write(lambda session: kv.put(session, ENVIRONMENT, namespace, key, value, at=at, **more))


def begun(station: Station) -> Batch:
    """A batch that has heard what waits, and is not stored."""
    with station.database.read() as session:
        batch = Batch(station.kit, session, station.clock.now, Kept())
        for waiting in events.waiting(session, station.clock.now.timestamp(), 100):
            batch.hear(waiting)
    return batch


# keys

CHAIN = """
- {id: set, type: kv.Set, key: a, value: "{{ {'n': 1} }}"}
- {id: by_call, type: debug.Return, format: "{{ kv('a').n }} {{ kv('a', 't').n }}"}
- {id: put, type: kv.Put, key: a, value: {n: "{{ kv('a').n + 1 }}", m: [x]}}
- {id: get, type: kv.Get, key: a}
- {id: same, type: debug.Return, format: "{{ outputs.get.value | toJson }} {{ kv('a') | toJson }}"}
- {id: keys, type: kv.GetKeys}
- {id: gone, type: kv.Delete, key: stored}
- {id: again, type: kv.Delete, key: stored}
- {id: left, type: kv.GetKeys}
- {id: above, type: debug.Return, format: "{{ kv('stored', errorOnMissing=false) ?? 'none' }}"}
"""


def test_later_tasks_of_a_batch_see_what_earlier_ones_wrote(station: Station):
    keep(station, "t", "stored", "old")
    id = ran(station, tasks(CHAIN))
    assert station.log(id, "ERROR") == []
    assert [value(station, id, task) for task in ("by_call", "same", "above")] == ["1 1", '{"n":2,"m":["x"]} {"n":2,"m":["x"]}', "none"]
    runs = station.runs(id)
    assert [runs[task].outputs for task in ("keys", "gone", "again", "left")] == [
        {"keys": ["a", "stored"]},
        {"deleted": True},
        {"deleted": False},
        {"keys": ["a"]},
    ]
    assert held(station) == {"a": {"n": 2, "m": ["x"]}}


def test_a_batch_that_is_thrown_away_leaves_no_key_and_is_heard_again(station: Station):
    keep(station, "t", "stored", "old")
    id = station.flow(tasks(CHAIN))
    begun(station)
    assert (held(station), station.state(id)) == ({"stored": "old"}, "CREATED")
    station.tick()
    assert (held(station), station.state(id)) == ({"a": {"n": 2, "m": ["x"]}}, "SUCCESS")


def test_a_batch_that_can_not_be_stored_leaves_no_key(station: Station):
    station.flow(tasks("\n- {id: set, type: kv.Set, key: a, value: 1}\n"))
    batch = begun(station)
    station.tick()
    keep(station, "t", "a", 2)
    with pytest.raises(Exception, match="changed by somebody else"):
        station.database.write(batch.store)
    assert held(station) == {"a": 2}


def test_executions_of_one_batch_follow_each_other(station: Station):
    one = station.flow(tasks("\n- {id: a, type: kv.Set, key: lock, value: '{{ execution.id }}', overwrite: false}\n"))
    two = station.start("t", "f")
    assert station.executor.tick(station.clock.now) == 0.0
    assert ([station.state(one), station.state(two)], held(station)) == (["SUCCESS", "FAILED"], {"lock": one})


def test_each_round_of_a_loop_sees_those_before_it(station: Station):
    loop = """
- id: loop
  type: flow.ForEach
  values: [a, b, c]
  tasks:
    - {id: set, type: kv.Set, key: "k_{{ taskrun.value }}", value: "{{ taskrun.iteration }}"}
    - {id: sum, type: kv.Set, key: all, value: "{{ kv('all', errorOnMissing=false) ?? '' }}{{ taskrun.value }}"}
    - {id: a, type: kv.GetKeys, prefix: k_}
"""
    id = ran(station, tasks(loop))
    assert (station.log(id, "ERROR"), held(station)) == ([], {"all": "abc", "k_a": 0, "k_b": 1, "k_c": 2})
    assert station.runs(id)["a"].outputs == {"keys": ["k_a", "k_b", "k_c"]}


def test_a_key_is_there_as_long_as_its_time_and_across_batches(station: Station):
    waits = tasks("""
- {id: set, type: kv.Set, key: short, value: 1, ttl: PT1M}
- {id: put, type: kv.Put, key: map, value: {b: 2}}
- {id: early, type: kv.Get, key: short}
- {id: nap, type: flow.Sleep, duration: PT1M}
- {id: late, type: kv.Get, key: short}
- {id: map, type: kv.Get, key: map}
""")
    keep(station, "t", "map", {"a": 1}, expires_at=station.clock.now.timestamp() + 3600, description="kept")
    id = ran(station, waits)
    station.clock.forward(minutes=1)
    station.tick()
    assert {task: (run.outputs or {}).get("value") for task, run in station.runs(id).items() if task in ("early", "late", "map")} == {
        "early": 1, "late": None, "map": {"a": 1, "b": 2},
    }  # fmt: skip
    station.clock.forward(hours=1)
    assert held(station) == {}


def test_a_failed_attempt_writes_nothing_and_the_next_one_does(station: Station):
    text = """
- {id: a, type: kv.Set, key: k, value: "{{ taskrun.attemptsCount }}", kvType: STRING, overwrite: false, retry: {type: constant, interval: PT1M, maxAttempts: 2}}
"""
    keep(station, "t", "k", "mine", expires_at=station.clock.now.timestamp() + 30)
    id = ran(station, tasks(text))
    assert (station.state(id), held(station)) == ("RETRYING", {"k": "mine"})
    station.clock.forward(minutes=1)
    station.tick()
    assert (station.state(id), held(station)) == ("SUCCESS", {"k": "1"})


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{id: a, type: kv.Set, key: 'no key', value: 1}", "`no key` can't be a key: letters, digits, `.`, `_` and `-`, a letter or digit first, at most 256"),
        ("{id: a, type: kv.Set, key: '', value: 1}", "`` can't be a key"),
        (
            "{id: a, type: kv.Set, key: k, value: 1, namespace: theirs}",
            "the namespace `theirs` belongs to another repository; its keys are not written from here",
        ),
        (
            "{id: a, type: kv.Put, key: k, value: {a: 1}, namespace: theirs}",
            "the namespace `theirs` belongs to another repository; its keys are not read from here",
        ),
        ("{id: a, type: kv.Delete, key: k, namespace: theirs}", "the namespace `theirs` belongs to another repository; its keys are not read from here"),
        ("{id: a, type: kv.Get, key: k, namespace: theirs}", "the namespace `theirs` belongs to another repository; its keys are not read from here"),
        ("{id: a, type: kv.GetKeys, namespace: theirs}", "the namespace `theirs` belongs to another repository; its keys are not read from here"),
    ],
)
def test_what_can_not_be_or_is_not_allowed_fails_the_task_alone(station: Station, task: str, said: str):
    station.push({".flows/g.yml": "id: g\nnamespace: theirs\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: x}\n"}, name="other")
    keep(station, "theirs", "k", {"n": 1})
    id = ran(station, tasks(f"\n- {task}\n"))
    assert station.state(id) == "FAILED"
    assert said in station.log(id, "ERROR")[0]
    assert (held(station, "theirs"), held(station)) == ({"k": {"n": 1}}, {})


def test_what_stands_above_is_read_and_not_written_where_it_is_anothers(station: Station):
    station.push({".flows/g.yml": "id: g\nnamespace: up\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: x}\n"}, name="other")
    keep(station, "up", "k", 1)
    flow = tasks("\n- {id: a, type: kv.Get, key: k}\n- {id: z, type: kv.Set, key: k, value: 2, namespace: up}\n")
    station.push({".flows/f.yml": f"id: f\nnamespace: up.here\ntasks:\n{flow}"})
    id = station.start("up.here", "f")
    station.tick()
    assert (station.states(id), station.runs(id)["a"].outputs, held(station, "up")) == ({"a": "SUCCESS", "z": "FAILED"}, {"value": 1}, {"k": 1})


def test_other_namespaces_of_the_repository_and_of_nobody_are_written(station: Station):
    station.push({".flows/g.yml": "id: g\nnamespace: ours\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: x}\n"})
    ran(station, tasks("\n- {id: a, type: kv.Set, key: k, value: 1, namespace: ours}\n- {id: b, type: kv.Set, key: k, value: 2, namespace: nobodys}\n"))
    assert (held(station, "ours"), held(station, "nobodys")) == ({"k": 1}, {"k": 2})


# labels and variables

CHANGES = """
- {id: one, type: execution.Labels, labels: {size: "{{ 1 + 1 }}"}}
- {id: two, type: execution.SetVariables, variables: {n: "{{ vars.n + 1 }}", map: {b: "{{ labels.size }}"}}}
- {id: a, type: debug.Return, format: "{{ labels.size }} {{ labels.team }} {{ vars.n }} {{ vars.map | toJson }}"}
- {id: nap, type: flow.Sleep, duration: PT1M}
- {id: three, type: execution.UnsetVariables, variables: [map.a]}
- {id: z, type: debug.Return, format: "{{ labels.size }} {{ vars | toJson }}"}
"""
HEAD = "labels: {team: data}\nvariables: {n: 1, map: {a: 1}}\n"


def test_labels_and_variables_are_changed_for_the_tasks_that_follow_and_in_the_api(station: Station):
    id = ran(station, tasks(CHANGES), head=HEAD)
    assert value(station, id) == '2 data 2 {"a":1,"b":"2"}'
    station.clock.forward(minutes=1)
    station.tick()
    assert (station.state(id), value(station, id, "z")) == ("SUCCESS", '2 {"n":2,"map":{"b":"2"}}')
    shown = shapes.execution(station.kit, station.execution(id), station.clock.now, None)
    assert shown["variables"] == {"n": 2, "map": {"b": "2"}}
    assert {label["key"]: label["value"] for label in shown["labels"]}.items() >= {"size": "2", "team": "data"}.items()
    again = station.start("t", "f")
    assert station.execution(again).execution.variables == {"n": 1, "map": {"a": 1}}


def test_a_batch_that_is_thrown_away_changes_no_label(station: Station):
    id = station.flow(tasks(CHANGES), head=HEAD)
    before = station.execution(id).execution
    begun(station)
    assert station.execution(id).execution == before


def test_rounds_of_a_loop_count_in_a_variable(station: Station):
    loop = """
- id: loop
  type: flow.ForEach
  values: [1, 2, 3]
  tasks:
    - {id: set, type: execution.SetVariables, variables: {sum: "{{ vars.sum + (taskrun.value | number) }}"}}
- {id: a, type: debug.Return, format: "{{ vars.sum }}"}
"""
    assert value(station, ran(station, tasks(loop), head="variables: {sum: 0}\n")) == "6"


def test_an_execution_that_takes_over_begins_with_the_variables_of_the_flow(station: Station):
    head = "variables: {n: 1}\nretry: {type: constant, interval: PT1M, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}\n"
    text = """
- {id: set, type: execution.SetVariables, variables: {m: "{{ vars.n + 1 }}"}, overwrite: false}
- {id: fail, type: execution.Fail, errorMessage: "{{ vars.m }}"}
"""
    ran(station, tasks(text), head=head)
    station.clock.forward(minutes=1)
    station.tick()
    found = [row.execution for row in station.every()]
    assert [(each.state.value, each.variables) for each in found] == [("RETRIED", {"n": 1, "m": 2}), ("FAILED", {"n": 1, "m": 2})]
    assert station.log(found[1].id, "ERROR") == ["2"]


def test_variables_do_not_grow_for_ever(station: Station):
    head = f"variables: {{long: '{'x' * 100_000}'}}\n"
    doubled = "{{ " + " ~ ".join(["vars.long"] * (OUTPUT_LIMIT // 100_000 + 1)) + " }}"
    id = ran(station, tasks(f'\n- {{id: a, type: execution.SetVariables, variables: {{more: "{doubled}"}}}}\n'), head=head)
    assert (station.state(id), list(station.execution(id).execution.variables)) == ("FAILED", ["long"])
    assert "variables are " in station.log(id, "ERROR")[0]


# values, conditions and secrets


def test_values_are_the_same_before_and_after_they_are_stored(station: Station):
    text = """
- {id: give, type: output.OutputValues, values: {day: "{{ kv('day') }}", n: [1, "{{ 0.5 }}"], none: "{{ null }}"}}
- {id: a, type: debug.Return, format: "{{ outputs.give.values | toJson(includeNulls=true) }}"}
- {id: nap, type: flow.Sleep, duration: PT1M}
- {id: z, type: debug.Return, format: "{{ outputs.give.values | toJson(includeNulls=true) }}"}
"""
    keep(station, "t", "day", datetime(2026, 3, 2, 10, tzinfo=UTC))
    id = ran(station, tasks(text))
    station.clock.forward(minutes=1)
    station.tick()
    assert station.log(id, "ERROR") == []
    assert value(station, id) == value(station, id, "z")
    assert json.loads(value(station, id, "z")) == {"day": "2026-03-02T10:00:00Z", "n": [1, 0.5], "none": None}


def test_a_condition_that_does_not_hold_is_in_the_log(station: Station):
    id = ran(station, tasks("\n- {id: a, type: execution.Assert, conditions: [\"{{ flow.id == 'f' }}\", \"{{ flow.id == 'g' }}\"]}\n"))
    assert (station.state(id), station.log(id)) == (
        "FAILED",
        ["The condition `{{ flow.id == 'g' }}` does not hold", "1 of 2 conditions do not hold"],
    )


def test_secrets_are_masked_wherever_the_execution_shows_them_and_kept_in_keys(keyed: Station):
    text = """
- {id: out, type: output.OutputValues, values: {"a": ["{{ secret('TOKEN') }}"], "b": "{{ secret('JSON', subkey='user') }}"}}
- {id: label, type: execution.Labels, labels: {a: "{{ secret('TOKEN') }}", b: "{{ secret('JSON', subkey='user') }}"}}
- {id: set, type: execution.SetVariables, variables: {a: "{{ secret('TOKEN') }}", b: "{{ secret('JSON', subkey='user') }}"}}
- {id: kv, type: kv.Set, key: a, value: "{{ secret('TOKEN') }}"}
- {id: get, type: kv.Get, key: a}
- {id: check, type: execution.Assert, conditions: ["{{ secret('TOKEN') == kv('a') }}"]}
- {id: fail, type: kv.Set, key: "{{ secret('JSON', subkey='user') }} x", value: 1}
"""
    id = ran(keyed, tasks(text))
    hidden = {"a": "******", "b": "******"}
    runs, execution = keyed.runs(id), keyed.execution(id).execution
    assert runs["out"].outputs == {"values": {"a": ["******"], "b": "******"}}
    assert (execution.labels, execution.variables) == ({**execution.labels, **hidden}, hidden)
    assert (held(keyed), runs["get"].outputs, keyed.states(id)["check"]) == ({"a": "s3cr3t-value"}, {"value": "******"}, "SUCCESS")
    assert keyed.log(id, "ERROR")[0].startswith("`****** x` can't be a key")
