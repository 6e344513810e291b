"""The life of an execution as the executor runs and stores it: what it gives back, what is done after its end, its date, its SLAs, its labels, its checks."""

from __future__ import annotations

from typing import Any

import pytest

from runners.protocol import Outcome, Result
from service.actions import executions
from service.errors import Conflict, Invalid
from service.store import events
from tests.loops.test_constructs import tasks
from tests.loops.test_executor import ran, value
from tests.support.station import RUNNER, Station, station_at

GIVES = tasks("\n- {id: a, type: debug.Return, format: '{{ inputs.n ?? 5 }}'}\n")
FAILS = tasks("\n- {id: a, type: debug.Return, format: x}\n- {id: b, type: execution.Fail, errorMessage: no}\n")
JOB = "\n  - {id: j, type: io.kestra.plugin.scripts.shell.Commands, commands: [x]}\n"


def outputs(*entries: str) -> str:
    return "outputs:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


def given(station: Station, id: str) -> Any:
    return station.execution(id).execution.outputs


def moves(station: Station, id: str) -> list[str]:
    return [stamp.state.value for stamp in station.execution(id).execution.history]


def after(text: str) -> str:
    return "afterExecution:" + tasks(text)


# outputs


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("id: x, type: STRING, value: '{{ outputs.a.value }}'", {"x": "5"}),
        ("id: x, type: INT, value: '{{ outputs.a.value }}'", {"x": 5}),
        ("id: x, type: FLOAT, value: '{{ outputs.a.value }}.5'", {"x": 5.5}),
        ("id: x, type: BOOLEAN, value: '{{ outputs.a.value == 5 }}'", {"x": False}),
        ("id: x, type: JSON, value: '{{ outputs.a }}'", {"x": {"value": "5"}}),
        ("id: x, type: STRING, value: '{{ outputs.a }}'", {"x": '{"value":"5"}'}),
        ("id: x, type: ARRAY, value: '[1, \"b\"]'", {"x": [1, "b"]}),
        ('id: x, type: MULTISELECT, value: \'{{ ["p", "q"] }}\'', {"x": ["p", "q"]}),
        ("id: x, type: SELECT, value: p", {"x": "p"}),
        ("id: x, type: DATETIME, value: '2026-03-01T01:00:00+01:00'", {"x": "2026-03-01T00:00:00Z"}),
        ("id: x, type: FILE, value: 'kestra:///a/b.csv'", {"x": "kestra:///a/b.csv"}),
        ("id: x.y, type: STRING, value: '{{ flow.id }} {{ execution.state }}'", {"x": {"y": "f RUNNING"}}),
        ("id: x, type: STRING, required: false, value: '{{ null }}'", {"x": None}),
        ("id: x, type: INT, required: false, value: '{{ 1 / 0 }}'", {"x": None}),
        ("id: x, type: INT, required: false, value: no number", {"x": None}),
    ],
)
def test_outputs_are_typed(station: Station, declared: str, found: Any):
    id = ran(station, GIVES, head=outputs(declared))
    assert station.log(id, "ERROR") == []
    assert (station.state(id), given(station, id)) == ("SUCCESS", found)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("id: x, type: STRING, value: '{{ null }}'", "the output `x` has no value, and is required"),
        ("id: x, type: INT, value: no number", "the output `x` is of the type INT; it must be a whole number, but is `no number`"),
        ("id: x, type: STRING, value: '{{ 1 / 0 }}'", "an output of the flow: "),
        ("id: x, type: FILE, value: /etc/passwd", "must be the URI of a stored file"),
        ("id: x, type: JSON, value: '{{ [range(1, 90000), range(1, 90000)] }}'", "the outputs of the flow are 1,"),
    ],
)
def test_an_output_that_must_be_there_and_is_not_fails_the_execution(station: Station, declared: str, said: str):
    id = ran(station, GIVES, head=outputs(declared, "id: y, type: STRING, value: there"))
    assert (moves(station, id), given(station, id)) == (["CREATED", "RUNNING", "FAILED"], None)
    assert said in " ".join(station.log(id, "ERROR"))


def test_an_error_in_an_output_names_its_place(station: Station):
    id = ran(station, GIVES, head=outputs("id: x, type: STRING, value: '{{ 1 / 0 }}'"))
    assert station.log(id, "ERROR")[0].startswith(".flows/f.yml:4:")


