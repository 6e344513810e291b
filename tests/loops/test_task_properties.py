"""What every task may say beside what it does: its time, outputs that are kept, a log that is a file, and what becomes of it when it is lost; and tasks that
end their execution, publish numbers, or are made when they are reached."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from runners.protocol import LogLine, Metric, Outcome, Result
from service.store import caches, logs, metrics
from service.store.executions import OUTPUT_LIMIT
from tests.loops.test_executor import ran
from tests.loops.test_serving import file_of, left, outputs, served, tasks
from tests.support.station import RUNNER, Station

SHELL = "io.kestra.plugin.scripts.shell.Commands"
JOB = f"\n- {{id: job, type: {SHELL}, commands: [x], %s}}\n"


def claimed(station: Station) -> Any:
    """A runner takes the next job."""
    job = station.dispatch.try_claim(RUNNER)
    station.tick()
    return job


def finish(station: Station, job: Any, outcome: Outcome) -> None:
    station.dispatch.finish(job.lease, outcome)
    station.tick()


def line(station: Station, number: int, text: str) -> LogLine:
    return LogLine(number, station.clock.now, "INFO", text)


# Exit


@pytest.mark.parametrize(
    ("written", "state"), [("SUCCESS", "SUCCESS"), ("WARNING", "WARNING"), ("FAILED", "FAILED"), ("CANCELED", "CANCELLED"), ("KILLED", "KILLED")]
)
def test_an_exit_ends_the_execution_and_the_groups_around_it(station: Station, written: str, state: str):
    id = ran(
        station,
        tasks(f"""
- id: if
  type: flow.If
  condition: "{{{{ true }}}}"
  then:
    - {{id: exit, type: execution.Exit, state: "{{{{ '{written}' }}}}"}}
    - {{id: never, type: log.Log, message: x}}
- {{id: neither, type: log.Log, message: x}}
"""),
        head="",
    )
    assert (station.state(id), station.states(id)) == (state, {"if": state, "exit": state})


def test_an_exit_stops_what_runs_beside_it_and_does_no_errors_and_no_finally(station: Station):
    text = tasks(f"""
- id: p
  type: flow.Parallel
  tasks:
    - {{id: job, type: {SHELL}, commands: [x]}}
    - {{id: nap, type: flow.Sleep, duration: PT1S}}
    - id: s
      type: flow.Sequential
      tasks:
        - {{id: wait, type: flow.Pause, pauseDuration: PT1M}}
        - {{id: exit, type: execution.Exit, state: FAILED}}
