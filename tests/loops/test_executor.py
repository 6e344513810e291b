"""The executor on real rows: batches, timers, budgets, bad events, and restarts in the middle."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest.mock import ANY

import pytest

from service.actions import executions
from service.actions.executions import Order
from service.actions.kept import Kept
from service.actions.steps import INLINE_BUDGET
from service.engine.events import Due, Ended, Killed
from service.engine.state import State
from service.errors import Conflict, Invalid, NotFound
from service.loops.executor import SLICE, Executor
from service.store import events, task_runs
from service.store.events import Waiting
from service.store.executions import OUTPUT_LIMIT
from service.store.repositories import MAIN as ENVIRONMENT
from tests.support.station import Station, station_at


@dataclass(frozen=True)
class OfAnotherVersion(Due):
    """An event whose kind this version does not know."""

    kind: str = "?"


LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
SLEEP = "io.kestra.plugin.core.flow.Sleep"
NAP = f"  - {{id: nap, type: {SLEEP}, duration: PT1H}}\n"


def logs(number: int, text: str = "line {number}") -> str:
    return "".join(f"  - {{id: t{at}, type: {LOG}, message: {text.format(number=at)}}}\n" for at in range(number))


def ran(station: Station, tasks: str, **flow: str) -> str:
    id = station.flow(tasks, **flow)
    station.tick()
    return id


def value(station: Station, id: str, task: str = "a") -> str:
    return (station.runs(id)[task].outputs or {})["value"]


# what a flow does


def test_a_flow_of_inline_tasks_runs_in_one_tick(station: Station):
    tasks = (
        f"  - {{id: a, type: {RETURN}, format: '{{{{ flow.id }}}}'}}\n"
        "  - id: group\n    type: io.kestra.plugin.core.flow.Sequential\n    tasks:\n"
        f"      - {{id: b, type: {RETURN}, format: '{{{{ outputs.a.value }}}}-{{{{ taskrun.parentId | length }}}}'}}\n"
        f"      - {{id: no, type: {LOG}, message: x, disabled: true}}\n"
        f"      - {{id: maybe, type: {LOG}, message: x, runIf: '{{{{ outputs.b.value == \"\" }}}}'}}\n"
        f"  - {{id: c, type: {LOG}, message: ['{{{{ outputs.b.value }}}}', second], level: WARN}}\n"
    )
    id = station.flow(tasks)
    assert station.executor.tick(station.clock.now) == 0.0
    assert (station.state(id), list(station.states(id).items())) == (
        "SUCCESS",
        [("a", "SUCCESS"), ("group", "SUCCESS"), ("b", "SUCCESS"), ("maybe", "SKIPPED"), ("c", "SUCCESS")],
    )
    assert (value(station, id, "b"), station.log(id, "WARN")) == ("f-22", ["f-22", "second"])


def test_templates_see_the_execution(station: Station):
    shown = "[flow.namespace, flow.revision, execution.id | length, execution.commit | length, inputs.n, labels.a.b, envs.zone, vars.v, task.id]"
    tasks = f"  - {{id: a, type: {RETURN}, format: '{{{{ {shown} | toJson }}}}'}}\n"
    id = ran(station, tasks, head="inputs: [{id: n, type: INT, defaults: 7}]\nlabels: {a.b: c}\nvariables: {v: w}\n")
    assert station.log(id, "ERROR") == []
    assert json.loads(value(station, id)) == ["t", 1, 22, 40, 7, "c", "blue", "w", "a"]


def test_errors_and_finally_run_and_the_reason_is_in_the_log(station: Station):
    tasks = f"  - {{id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: 'no {{{{ flow.id }}}}'}}\n{logs(1)}"
    lists = f"errors:\n  - {{id: e, type: {LOG}, message: sorry}}\nfinally:\n  - {{id: z, type: {LOG}, message: bye}}\n"
    id = ran(station, tasks + lists)
    assert (station.state(id), station.states(id)) == ("FAILED", {"a": "FAILED", "e": "SUCCESS", "z": "SUCCESS"})
    assert station.log(id) == ["no f", "sorry", "bye"]


def test_a_template_that_fails_fails_its_task_with_the_place(station: Station):
    id = ran(station, f"  - id: a\n    type: {LOG}\n    message: '{{{{ secret(\"NOBODY\") }}}}'\n")
    assert (station.state(id), station.log(id)) == ("FAILED", [".flows/f.yml:6:18: task `a`: the secret `NOBODY` is not available"])


def test_a_condition_that_fails_fails_its_task_with_the_place(station: Station):
    id = ran(station, f"  - {{id: a, type: {LOG}, message: x, runIf: '{{{{ secret(\"NOBODY\") }}}}'}}\n")
    column = len(f"  - {{id: a, type: {LOG}, message: x, runIf: '{{{{ ") + 1
    assert (station.state(id), station.log(id)) == ("FAILED", [f".flows/f.yml:4:{column}: task `a`: the secret `NOBODY` is not available"])


def test_log_levels_below_the_tasks_own_are_left_out(station: Station):
    id = ran(station, f"  - {{id: a, type: {LOG}, message: quiet, logLevel: WARN}}\n  - {{id: b, type: {LOG}, message: loud, level: ERROR, logLevel: WARN}}\n")
    assert station.log(id) == ["loud"]


def test_outputs_that_are_no_rows_content_fail_the_task(station: Station):
    task = f"{{id: a, type: {RETURN}, format: '{{{{ inputs.x }}}}{{{{ inputs.x }}}}', logLevel: ERROR}}"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ninputs: [{{id: x, type: STRING}}]\ntasks: [{task}]\n"})
    id = station.start("t", "f", {"x": "x" * (OUTPUT_LIMIT // 2)})
    station.tick()
    assert (station.state(id), "the limit is 1,000,000" in station.log(id)[0]) == ("FAILED", True)


def test_secrets_are_masked_in_logs_and_outputs(tmp_path, helper):
    with station_at(tmp_path / "data", helper, environ={"SECRET_KEY": base64.b64encode(b"s3cr3t-value").decode()}) as station:
        secret = "'{{ secret(\"KEY\") }}!'"
        id = ran(station, f"  - {{id: a, type: {RETURN}, format: {secret}}}\n  - {{id: b, type: {LOG}, message: {secret}}}\n")
        assert (station.state(id), station.log(id)) == ("SUCCESS", ["******!", "******!"])
        assert value(station, id) == "******!"


# timers


def test_a_sleeping_task_is_a_row_and_outlives_a_restart(station: Station):
    id = ran(station, f"  - {{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}}\n{logs(1)}")
    assert station.states(id) == {"nap": "RUNNING"}
    assert station.executor.tick(station.clock.forward(minutes=59)) == 60.0
    assert station.states(id) == {"nap": "RUNNING"}
    station.close()
    with station_at(station.folder, station.helper) as second:
        second.clock.forward(minutes=61)
        second.tick()
        assert second.states(id) == {"nap": "SUCCESS", "t0": "SUCCESS"}


def test_a_killed_sleeper_is_not_woken(station: Station):
    id = ran(station, "  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1M}\n")
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert (station.state(id), station.log(id)) == ("KILLED", ["Killed by ann"])
    station.clock.forward(minutes=2)
    station.tick()
    assert station.states(id) == {"nap": "KILLED"}
    with pytest.raises(Conflict, match="KILLED already"):
        station.database.write(lambda session: executions.kill(session, id, "bob"))


# long flows


def test_a_long_flow_takes_turns_with_others(station: Station):
    long = station.flow(logs(INLINE_BUDGET + 50), id="long")
    short = station.flow(logs(1), id="short")
    station.executor.tick(station.clock.now)
    assert (station.state(long), station.state(short)) == ("RUNNING", "SUCCESS")
    station.tick()
    assert (station.state(long), len(station.log(long))) == ("SUCCESS", INLINE_BUDGET + 50)


class Hurried:
    """A clock on which every look costs a good part of a slice: all work takes long."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += SLICE / 3
        return self.now