def test_an_execution_that_failed_gives_what_it_can_and_stays_failed(station: Station):
    id = ran(station, FAILS, head=outputs("id: x, type: STRING, value: '{{ outputs.a.value }}'", "id: y, type: STRING, value: '{{ outputs.b.value }}'"))
    assert (moves(station, id), given(station, id)) == (["CREATED", "RUNNING", "FAILED"], {"x": "x"})
    assert [line for line in station.log(id, "ERROR") if "output" in line] == []
    assert any("an output of the flow" in line for line in station.log(id, "WARN"))


def test_outputs_come_through_a_restart_of_the_service(station: Station, tmp_path: Any):
    id = ran(station, GIVES, head=outputs("id: x, type: INT, value: '{{ outputs.a.value }}'"))
    with station_at(station.folder, station.helper) as again:
        assert given(again, id) == {"x": 5}


def test_secrets_are_not_kept_in_outputs(tmp_path: Any, helper: Any):
    with station_at(tmp_path / "data", helper, environ={"SECRET_KEY": "aHVzaGh1c2g="}) as station:
        id = ran(station, GIVES, head=outputs("id: x, type: STRING, value: 'it is {{ secret(\"KEY\") }}'"))
        assert "hushhush" not in str(given(station, id))


# after the end


def test_what_is_done_after_the_end_sees_how_it_ended(station: Station):
    rest = after("""
- {id: s, type: debug.Return, format: "{{ execution.state }} {{ execution.outputs.x }} {{ outputs.a.value }} {{ execution.endDate is defined }}"}
- id: g
  type: flow.ForEach
  values: [p, q]
  tasks:
    - {id: no, type: debug.Return, format: "{{ taskrun.value }}", runIf: "{{ execution.state == 'FAILED' }}"}
- {id: bad, type: execution.Fail}
- {id: never, type: log.Log, message: x}
""")
    id = ran(station, GIVES, head=outputs("id: x, type: INT, value: '{{ outputs.a.value }}'") + rest)
    assert moves(station, id) == ["CREATED", "RUNNING", "SUCCESS"]
    assert value(station, id, "s") == "SUCCESS 5 5 true"
    assert station.states(id) == {"a": "SUCCESS", "s": "SUCCESS", "g": "SUCCESS", "no": "SKIPPED", "bad": "FAILED"}
    assert station.execution(id).execution.over


def test_it_is_done_after_errors_and_finally_and_by_runners_too(station: Station):
    rest = "errors:" + tasks("\n- {id: e, type: log.Log, message: x}\n") + "finally:" + tasks("\n- {id: f, type: log.Log, message: x}\n")
    id = ran(station, FAILS, head=rest + "afterExecution:" + JOB.replace("commands: [x]", "commands: ['{{ execution.state }}']"))
    assert (station.state(id), list(station.states(id))) == ("FAILED", ["a", "b", "e", "f", "j"])
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    assert job.spec["commands"] == ["FAILED"]
    ended = station.execution(id).execution.ended
    station.clock.forward(minutes=1)
    station.dispatch.finish(job.lease, Outcome(Result.SUCCESS, outputs={"k": 1}))
    station.tick()
    execution = station.execution(id).execution
    assert (execution.over, execution.ended, station.states(id)["j"]) == (True, ended, "SUCCESS")


def test_the_commit_is_told_of_the_end_and_not_of_what_comes_after(station: Station):
    trigger = "triggers: [{id: push, type: headgate.git.Push}]\n"
    sha = station.push({".flows/f.yml": f"id: f\nnamespace: t\n{trigger}afterExecution:{JOB}tasks:\n{GIVES}"})
    station.tick()
    (row,) = station.every()
    assert (row.execution.trailing, station.statuses(sha)["headgate/runs"][0]) == (True, "success")


def test_a_fault_after_the_end_leaves_the_end_as_it_is(station: Station):
    id = ran(station, GIVES, head=f"afterExecution:{JOB}")
    with station.database.read() as session:
        assert executions.get(session, id).execution.trailing
    # A revision that can't be read any more.
    station.database.write(lambda session: session.exec_driver_sql("UPDATE revision SET source = 'id: 1', blob = 'other'"))
    station.close()
    with station_at(station.folder, station.helper) as newer:
        assert newer.dispatch.try_claim(RUNNER) is None
        newer.tick()
        execution = newer.execution(id).execution
        assert (execution.over, moves(newer, id), newer.states(id)["j"]) == (True, ["CREATED", "RUNNING", "SUCCESS"], "FAILED")