""")
    handlers = "".join(f"{name}:\n{tasks(f'{chr(10)}- {{id: {name[:3]}, type: log.Log, message: x}}{chr(10)}')}" for name in ("errors", "finally"))
    id = station.flow(text + handlers)
    station.tick()
    job = claimed(station)
    station.clock.forward(minutes=1)
    station.tick()
    assert station.state(id) == "FAILED"
    assert station.states(id) == {"p": "FAILED", "job": "KILLED", "nap": "SUCCESS", "s": "FAILED", "wait": "SUCCESS", "exit": "FAILED"}
    assert [order.value for order in station.dispatch.beat_now(RUNNER.id, (job.lease,)).values() if order] == ["stop"]
    finish(station, job, Outcome(Result.SUCCESS))
    assert station.states(id)["job"] == "KILLED"


def test_an_exit_in_no_state_fails(station: Station):
    id = ran(station, tasks("\n- {id: exit, type: execution.Exit, state: \"{{ 'RUNNING' }}\"}\n"))
    assert station.log(id, "ERROR") == ["`state` is `RUNNING`; it must be one of SUCCESS, WARNING, KILLED, FAILED, CANCELLED"]


# tasks that are made when they are reached


def templated(spec: str, more: str = "") -> str:
    return f"\n- id: made\n  type: templating.TemplatedTask{more}\n  spec: |\n" + "".join(f"    {part}\n" for part in spec.splitlines())


def test_a_rendered_task_is_done_in_the_place_of_the_one_that_renders_it(station: Station):
    id = ran(station, tasks(templated('id: x\ntype: io.kestra.plugin.core.debug.Return\nformat: "{{ flow.id }} {% raw %}{{ task.id }}{% endraw %}"')))
    assert (station.state(id), outputs(station, id, "made")) == ("SUCCESS", {"value": "f made"})


def test_a_rendered_task_of_a_runner_is_a_job_and_is_rendered_for_each_attempt(station: Station):
    id = ran(
        station,
        tasks(
            templated(
                f"id: x\ntype: {SHELL}\ncommands: ['echo {{{{ taskrun.attemptsCount }}}}']", "\n  retry: {type: constant, interval: PT1M, maxAttempts: 2}"
            )
        ),
    )
    job = claimed(station)
    assert (job.type, job.spec["commands"], station.states(id)) == (SHELL, ["echo 0"], {"made": "RUNNING"})
    assert station.runs(id)["made"].attempt.runner == RUNNER.id
    finish(station, job, Outcome.failed("no"))
    station.clock.forward(minutes=1)
    station.tick()
    job = claimed(station)
    assert job.spec["commands"] == ["echo 1"]
    station.dispatch.finish(job.lease, Outcome(Result.LOST, "gone"))
    station.tick()
    finish(station, claimed(station), Outcome(Result.SUCCESS, outputs={"vars": {"a": 1}}))
    assert (station.state(id), outputs(station, id, "made")) == ("SUCCESS", {"vars": {"a": 1}})


def test_a_rendered_server_task_is_done_by_the_pool(station: Station):
    id = served(station, templated("id: x\ntype: io.kestra.plugin.core.execution.Count"))
    assert (station.state(id), outputs(station, id, "made")) == ("SUCCESS", {"results": [{"namespace": "t", "flowId": "f", "count": 1}], "total": 1})


def test_a_rendered_task_that_waits_is_woken(station: Station):
    id = ran(station, tasks(templated("id: x\ntype: io.kestra.plugin.core.flow.Sleep\nduration: PT1M")))
    station.clock.forward(minutes=1)
    station.tick()
    assert station.state(id) == "SUCCESS"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("id: x\ntype: nobody.knows", "`spec` renders to no task that can be run: 2:7: unknown task type `nobody.knows`"),
        ("id: x\ntype: io.kestra.plugin.core.log.Log\nmesage: hi", "3:1: unknown property `mesage`"),
        ("[", "`spec` renders to no task that can be run: "),
        ("- a", "`spec` renders to no task that can be run: "),
        ("{{ '' }}", "`spec` renders to no task that can be run: "),
        ("id: x\ntype: io.kestra.plugin.core.templating.TemplatedTask\nspec: x", "it must be one that does something itself"),
        ("id: x\ntype: io.kestra.plugin.core.flow.Sequential\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]", "does something itself"),
        ("{{ range(1, 30000) | join('\\n') }}", "characters; the limit is 100,000"),
    ],
)
def test_a_text_that_is_no_task_fails_with_its_place(station: Station, spec: str, said: str):
    id = ran(station, tasks(templated(spec)))
    assert station.state(id) == "FAILED"
    assert said in station.log(id, "ERROR")[0]


def test_a_killed_execution_takes_its_rendered_job_along(station: Station):
    from service.actions import executions  # noqa: PLC0415

    id = ran(station, tasks(templated(f"id: x\ntype: {SHELL}\ncommands: [x]")))
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert (station.state(id), claimed(station)) == ("KILLED", None)


# numbers


def published(station: Station, id: str) -> list[tuple[str, str, str, float, dict[str, str]]]:
    with station.database.read() as session:
        found, _ = metrics.of_execution(session, id, task=None, task_run=None, limit=100, offset=0, newest_first=False)
    return [(one.task, one.name, one.type, one.value, dict(one.tags)) for one in found]


def test_numbers_of_tasks_and_of_runners_are_stored(station: Station):
    id = ran(
        station,
        tasks(
            "\n- id: m\n  type: metric.Publish\n  metrics:\n"
            "    - {type: counter, name: rows, value: '{{ 2 + 3 }}', tags: {table: '{{ flow.id }}'}}\n"
            "    - {type: timer, name: took, value: PT1.5S}\n    - {type: gauge, name: level, value: -0.5}\n"
            "- {id: a, type: execution.Assert, conditions: ['{{ true }}', '{{ false }}'], allowFailure: true}\n" + JOB.lstrip() % "description: x"
        ),
    )
    finish(station, claimed(station), Outcome(Result.SUCCESS, metrics=(Metric("said", "timer", 2.0, {"by": "script"}),)))
    assert (station.state(id), published(station, id)) == (
        "WARNING",
        [
            ("m", "rows", "counter", 5.0, {"table": "f"}),
            ("m", "took", "timer", 1500.0, {}),
            ("m", "level", "gauge", -0.5, {}),
            ("a", "success", "counter", 1.0, {}),
            ("a", "failed", "counter", 1.0, {}),
            ("job", "said", "timer", 2000.0, {"by": "script"}),
        ],
    )


def test_a_number_of_a_runner_that_can_not_be_stored_is_told(station: Station):
    id = ran(station, tasks(JOB % "description: x"))
    finish(station, claimed(station), Outcome(Result.SUCCESS, metrics=(Metric("n" * 300, "counter", 1.0), Metric("ok", "counter", 1.0))))
    assert (station.state(id), [one[1] for one in published(station, id)]) == ("SUCCESS", ["ok"])
    assert station.log(id) == [f"1 metrics are not stored: the name of the metric `{'n' * 60}…` is longer than 256 characters"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[{type: counter, name: a, value: many}]", "`metrics[0]`: `value` must be a number"),
        ("[{type: timer, name: a, value: PT1X}]", "`metrics[0]`: `value` is `PT1X`"),
        ("[{type: counter, name: a, value: '{{ null }}'}]", "`metrics[0]`: `value` must be a number"),
        ("[{type: gauge, name: '{{ \" \" }}', value: 1}]", "`metrics[0]` has no `name`"),
        ("[{type: '{{ \"sum\" }}', name: a, value: 1}]", "`metrics[0]`: `type` is `sum`"),
        ("'{{ 7 }}'", "`metrics` must be a list"),
        ("'{{ [1] }}'", "`metrics[0]` must be a map"),
    ],
)
def test_what_is_no_number_fails_the_task_and_publishes_nothing(station: Station, written: str, said: str):
    id = ran(station, tasks(f"\n- {{id: m, type: metric.Publish, metrics: {written}}}\n"))
    assert said in station.log(id, "ERROR")[0]
    assert published(station, id) == []


def test_too_many_and_too_large_numbers_fail_the_task(station: Station):
    many = "\n- {id: m, type: metric.Publish, metrics: '{{ vars.many }}'}\n"
    head = 'variables: {many: [{"type": "counter", "name": "a", "value": 1}]}\n'
    assert station.state(ran(station, tasks(many), head=head)) == "SUCCESS"
    long = f"\n- {{id: m, type: metric.Publish, metrics: [{{type: counter, name: {'n' * 300}, value: 1}}]}}\n"
    assert "is longer than 256 characters" in station.log(ran(station, tasks(long)), "ERROR")[0]
    wide = f"\n- {{id: m, type: metric.Publish, metrics: [{{type: counter, name: n, value: 1, tags: {{a: {'n' * 5_000}}}}}]}}\n"
    assert station.log(ran(station, tasks(wide)), "ERROR") == ["the tags of the metric `n` are more than 4,000 characters"]


# state


def test_a_state_outlives_its_execution_and_is_its_flows_own(station: Station):
    kept = """
