"""Tasks that the service does itself, outside of the executor: what comes of them, and what a crash, a stop or a long time do."""

from __future__ import annotations

import re
from functools import partial
from textwrap import indent
from threading import Event
from typing import Any

import pytest

from runners import ion
from service.actions import executions, serving
from service.loops.pool import Pool
from service.store import kv
from service.store.repositories import MAIN as ENVIRONMENT
from tests.loops.test_constructs import CORE
from tests.loops.test_executor import ran
from tests.support.station import RUNNER, Station

_SHORT = re.compile(r"type: (?=[a-z]+\.[A-Z])")


def tasks(text: str) -> str:
    """Tasks with short names of their types: `log.Log`, `execution.Count`."""
    return indent(_SHORT.sub(f"type: {CORE}.", text), "  ")


COUNT = "\n- {id: count, type: execution.Count}\n"


def served(station: Station, text: str, **flow: str) -> str:
    """A flow whose server tasks have been done."""
    id = station.flow(tasks(text), **flow)
    station.serve()
    return id


def outputs(station: Station, id: str, task: str) -> Any:
    return dict(station.runs(id)[task].outputs or {})


def attempts(station: Station, id: str, task: str) -> list[str]:
    return [attempt.state.value for attempt in station.runs(id)[task].attempts]


def file_of(station: Station, uri: str) -> bytes:
    with station.kit.storage.open(uri) as content:
        return content.read()


# how they are done


def test_a_server_task_waits_for_the_pool_and_holds_up_nobody(station: Station):
    id = ran(station, tasks("\n- id: p\n  type: flow.Parallel\n  tasks:\n    - {id: count, type: execution.Count}\n    - {id: b, type: log.Log, message: b}\n"))
    assert station.states(id) == {"p": "RUNNING", "count": "CREATED", "b": "SUCCESS"}
    station.serve()
    assert (station.state(id), station.states(id)["count"]) == ("SUCCESS", "SUCCESS")
    assert station.runs(id)["count"].attempt.runner == serving.SERVICE


def test_no_runner_is_given_a_server_task(station: Station):
    ran(station, tasks(COUNT))
    assert station.dispatch.try_claim(RUNNER) is None


def test_what_a_service_was_doing_when_it_died_is_done_again_by_the_next_one(station: Station):
    id = ran(station, tasks(COUNT))
    assert station.database.write(serving.claim) is not None
    station.tick()
    assert station.states(id) == {"count": "RUNNING"}
    assert station.database.write(serving.recover) == 1
    station.serve()
    assert (station.state(id), attempts(station, id, "count")) == ("SUCCESS", ["FAILED", "SUCCESS"])
    assert "Attempt 1 is lost: the service ended while it did this" in station.log(id)


def test_what_takes_the_service_down_each_time_is_not_done_for_ever(station: Station):
    id = ran(station, tasks(COUNT))
    for _ in range(3):
        assert station.database.write(serving.claim) is not None
        station.tick()
        station.database.write(serving.recover)
        station.tick()
    assert (station.state(id), attempts(station, id, "count")) == ("FAILED", ["FAILED"] * 3)
    assert station.database.write(serving.claim) is None


def test_a_service_that_is_shut_down_hands_its_tasks_back(station: Station):
    id = ran(station, tasks(COUNT))
    job, ending = station.database.write(serving.claim), Event()
    ending.set()
    assert job is not None
    serving.serve(station.kit, job, ending)
    station.serve()
    assert (station.state(id), attempts(station, id, "count")) == ("SUCCESS", ["FAILED", "SUCCESS"])
    assert "Attempt 1 was handed back: the service was shut down before the task ended" in station.log(id)


def test_a_killed_execution_ends_once_its_server_task_has_stopped(station: Station):
    id = ran(station, tasks(COUNT))
    job = station.database.write(serving.claim)
    station.tick()
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert (job is not None, station.state(id)) == (True, "KILLING")
    assert job is not None
    serving.serve(station.kit, job, Event())
    station.tick()
    assert (station.state(id), station.states(id)) == ("KILLED", {"count": "KILLED"})