def test_what_hangs_after_the_end_can_be_killed(station: Station):
    id = ran(station, GIVES, head=f"afterExecution:{JOB}")
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert (moves(station, id), station.states(id)["j"], station.execution(id).execution.over) == (["CREATED", "RUNNING", "SUCCESS"], "KILLED", True)
    assert station.dispatch.try_claim(RUNNER) is None
    with pytest.raises(Conflict):
        station.database.write(lambda session: executions.kill(session, id, "ann"))


# dates


def test_a_date_is_waited_for_over_a_restart(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{GIVES}"})
    id = station.start("t", "f", scheduled=station.clock.now.replace(hour=18))
    station.tick()
    assert station.state(id) == "CREATED"
    with station_at(station.folder, station.helper) as again:
        again.clock.now = station.clock.now.replace(hour=17, minute=59)
        again.tick()
        assert again.state(id) == "CREATED"
        again.clock.forward(minutes=1)
        again.tick()
        assert moves(again, id) == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_date_that_is_over_is_now(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{GIVES}"})
    id = station.start("t", "f", scheduled=station.clock.now.replace(hour=1))
    station.tick()
    assert station.state(id) == "SUCCESS"


def test_it_can_be_killed_before_its_date(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{GIVES}"})
    id = station.start("t", "f", scheduled=station.clock.now.replace(hour=18))
    station.tick()
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    station.clock.forward(hours=12)
    station.tick()
    assert (moves(station, id), station.runs(id)) == (["CREATED", "KILLED"], {})
    with station.database.read() as session:
        assert events.next_due(session, 1e12) is None


# SLAs


def sla(rest: str) -> str:
    return f"sla:\n  - {{id: s, labels: {{sla: broken}}, {rest}}}\n"


@pytest.mark.parametrize(("behavior", "end"), [("FAIL", "FAILED"), ("CANCEL", "CANCELLED")])
def test_an_execution_that_takes_too_long_is_ended(station: Station, behavior: str, end: str):
    rest = after("\n- {id: z, type: debug.Return, format: '{{ execution.state }} {{ labels.sla }}'}\n")
    id = ran(station, JOB, head=sla(f"type: MAX_DURATION, duration: PT1H, behavior: {behavior}") + rest)
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.tick()
    station.clock.forward(minutes=59)
    station.tick()
    assert station.state(id) == "RUNNING"
    station.clock.forward(minutes=1)
    station.tick()
    assert (moves(station, id), station.states(id)["j"], value(station, id, "z")) == (["CREATED", "RUNNING", end], end, f"{end} broken")
    assert station.dispatch.beat_now(RUNNER.id, (job.lease,))[job.lease.key].value == "stop"
    station.dispatch.finish(job.lease, Outcome(Result.KILLED))
    station.tick()
    assert station.states(id)["j"] == end
    assert any("SLA `s` is broken: the execution takes longer than 3600 s" in line for line in station.log(id, "WARN"))


def test_one_that_only_warns_labels_and_lets_it_go_on(station: Station):
    id = ran(station, JOB, head=sla("type: MAX_DURATION, duration: PT1H, behavior: NONE"))
    station.clock.forward(hours=1)
    station.tick()
    assert (station.state(id), station.execution(id).execution.labels["sla"]) == ("RUNNING", "broken")
    with station_at(station.folder, station.helper) as again:
        assert again.execution(id).execution.breached == ("s",)


def test_time_counts_from_the_creation(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\nconcurrency: {{limit: 1}}\n{sla('type: MAX_DURATION, duration: PT1H, behavior: FAIL')}tasks:{JOB}"})
    first, second = (station.start("t", "f") for _ in range(2))
    station.tick()
    station.clock.forward(minutes=30)
    third = station.start("t", "f")
    station.tick()
    station.clock.forward(minutes=30)
    station.tick()
    assert (moves(station, first)[-1], moves(station, second)) == ("FAILED", ["CREATED", "QUEUED", "FAILED"])
    assert (station.state(third), station.runs(second)) == ("RUNNING", {})


def test_what_must_hold_is_looked_at_on_every_change(station: Station):
    text = "\n- {id: a, type: debug.Return, format: '5'}\n- {id: b, type: log.Log, message: x}\n"
    head = sla("type: EXECUTION_ASSERTION, assert: \"{{ outputs.a.value == '6' }}\", behavior: FAIL")
    id = ran(station, tasks(text), head=head)
    assert (moves(station, id), station.states(id)) == (["CREATED", "RUNNING", "FAILED"], {"a": "SUCCESS", "b": "FAILED"})
    assert station.execution(id).execution.labels["sla"] == "broken"
    assert station.log(id, "ERROR") == ["SLA `s` is broken: `{{ outputs.a.value == '6' }}` does not hold"]


def test_what_can_not_be_told_yet_is_no_breach(station: Station):
    text = "\n- {id: x, type: log.Log, message: x}\n- {id: a, type: debug.Return, format: '5'}\n"
    head = sla("type: EXECUTION_ASSERTION, assert: \"{{ outputs.a.value == '5' }}\", behavior: FAIL")
    assert station.state(ran(station, tasks(text), head=head)) == "SUCCESS"
    id = ran(station, tasks(text), head=head.replace("outputs.a.value", "1 / 0"))
    assert station.state(id) == "SUCCESS"
    assert station.log(id, "WARN") == ["SLA `s` could not be looked at: .flows/f.yml:4:77: `sla`: division by zero"]


# labels


def test_labels_come_from_the_flow_the_service_and_whoever_starts_it(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\nlabels: {{team: a, kind: b}}\ntasks:\n{GIVES}"})
    with station.database.read() as session:
        order = executions.Order("main", "t", "f", {}, {"kind": "c"}, correlation="root", by="ann")
        prepared = executions.prepare(session, station.kit, order, station.clock.now)
    assert prepared.execution.labels == {"team": "a", "kind": "c", "system.from": "api", "system.correlationId": "root", "system.username": "ann"}


# checks


def checks(*entries: str) -> str:
    return "checks:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries) + "inputs: [{id: n, type: INT, defaults: 5}]\n"


def check(behavior: str, holds: str = "{{ inputs.n > 5 }}", **more: str) -> str:
    return f"when: '{holds}', message: is {behavior[:5]}, behavior: {behavior}" + "".join(f", {key}: {value}" for key, value in more.items())


def test_a_check_that_holds_says_nothing(station: Station):
    id = ran(
        station,
        GIVES,
        head=checks(*(check(behavior, "{{ inputs.n == 5 }}") for behavior in ("BLOCK_EXECUTION", "FAIL_EXECUTION")), check("BLOCK_EXECUTION", "true")),
    )
    assert (station.state(id), station.log(id)) == ("SUCCESS", ["5"])


@pytest.mark.parametrize(
    "entries",
    [
        [check("CREATE_EXECUTION"), check("BLOCK_EXECUTION"), check("FAIL_EXECUTION")],
        ["when: '{{ 1 / 0 }}', message: never shown, behavior: CREATE_EXECUTION"],
        [check("BLOCK_EXECUTION", "{{ inputs.n }}")],
    ],
)
def test_a_check_blocks(station: Station, entries: list[str]):
    with pytest.raises(Invalid) as refused:
        station.flow(GIVES, head=checks(*entries))
    assert "checks do not let it start" in refused.value.message
    assert station.every() == []


def test_a_check_makes_a_failed_execution(station: Station):
    rest = after("\n- {id: z, type: debug.Return, format: '{{ execution.state }}'}\n")
    id = ran(station, GIVES, head=checks(check("CREATE_EXECUTION", style="WARNING"), check("FAIL_EXECUTION")) + rest)
    assert (moves(station, id), station.states(id), value(station, id, "z")) == (["CREATED", "FAILED"], {"z": "SUCCESS"}, "FAILED")
    assert (station.log(id, "ERROR"), station.log(id, "WARN")) == (["is FAIL_"], ["is CREAT", "is FAIL_"])


def test_a_check_only_speaks(station: Station):
    id = ran(station, GIVES, head=checks(check("CREATE_EXECUTION"), check("CREATE_EXECUTION", style="ERROR")))
    assert (station.state(id), station.log(id), station.log(id, "WARN")) == ("SUCCESS", ["is CREAT", "is CREAT", "5"], ["is CREAT"])


def test_a_trigger_is_not_asked_by_checks(station: Station):
    head = "triggers: [{id: push, type: headgate.git.Push}]\n" + checks(check("BLOCK_EXECUTION"))
    station.push({".flows/f.yml": f"id: f\nnamespace: t\n{head}tasks:\n{GIVES}"})
    station.tick()
    assert [row.execution.state.value for row in station.every()] == ["SUCCESS"]