- {id: set, type: state.Set, name: at, data: {n: 1, deep: {a: 1}}}
- {id: more, type: state.Set, name: at, data: {deep: {b: "{{ 2 }}"}}}
- {id: get, type: state.Get, name: at}
"""
    station.state(ran(station, tasks(kept), id="one"))
    id = ran(
        station,
        tasks("""
- {id: other, type: state.Get, name: at}
- {id: missing, type: state.Delete, name: at}
- {id: shared, type: state.Set, name: "a b", namespace: true, data: {x: 1}}
- id: loop
  type: flow.ForEach
  values: [u, v]
  tasks:
    - {id: each, type: state.Set, data: {"{{ taskrun.value }}": 1}}
- {id: gone, type: state.Delete, name: "a b", namespace: true, errorOnMissing: true}
- {id: again, type: state.Delete, name: "a b", namespace: true, errorOnMissing: true}
"""),
        id="two",
    )
    found = [outputs(station, id, task) for task in ("other", "missing", "each", "gone")]
    assert found[:2] == [{"count": 0, "data": {}}, {"deleted": False}]
    assert (found[2]["count"], found[3]) == (1, {"deleted": True})
    assert station.log(id, "ERROR") == ["there is no state `a b`, and `errorOnMissing` is true"]
    again = ran(station, tasks("\n- {id: get, type: state.Get, name: at}\n"), id="one")
    assert outputs(station, again, "get") == {"count": 2, "data": {"n": 1, "deep": {"a": 1, "b": 2}}}


# time


def test_a_task_that_waits_too_long_times_out_and_is_tried_again(station: Station):
    id = ran(
        station, tasks("\n- {id: nap, type: flow.Sleep, duration: PT1H, timeout: \"{{ 'PT1M' }}\", retry: {type: constant, interval: PT1S, maxAttempts: 2}}\n")
    )
    for _ in range(4):
        station.clock.forward(minutes=1)
        station.tick()
    assert (station.state(id), len(station.runs(id)["nap"].attempts)) == ("FAILED", 2)
    assert station.log(id, "ERROR") == ["the task timed out after PT1M"]


def test_a_task_that_is_done_in_time_is_not_timed_out(station: Station):
    id = ran(station, tasks("\n- {id: nap, type: flow.Sleep, duration: PT1M, timeout: PT1H}\n"))
    station.clock.forward(minutes=1)
    station.tick()
    assert station.state(id) == "SUCCESS"


def test_a_timeout_that_is_no_duration_fails_the_task_with_its_place(station: Station):
    id = ran(station, tasks("\n- {id: a, type: log.Log, message: x, timeout: \"{{ 'soon' }}\"}\n"))
    (said,) = station.log(id, "ERROR")
    assert said.startswith(".flows/f.yml:")
    assert "`timeout` is `soon`" in said


# outputs that are kept

CACHED = "taskCache: {enabled: true, ttl: PT1H}"
RETURN = '\n- {id: a, type: debug.Return, format: "{{ inputs.n }}", ' + CACHED + '}\n- {id: b, type: kv.Set, key: k, value: "{{ inputs.n }}"}\n'
INPUT = "inputs: [{id: n, type: INT, defaults: 1}]\n"
_KEPT = "Nothing was done: the outputs are those of an earlier run of the same task (taskCache)"


def test_outputs_of_an_inline_task_are_taken_over_until_their_time_is_over(station: Station):
    first = ran(station, tasks(RETURN), head=INPUT)
    second, other = station.start("t", "f"), station.start("t", "f", {"n": 2})
    station.tick()
    assert [_KEPT in station.log(id) for id in (first, second, other)] == [False, True, False]
    assert [outputs(station, id, "a")["value"] for id in (first, second, other)] == ["1", "1", "2"]
    station.clock.forward(hours=2)
    late = station.start("t", "f")
    station.tick()
    assert _KEPT not in station.log(late)


def test_what_is_taken_over_does_nothing(station: Station):
    set_key = "\n- {id: a, type: kv.Set, key: k, value: 1, overwrite: false, " + CACHED + "}\n"
    assert [station.state(ran(station, tasks(set_key))) for _ in range(2)] == ["SUCCESS", "SUCCESS"]


def test_a_failure_is_not_kept(station: Station):
    ids = [ran(station, tasks("\n- {id: a, type: execution.Fail, " + CACHED + "}\n")), station.start("t", "f")]
    station.tick()
    assert [station.state(id) for id in ids] == ["FAILED", "FAILED"]


def test_rounds_of_one_batch_take_over_from_each_other(station: Station):
    loop = "\n- id: loop\n  type: flow.ForEach\n  values: [u, v]\n  tasks: [{id: a, type: debug.Return, format: x, " + CACHED + "}]\n"
    assert station.log(ran(station, tasks(loop))).count(_KEPT) == 1


def test_outputs_of_a_job_are_taken_over_by_the_next_one_of_the_same_commit(station: Station):
    first = ran(station, tasks(JOB % (CACHED + ", env: {W: '{{ workingDir }}'}")))
    finish(station, claimed(station), Outcome(Result.WARNING, outputs={"vars": {"n": 1}}))
    second = station.start("t", "f")
    station.tick()
    assert claimed(station) is None
    assert ([station.state(id) for id in (first, second)], outputs(station, second, "job")) == (["WARNING", "SUCCESS"], {"vars": {"n": 1}})
    assert [attempt.state.value for attempt in station.runs(second)["job"].attempts] == ["SUCCESS"]
    third = ran(station, tasks(JOB % (CACHED + ", env: {W: '{{ workingDir }}'}") + "# another commit\n"))
    assert (claimed(station) is not None, station.state(third)) == (True, "RUNNING")


def test_a_job_that_failed_is_done_again(station: Station):
    ran(station, tasks(JOB % CACHED))
    finish(station, claimed(station), Outcome.failed("no"))
    station.start("t", "f")
    station.tick()
    assert claimed(station) is not None


def test_outputs_of_a_server_task_are_taken_over(station: Station):
    count = "\n- {id: count, type: execution.Count, " + CACHED + "}\n"
    ids = [served(station, count) for _ in range(2)]
    assert [outputs(station, id, "count")["total"] for id in ids] == [1, 1]
    assert _KEPT in station.log(ids[1])


def test_kept_outputs_whose_time_is_over_are_forgotten(station: Station):
    ran(station, tasks(RETURN), head=INPUT)
    at = (station.clock.now + timedelta(hours=2)).timestamp()
    assert station.database.write(lambda session: caches.forget(session, at, 10)) == 1
    assert left(station, "cached_outputs") == 0


# logs that are files


def test_the_log_of_a_task_becomes_a_file(station: Station):
    id = ran(station, tasks("\n- {id: a, type: log.Log, message: [one, two], logToFile: true}\n- {id: b, type: log.Log, message: three}\n"))
    uri = station.runs(id)["a"].attempt.log_file
    assert uri is not None
    assert (station.state(id), station.log(id), station.runs(id)["b"].attempt.log_file) == ("SUCCESS", ["three"], None)
    assert [text.split(" ", 1)[1] for text in file_of(station, uri).decode().splitlines()] == ["INFO one", "INFO two"]


def test_the_log_of_a_job_becomes_a_file_when_it_ends(station: Station):
    id = ran(station, tasks(JOB % "logToFile: true"))
    job = claimed(station)
    station.dispatch.log(job.lease, (line(station, 0, "one"), line(station, 1, "two")))
    assert station.log(id) == ["one", "two"]
    outcome = Outcome.failed("it failed")
    for _ in range(2):
        finish(station, job, outcome)
    uri = station.runs(id)["job"].attempt.log_file
    assert uri is not None
    assert file_of(station, uri).decode().splitlines()[1].endswith("INFO two")
    assert station.log(id) == ["it failed"]


def test_the_log_of_a_lost_attempt_stays_where_it_is(station: Station):
    id = ran(station, tasks(JOB % "logToFile: true"))
    job = claimed(station)
    station.dispatch.log(job.lease, (line(station, 0, "one"),))
    finish(station, job, Outcome(Result.LOST, "gone"))
    assert station.log(id)[0] == "one"


def test_each_task_logs_from_its_own_level_up(station: Station):
    id = served(station, "\n- {id: a, type: log.Log, message: x, logLevel: WARN}\n- {id: b, type: debug.Return, format: y, logLevel: DEBUG}\n")
    assert station.log(id) == ["y"]
    with station.database.read() as session:
        assert [entry.line.level for entry in logs.read(session, id)] == ["DEBUG"]


# work that is lost


def test_work_that_may_not_be_done_twice_fails_when_it_is_lost(station: Station):
    id = ran(station, tasks(JOB % "delivery: at_most_once, retry: {type: constant, interval: PT1S, maxAttempts: 3}"))
    finish(station, claimed(station), Outcome(Result.LOST, "runner r has been silent for 45 s"))
    assert (station.state(id), len(station.runs(id)["job"].attempts), claimed(station)) == ("FAILED", 1, None)
    assert station.log(id, "ERROR") == ["lost: runner r has been silent for 45 s; not done again, because its delivery is at_most_once"]


def test_work_is_done_at_least_once_where_nothing_is_said(station: Station):
    id = ran(station, tasks(JOB % "delivery: at_least_once"))
    finish(station, claimed(station), Outcome(Result.LOST, "gone"))
    finish(station, claimed(station), Outcome(Result.SUCCESS))
    assert station.state(id) == "SUCCESS"


# sizes


def test_outputs_that_are_too_large_fail_the_task_and_are_told(station: Station):
    id = ran(station, tasks(JOB % "description: x"))
    finish(station, claimed(station), Outcome(Result.SUCCESS, outputs={"vars": {"a": "x" * OUTPUT_LIMIT}}))
    size = len(json.dumps({"vars": {"a": "x" * OUTPUT_LIMIT}}, separators=(",", ":")))
    assert station.log(id, "ERROR") == [f"outputs are {size:,} bytes of JSON; the limit is 1,000,000"]