def test_what_came_last_passes_by_what_takes_long(station: Station):
    executor = Executor(station.kit, Hurried())
    long = [station.flow(logs(5), id="long"), *(station.start("t", "long") for _ in range(30))]
    executor.tick(station.clock.now)
    for number in range(3):
        short = station.flow(logs(1), id=f"short{number}")
        for _ in range(6):
            executor.tick(station.clock.now)
        assert station.state(short) == "SUCCESS"
    assert {station.state(id) for id in long} == {"RUNNING", "CREATED"}
    while executor.tick(station.clock.now) == 0.0:
        pass
    assert {station.state(id): station.log(id) for id in long} == {"SUCCESS": [f"line {number}" for number in range(5)]}


def test_a_timer_is_heard_although_others_take_long(station: Station):
    executor = Executor(station.kit, Hurried())
    sleeper = station.flow(logs(6) + NAP)
    while executor.tick(station.clock.now) == 0.0:
        pass
    long = [station.flow(logs(60), id=f"long{number}") for number in range(3)]
    station.clock.forward(hours=1)
    for _ in range(10):
        executor.tick(station.clock.now)
    assert station.state(sleeper) == "SUCCESS"
    assert {station.state(id) for id in long} == {"RUNNING"}


def test_the_templates_of_one_task_have_one_budget(station: Station):
    heavy = "{% for i in 1..100000 %}{% set a = i %}{% endfor %}"
    id = ran(station, f"  - {{id: a, type: {LOG}, message: ['{heavy}', '{heavy} ', '{heavy}  ', '{heavy}   ', '{heavy}    ']}}\n")
    assert (station.state(id), station.log(id, "ERROR")) == ("FAILED", [ANY])
    assert "too much work" in station.log(id, "ERROR")[0]