def test_a_server_task_over_its_time_fails_and_is_tried_again_as_any_failure(station: Station):
    id = served(station, "\n- {id: count, type: execution.Count, timeout: PT0.000001S, retry: {type: constant, interval: PT1M, maxAttempts: 2}}\n")
    station.clock.forward(minutes=1)
    station.serve()
    assert (station.state(id), attempts(station, id, "count")) == ("FAILED", ["FAILED", "FAILED"])
    assert station.log(id, "ERROR") == ["the task timed out after PT0.000001S"]


def test_a_result_of_an_attempt_that_is_over_is_dropped(station: Station):
    id = ran(station, tasks(COUNT))
    job = station.database.write(serving.claim)
    assert job is not None
    station.database.write(serving.recover)
    serving.serve(station.kit, job, Event())
    station.tick()
    assert attempts(station, id, "count") == ["FAILED", "CREATED"]


def test_a_template_that_fails_fails_the_task_with_its_place(station: Station):
    id = served(station, "\n- {id: count, type: execution.Count, startDate: '{{ fromJson(\"no\") }}'}\n")
    (said,) = station.log(id, "ERROR")
    assert (station.state(id), said.startswith(".flows/f.yml:")) == ("FAILED", True)


def test_the_pool_does_what_waits_and_ends(station: Station):
    pool = Pool(station.kit)
    ids = [ran(station, tasks(COUNT)), station.start("t", "f"), station.start("t", "f")]
    station.tick()
    try:
        for _ in range(200):
            pool.tick(station.clock.now)
            station.tick()
            if all(station.state(id) == "SUCCESS" for id in ids):
                break
            Event().wait(0.02)
    finally:
        pool.close()
    assert [station.state(id) for id in ids] == ["SUCCESS"] * 3


# Count and Resume


def test_executions_are_counted_by_flow(station: Station):
    for name in ("one", "two"):
        station.flow(tasks("\n- {id: a, type: log.Log, message: x}\n"), id=name)
    station.start("t", "two")
    id = served(
        station,
        """
- {id: all, type: execution.Count, states: [SUCCESS]}
- {id: chosen, type: execution.Count, expression: "{{ count == 0 }}", flows: [{namespace: t, flowId: one}, {namespace: t, flowId: never}]}
- {id: late, type: execution.Count, startDate: "{{ now() | dateAdd(1, 'DAYS') }}"}
""",
    )
    assert outputs(station, id, "all") == {
        "results": [{"namespace": "t", "flowId": "one", "count": 1}, {"namespace": "t", "flowId": "two", "count": 2}],
        "total": 3,
    }
    assert outputs(station, id, "chosen") == {"results": [{"namespace": "t", "flowId": "never", "count": 0}], "total": 0}
    assert outputs(station, id, "late") == {"results": [], "total": 0}


PAUSED = """
- id: wait
  type: flow.Pause
  onResume: [{id: reason, type: STRING}]
- {id: told, type: debug.Return, format: "{{ outputs.wait.onResume.reason }}"}
"""


def test_a_task_resumes_another_execution_with_what_it_asks_for(station: Station):
    paused = ran(station, tasks(PAUSED), id="waits")
    resume = f"\n- {{id: go, type: execution.Resume, executionId: {paused}, inputs: {{reason: 'since {{{{ flow.id }}}} says so'}}}}\n"
    id = served(station, resume)
    assert (station.state(id), station.state(paused)) == ("SUCCESS", "SUCCESS")
    assert outputs(station, paused, "told") == {"value": "since f says so"}


def test_a_branch_resumes_the_pause_beside_it(station: Station):
    id = served(station, "\n- id: p\n  type: flow.Parallel\n  tasks:\n    - {id: wait, type: flow.Pause}\n    - {id: go, type: execution.Resume}\n")
    assert (station.state(id), station.states(id)) == ("SUCCESS", {"p": "SUCCESS", "wait": "SUCCESS", "go": "SUCCESS"})


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("executionId: nobody0000", "there is no execution `nobody0000`"),
        ("executionId: '{{ \"\" }}'", "`executionId` renders to nothing"),
        ("executionId: ID", "reason"),
        ("executionId: ID, inputs: {reason: x}, flowId: other", "there is no execution `ID` that may be resumed from here"),
    ],
)
def test_what_can_not_be_resumed_fails_the_task(station: Station, properties: str, said: str):
    paused = ran(station, tasks(PAUSED), id="waits")
    id = served(station, f"\n- {{id: go, type: execution.Resume, {properties.replace('ID', paused)}}}\n")
    assert (station.state(id), station.state(paused)) == ("FAILED", "PAUSED")
    assert said.replace("ID", paused) in station.log(id, "ERROR")[0]


def test_what_waits_for_nobody_is_not_resumed_twice(station: Station):
    paused = ran(station, tasks(PAUSED), id="waits")
    go = f"\n- {{id: go, type: execution.Resume, executionId: {paused}, inputs: {{reason: x}}}}\n"
    assert [station.state(served(station, go)) for _ in range(2)] == ["SUCCESS", "FAILED"]


# purging


def old(station: Station, number: int = 3) -> list[str]:
    """Executions that have ended, with a log, a metric and a file each."""
    made = tasks(
        "\n- {id: a, type: log.Log, message: [one, two]}\n- {id: m, type: metric.Publish, metrics: [{type: counter, name: n, value: 1}]}\n"
        "- {id: file, type: log.Fetch}\n"
    )
    ids = [station.flow(made, id="old"), *(station.start("t", "old") for _ in range(number - 1))]
    station.serve()
    assert {station.state(id) for id in ids} == {"SUCCESS"}
    return ids


def left(station: Station, table: str) -> int:
    with station.database.read() as session:
        return int(session.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)


def test_old_executions_go_with_all_that_they_have_left(station: Station):
    ids = old(station)
    station.clock.forward(hours=1)
    running = ran(station, tasks("\n- {id: nap, type: flow.Sleep, duration: PT1H}\n"), id="runs")
    purge = "\n- {id: purge, type: execution.PurgeExecutions, endDate: '2026-03-02T14:00:00Z', batchSize: 2}\n"
    uri = outputs(station, ids[0], "file")["uri"]
    id = served(station, purge)
    assert outputs(station, id, "purge") == {"executionsCount": 3, "logsCount": 6, "metricsCount": 3, "storagesCount": 3}
    assert {row.execution.id for row in station.every()} == {id, running}
    assert [left(station, table) for table in ("taskrun", "metric", "job")] == [2, 0, 1]
    with pytest.raises(Exception, match="there is no file"):
        file_of(station, uri)
    assert outputs(station, served(station, purge), "purge")["executionsCount"] == 1  # the one that has purged the others


@pytest.mark.parametrize(
    ("more", "executions_left", "counts"),
    [
        ("flowId: other, namespace: t", 3, [0, 0, 0, 0]),
        ("namespace: t.below", 3, [0, 0, 0, 0]),
        ("states: [FAILED]", 3, [0, 0, 0, 0]),
        ("startDate: '2026-03-02T12:30:00Z'", 3, [0, 0, 0, 0]),
        ("endDate: '2026-03-02T12:00:00Z'", 3, [0, 0, 0, 0]),
        ("purgeExecution: false", 3, [0, 6, 3, 3]),
        ("purgeExecution: false, purgeStorage: false, purgeMetric: '{{ false }}'", 3, [0, 6, 0, 0]),
        ("purgeMetric: false, namespace: t, flowId: old, states: [SUCCESS]", 0, [3, 6, 0, 3]),
    ],
)
def test_only_what_is_asked_for_is_purged(station: Station, more: str, executions_left: int, counts: list[int]):
    old(station)
    station.clock.forward(hours=1)
    end = "" if "endDate" in more else "endDate: '2026-03-02T12:30:00Z', "
    id = served(station, f"\n- {{id: purge, type: execution.PurgeExecutions, {end}{more}}}\n")
    found = outputs(station, id, "purge")
    assert ([found[f"{name}Count"] for name in ("executions", "logs", "metrics", "storages")], len(station.every()) - 1) == (counts, executions_left)