def test_the_inputs_of_one_start_have_one_budget(station: Station):
    heavy = "{% for i in 1..100000 %}{% set a = i %}{% endfor %}x"
    inputs = "".join(f"  - {{id: i{number}, type: STRING, defaults: '{heavy}{number}'}}\n" for number in range(20))
    with pytest.raises(Invalid, match="too much work"):
        station.flow(logs(1), head=f"inputs:\n{inputs}")


def test_what_a_push_starts_has_a_tenth_of_the_work(station: Station):
    some = "{% for i in 1..20000 %}{% set a = i %}{% set b = i %}{% set c = i %}{% endfor %}x"
    head = f"inputs:\n  - {{id: i, type: STRING, defaults: '{some}'}}\ntriggers:\n  - {{id: p, type: headgate.git.Push}}\n"
    id = station.flow(logs(1), head=head)
    station.tick()
    assert station.state(id) == "SUCCESS"
    caused = next(row.execution.id for row in station.every() if row.execution.id != id)
    assert (station.state(caused), ["too much work" in line for line in station.log(caused)]) == ("FAILED", [True])


def test_a_loop_without_a_limit_takes_turns_with_others(station: Station):
    number = 4 * INLINE_BUDGET
    loop = (
        f"  - id: l\n    type: io.kestra.plugin.core.flow.ForEach\n    values: '{{{{ range(1, {number}) }}}}'\n    concurrencyLimit: 0\n"
        f"    tasks: [{{id: a, type: {RETURN}, format: '{{{{ taskrun.value }}}}'}}, {{id: b, type: {RETURN}, format: x}}]\n"
    )
    wide = station.flow(loop, id="wide")
    station.executor.tick(station.clock.now)
    short = station.flow(logs(1), id="short")
    station.executor.tick(station.clock.now)
    assert (station.state(wide), station.state(short)) == ("RUNNING", "SUCCESS")
    stopped = station.start("t", "wide")
    station.executor.tick(station.clock.now)
    station.database.write(lambda session: executions.kill(session, stopped, "ann"))
    for _ in range(2):
        station.executor.tick(station.clock.now)
    assert (station.state(wide), station.state(stopped)) == ("RUNNING", "KILLED")
    station.tick()
    with station.database.read() as session:
        given = [run.outputs for run in task_runs.runs(session, wide) if run.node == "a"]
        assert events.waiting(session, station.clock.now.timestamp(), 9) == ()
    assert (station.state(wide), given) == ("SUCCESS", [{"value": str(at)} for at in range(1, number + 1)])


def test_what_an_older_version_has_left_for_the_next_batch_is_run(station: Station):
    id = ran(station, f"{NAP}{logs(1)}")
    run = station.runs(id)["nap"].id
    station.database.write(lambda session: session.exec_driver_sql("DELETE FROM timer"))
    station.database.write(lambda session: events.add(session, id, run, Due("inline")))
    station.tick()
    with station.database.read() as session:
        due = events.next_due(session, station.clock.now.timestamp())
    assert due == station.clock.now.timestamp() + 3600, "the nap has begun again"


def test_a_service_that_dies_in_the_middle_goes_on_where_it_was(station: Station):
    id = station.flow(logs(INLINE_BUDGET + 50))
    station.executor.tick(station.clock.now)
    # A second batch is worked out and dies before it is stored.
    with station.database.read() as session:
        from service.actions.steps import Batch  # noqa: PLC0415 - half a tick, here alone

        batch = Batch(station.kit, session, station.clock.now, Kept())
        for entry in events.waiting(session, station.clock.now.timestamp(), 100):
            batch.hear(entry)
    station.close()
    with station_at(station.folder, station.helper) as second:
        second.tick()
        assert second.state(id) == "SUCCESS"
        assert second.log(id) == [f"line {number}" for number in range(INLINE_BUDGET + 50)]


def test_a_batch_that_somebody_overtook_stores_nothing(station: Station):
    from service.actions.steps import Batch  # noqa: PLC0415 - as above

    id = station.flow(logs(3))
    with station.database.read() as session:
        first, second = (Batch(station.kit, session, station.clock.now, Kept()) for _ in range(2))
        for entry in events.waiting(session, station.clock.now.timestamp(), 100):
            first.hear(entry)
            second.hear(entry)
    station.database.write(first.store)
    with pytest.raises(Exception, match="changed by somebody else"):
        station.database.write(second.store)
    assert (station.state(id), station.log(id)) == ("SUCCESS", ["line 0", "line 1", "line 2"])


# bad events


def test_an_event_that_can_not_be_dealt_with_is_set_aside_and_the_others_go_on(station: Station):
    good = [station.flow(logs(1), id=f"f{number}") for number in range(2)]
    bad = station.flow("  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}\n", id="bad")
    station.tick()
    more = station.start("t", "f0")
    station.database.write(lambda session: events.add(session, bad, None, OfAnotherVersion()))
    last = station.start("t", "f1")
    station.tick()
    assert [station.state(id) for id in (*good, more, last, bad)] == ["SUCCESS"] * 4 + ["RUNNING"]
    # It is tried again later, and costs nothing until then.
    assert station.executor.tick(station.clock.now) > 50
    with station.database.read() as session:
        assert [one.failures for one in events.waiting(session, station.clock.forward(minutes=2).timestamp(), 9)] == [1]


def test_an_event_that_never_can_be_dealt_with_ends_its_execution_and_says_so(station: Station):
    id = station.flow(f"  - {{id: a, type: {LOG}, message: hi}}\n")
    with station.database.read() as session:
        (began,) = events.waiting(session, station.clock.now.timestamp(), 10)
    station.database.write(lambda session: session.exec_driver_sql("UPDATE event SET kind = 'Sneezed' WHERE id = ?", (began.id,)))
    other = station.flow(f"  - {{id: a, type: {LOG}, message: hi}}\n", id="other")
    for _ in range(events.FAILURES):
        station.tick()
        assert station.state(other) == "SUCCESS"
        station.clock.forward(minutes=10)
    assert (station.state(id), station.log(id)) == (
        "FAILED",
        ["a fault of Headgate's own ended this execution; the service's log has the error. It can be started again."],
    )