def test_another_repositorys_executions_stay(station: Station):
    station.push({".flows/x.yml": f"id: x\nnamespace: theirs\ntasks:\n{tasks(chr(10) + '- {id: a, type: log.Log, message: x}' + chr(10))}"}, name="other")
    theirs = station.start("theirs", "x")
    station.tick()
    station.clock.forward(hours=1)
    id = served(
        station,
        """
- {id: all, type: execution.PurgeExecutions, endDate: "{{ now() }}"}
- {id: named, type: execution.PurgeExecutions, endDate: "{{ now() }}", namespace: theirs}
""",
    )
    assert outputs(station, id, "all")["executionsCount"] == 0
    assert station.state(theirs) == "SUCCESS"
    assert station.log(id, "ERROR") == ["the namespace `theirs` belongs to another repository; nothing of it is taken away from here"]


def test_log_entries_go_by_their_level_and_their_time(station: Station):
    noisy = station.flow(tasks("\n- {id: a, type: log.Log, message: low, level: DEBUG}\n- {id: b, type: log.Log, message: high, level: ERROR}\n"), id="noisy")
    station.tick()
    station.clock.forward(hours=1)
    by_level = "\n- {id: purge, type: log.PurgeLogs, endDate: '{{ now() }}', logLevels: [DEBUG, INFO]}\n"
    assert outputs(station, served(station, by_level), "purge") == {"count": 1}
    assert station.log(noisy) == ["high"]
    early = "\n- {id: purge, type: log.PurgeLogs, endDate: '2026-03-01T00:00:00Z'}\n"
    assert outputs(station, served(station, early), "purge") == {"count": 0}
    every = "\n- {id: purge, type: log.PurgeLogs, endDate: '2026-03-02T12:30:00Z', namespace: t, flowId: noisy}\n"
    assert (outputs(station, served(station, every), "purge"), station.log(noisy)) == ({"count": 1}, [])


def test_keys_go_whose_time_is_over_or_all_of_some_namespaces(station: Station):
    at = station.clock.now.timestamp()
    for namespace, key, ends in (("t", "a", at + 1), ("t", "b", None), ("t.x", "c", at + 1), ("u", "d", None)):
        station.database.write(partial(kv.put, environment=ENVIRONMENT, namespace=namespace, key=key, value=1, at=at, expires_at=ends))
    expired = "\n- {id: purge, type: kv.PurgeKV}\n"
    assert outputs(station, served(station, expired), "purge") == {"size": 2}
    all_of = "\n- {id: purge, type: kv.PurgeKV, namespaces: ['t*'], keyPattern: 'b*', behavior: {type: key, expiredOnly: false}}\n"
    assert outputs(station, served(station, all_of), "purge") == {"size": 1}
    assert outputs(station, served(station, "\n- {id: purge, type: kv.PurgeKV, behavior: {type: version, keepAmount: 1}}\n"), "purge") == {"size": 0}
    assert left(station, "key_value") == 1


# files


def test_a_log_is_fetched_as_rows(station: Station):
    id = served(
        station,
        """
- {id: a, type: log.Log, message: quiet, level: DEBUG}
- {id: b, type: log.Log, message: loud}
- {id: c, type: log.Log, message: other}
- {id: all, type: log.Fetch}
- {id: some, type: log.Fetch, tasksId: [a, b], level: DEBUG}
""",
    )
    fetched = outputs(station, id, "some")
    found = list(ion.rows(file_of(station, fetched["uri"]).decode()))
    assert (fetched["size"], outputs(station, id, "all")["size"]) == (2, 2)
    assert [(row["taskId"], row["level"], row["message"], row["executionId"]) for row in found] == [("a", "DEBUG", "quiet", id), ("b", "INFO", "loud", id)]


def test_an_execution_takes_its_own_files_away(station: Station):
    id = served(station, "\n- {id: made, type: log.Fetch}\n- {id: purge, type: storage.PurgeCurrentExecutionFiles}\n")
    assert outputs(station, id, "purge") == {"uris": [outputs(station, id, "made")["uri"]]}
    with pytest.raises(Exception, match="there is no file"):
        file_of(station, outputs(station, id, "made")["uri"])