def test_a_set_aside_event_holds_back_the_later_ones_of_its_execution(station: Station):
    id = station.flow(f"  - {{id: a, type: {LOG}, message: hi}}\n")
    now = station.clock.now.timestamp()
    with station.database.read() as session:
        (began,) = events.waiting(session, now, 10)
    station.database.write(lambda session: events.put_off(session, began, now + 60))
    station.database.write(lambda session: events.add(session, id, None, Due("x")))
    with station.database.read() as session:
        assert events.waiting(session, now, 10) == ()
        assert len(events.waiting(session, now + 61, 10)) == 2


def test_the_executor_sleeps_until_an_execution_is_released(station: Station):
    ids = [station.flow(NAP, id=name) for name in ("f", "g")]
    station.tick()
    now = station.clock.now.timestamp()
    for id, minutes in ((ids[0], (1, 3)), (ids[1], (2,))):
        for minute in minutes:
            number = station.database.write(partial(events.add, execution=id, task_run=None, event=Killed("ann")))
            entry = Waiting(number, id, None, Killed("ann"))
            station.database.write(partial(events.put_off, entry=entry, until=now + 60 * minute))
        station.database.write(partial(events.add, execution=id, task_run=None, event=Killed("bob")))
    # Of one execution the last counts, of several the first; what waits behind them wakes nobody.
    assert [station.executor.tick(station.clock.now) for _ in range(3)] == [120.0] * 3
    for states in (["RUNNING", "RUNNING"], ["RUNNING", "KILLED"], ["KILLED", "KILLED"]):
        station.clock.forward(minutes=1)
        station.tick()
        assert [station.state(id) for id in ids] == states


@contextmanager
def unreadable(station: Station, kind: str, id: str) -> Iterator[None]:
    """A fault of ours that passes: for a while nobody can read an execution's events of one kind."""

    def named(old: str, new: str) -> None:
        station.database.write(lambda session: session.exec_driver_sql("UPDATE event SET kind = ? WHERE kind = ? AND execution_id = ?", (new, old, id)))

    named(kind, "Sneezed")
    yield
    named("Sneezed", kind)


def test_what_came_after_an_event_that_is_set_aside_is_heard_after_it(station: Station):
    other, id = station.flow(logs(1), id="other"), station.flow(NAP)
    for execution in (other, id):
        station.database.write(partial(executions.kill, id=execution, by="ann"))
    with unreadable(station, "Began", id):
        station.tick()
        assert (station.state(other), station.state(id), station.log(id)) == ("SUCCESS", "CREATED", [])
    station.clock.forward(minutes=2)
    station.tick()
    assert (station.state(id), station.states(id)) == ("KILLED", {"nap": "KILLED"})


def test_a_timer_is_not_heard_before_an_event_that_is_set_aside(station: Station):
    id = ran(station, f"  - {{id: nap, type: {SLEEP}, duration: PT10S}}\n{logs(1)}")
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.clock.forward(seconds=20)
    with unreadable(station, "Killed", id):
        station.tick()
        assert (station.state(id), station.states(id)) == ("RUNNING", {"nap": "RUNNING"})
    station.clock.forward(minutes=2)
    station.tick()
    # Nothing of it has begun because the kill came late.
    assert (station.state(id), station.states(id)) == ("KILLED", {"nap": "KILLED"})


def test_an_execution_that_can_not_even_be_ended_stops_no_other(station: Station):
    bad = station.flow(logs(1), id="bad")
    station.database.write(lambda session: session.exec_driver_sql("UPDATE execution SET history = 'no JSON' WHERE id = ?", (bad,)))
    for _ in range(events.FAILURES + 2):
        good = station.flow(logs(1), id="good")
        station.tick()
        assert station.state(good) == "SUCCESS"
        assert station.executor.tick(station.clock.now) > 0
        station.clock.forward(minutes=10)


def test_events_for_what_is_gone_or_over_are_forgotten(station: Station):
    id = ran(station, logs(1))
    run = station.runs(id)["t0"].id
    for execution, task_run in (("nobody", None), ("nobody", "nothing"), (id, run), (id, "nothing")):
        station.database.write(partial(events.add, execution=execution, task_run=task_run, event=Ended(1, State.FAILED)))
    station.tick()
    with station.database.read() as session:
        assert events.waiting(session, station.clock.forward(days=1).timestamp(), 9) == ()
    assert station.state(id) == "SUCCESS"


def test_a_revision_that_can_not_be_read_any_more_ends_its_executions_and_says_why(station: Station):
    id = ran(station, "  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}\n")
    station.database.write(lambda session: session.exec_driver_sql("UPDATE revision SET source = 'tasks: []', blob = 'other'"))
    station.close()
    with station_at(station.folder, station.helper) as newer:
        newer.clock.now = station.clock.forward(hours=2)
        newer.tick()
        assert (newer.state(id), newer.states(id)) == ("FAILED", {"nap": "FAILED"})
        assert "can't read the flow's revision" in newer.log(id, "ERROR")[0]


# starting


def test_one_reason_starts_one_execution(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{logs(1)}"})
    ids = {station.start("t", "f", once="delivery 1") for _ in range(3)}
    assert (len(ids), len(station.every())) == (3, 1)


def test_an_execution_stays_with_its_revision(station: Station):
    nap = "  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}\n"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{nap}{logs(1, 'old')}"})
    id = station.start("t", "f")
    station.tick()
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{logs(1, 'new')}"})
    station.clock.forward(hours=2)
    station.tick()
    assert (station.log(id), station.execution(id).execution.revision) == (["old"], 1)
    old = station.start("t", "f", revision=1)
    station.clock.forward(hours=2)
    station.tick()
    station.clock.forward(hours=2)
    station.tick()
    assert station.log(old) == ["old"]


def test_what_can_not_be_started_says_why(station: Station):
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ninputs: [{{id: n, type: INT}}]\ntasks:\n{logs(1)}"})
    station.push({".flows/g.yml": f"id: g\nnamespace: t\ndisabled: true\ntasks:\n{logs(1)}"})
    for problem, order in (
        (NotFound, Order(ENVIRONMENT, "t", "nobody", {}, {})),
        (NotFound, Order("elsewhere", "t", "f", {}, {})),
        (NotFound, Order(ENVIRONMENT, "t", "f", {"n": 1}, {}, revision=9)),
        (Conflict, Order(ENVIRONMENT, "t", "g", {}, {})),
        (Invalid, Order(ENVIRONMENT, "t", "f", {}, {})),
        (Invalid, Order(ENVIRONMENT, "t", "f", {"n": "x"}, {})),
    ):
        with pytest.raises(problem), station.database.read() as session:
            executions.prepare(session, station.kit, order, station.clock.now)


def test_what_a_person_sends_is_never_taken_for_a_template(station: Station):
    task = f"{{id: a, type: {RETURN}, format: '{{{{ inputs.x }}}}'}}"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ninputs: [{{id: x, type: STRING}}]\ntasks: [{task}]\n"})
    id = station.start("t", "f", {"x": "{{ 1 + 1 }} {{ secret('X') }}", "other": 1})
    station.tick()
    assert value(station, id) == "{{ 1 + 1 }} {{ secret('X') }}"
    assert station.log(id, "WARN") == ["input `other` is not one of this flow's inputs and is ignored"]


def test_an_id_may_be_shortened_while_it_is_clear(station: Station):
    ids = [ran(station, logs(1)) for _ in range(2)]
    with station.database.read() as session:
        assert executions.get(session, ids[0]).execution.id == ids[0]
        assert executions.get(session, ids[0][:20]).execution.id == ids[0]
        common = next(number for number in range(22) if ids[0][number] != ids[1][number])
        with pytest.raises(Conflict, match="give more of it"):
            executions.get(session, ids[0][: max(4, common)])
        for wrong in ("abc", "%%%%", "____", "zzzz", "", ids[0] + "x"):
            with pytest.raises(NotFound):
                executions.get(session, wrong)
