"""Groups that share a folder as the service stores them: where their jobs go, what a lost runner costs, and what is left behind."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest

from runners.protocol import CACHE, Gone, Job, Order, Outcome, Rejected, Result
from service.actions import executions
from service.loops.reaper import Reaper
from service.store import jobs, repositories
from service.store.codec import now
from tests.loops.test_constructs import shown
from tests.loops.test_executor import ran, value
from tests.support.station import RUNNER, Station

OTHER = replace(RUNNER, id="runner-2", base="/srv/other")
SHELL = "io.kestra.plugin.scripts.shell.Commands"
CORE = "io.kestra.plugin.core"
FLOW = f"""
  - id: w
    type: {CORE}.flow.WorkingDirectory
    outputFiles: ["*.txt"]
    tasks:
      - {{id: a, type: {SHELL}, commands: ["in {{{{ workingDir }}}}"]}}
      - {{id: b, type: {CORE}.debug.Return, format: "{{{{ outputs.a.vars.n }}}}"}}
      - {{id: c, type: {SHELL}, commands: ["{{{{ outputs.b.value }}}}"]}}
    errors:
      - {{id: e, type: {SHELL}, commands: [echo]}}
  - {{id: z, type: {CORE}.debug.Return, format: "{{{{ outputs.w.outputFiles['x.txt'] }}}}"}}
"""


def claim(station: Station, runner=RUNNER) -> Job:
    """The job that comes up for a runner."""
    station.tick()
    job = station.dispatch.try_claim(runner)
    assert job is not None
    station.tick()
    return job


def begun(station: Station, tasks: str = FLOW, **flow: str) -> tuple[str, Job]:
    """An execution whose folder stands."""
    id = ran(station, tasks, **flow)
    held = claim(station)
    assert held.holds
    station.dispatch.ready(held.lease)
    return id, held


def end(station: Station, job: Job, result: Result = Result.SUCCESS, **outputs: object) -> None:
    station.dispatch.finish(job.lease, Outcome(result, outputs=outputs))
    station.tick()


def order(station: Station, job: Job) -> Order | None:
    """What the runner hears about a job."""
    return station.dispatch.beat_now(job_runner(station, job), (job.lease,))[job.lease.key]


def job_runner(station: Station, job: Job) -> str:
    with station.database.read() as session:
        found = jobs.get(session, job.lease.task_run, job.lease.attempt)
    return (found and found.runner) or RUNNER.id


def silent(station: Station) -> None:
    """All runners are silent for longer than a lease."""
    reaper, moment = Reaper(station.kit), now()
    for seconds in (0, 10, 20, 30, 40):
        reaper.tick(moment + timedelta(seconds=seconds))
    station.tick()


def test_all_of_a_group_is_done_in_one_folder_on_one_runner(station: Station):
    id, held = begun(station)
    a = claim(station)
    assert (a.folder, a.spec["commands"]) == (held.lease, [f"in {RUNNER.base}/{held.lease.directory}"])
    end(station, a, vars={"n": 7})
    assert station.dispatch.try_claim(OTHER) is None
    c = claim(station)
    assert (c.folder, c.spec["commands"]) == (held.lease, ["7"])
    assert order(station, held) is Order.GO_ON
    end(station, c)
    assert order(station, held) is Order.STOP
    end(station, held, outputFiles={"x.txt": "kestra:///x"})
    assert (station.state(id), value(station, id, "z")) == ("SUCCESS", "kestra:///x")
    assert shown(station, id) == {"w": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "z": "SUCCESS"}
    assert station.runs(id)["w"].attempt.runner == RUNNER.id


def test_its_handlers_are_anybodys(station: Station):
    id, held = begun(station)
    end(station, claim(station), Result.FAILED)
    end(station, held)
    e = claim(station, OTHER)
    assert (e.task, e.folder) == ("e", None)
    end(station, e)
    assert (station.state(id), shown(station, id)) == ("FAILED", {"w": "FAILED", "a": "FAILED", "e": "SUCCESS"})


def test_a_lost_runner_makes_the_group_begin_again_on_another_one(station: Station):
    id, held = begun(station)
    end(station, claim(station), vars={"n": 1})
    c = claim(station)
    silent(station)
    assert shown(station, id) == {"w": "RUNNING"}
    assert any("The folder that its tasks share is lost" in line for line in station.log(id))
    assert [order(station, job) for job in (held, c)] == [None, None]
    for job in (held, c):
        with pytest.raises(Gone):
            station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    again = claim(station, OTHER)
    assert (again.holds, again.lease.attempt, again.lease.task_run) == (True, 2, held.lease.task_run)
    station.dispatch.ready(again.lease)
    a = claim(station, OTHER)
    assert (a.task, a.spec["commands"]) == ("a", [f"in {OTHER.base}/{again.lease.directory}"])
    end(station, a, vars={"n": 2})
    end(station, claim(station, OTHER))
    end(station, again, outputFiles={"x.txt": "kestra:///x"})
    assert (station.state(id), len(station.runs(id)["w"].attempts)) == ("SUCCESS", 2)


def test_a_runner_that_takes_its_folder_down_again_and_again_fails_the_group(station: Station):
    id, _ = begun(station)
    for _ in range(2):
        claim(station)
        silent(station)
        station.dispatch.ready(claim(station).lease)
    claim(station)
    silent(station)
    end(station, claim(station))  # the handler
    assert (station.state(id), shown(station, id)) == ("FAILED", {"w": "FAILED", "a": "FAILED", "e": "SUCCESS"})
    assert any("was lost 3 times with its runner" in line for line in station.log(id, "ERROR"))


def test_a_job_that_is_tried_again_meets_the_same_folder(station: Station):
    tasks = FLOW.replace('commands: ["in', 'retry: {type: constant, interval: PT1M, maxAttempts: 2}, commands: ["in')
    id, held = begun(station, tasks)
    end(station, claim(station), Result.FAILED)
    assert station.dispatch.try_claim(RUNNER) is None
    station.clock.forward(minutes=1)
    second = claim(station)
    assert (second.lease.attempt, second.folder) == (2, held.lease)
    assert (station.state(id), len(station.runs(id)["a"].attempts)) == ("RUNNING", 2)


def test_a_kill_drops_what_is_open(station: Station):
    id, held = begun(station)
    a = claim(station)
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert [order(station, job) for job in (held, a)] == [Order.GO_ON, Order.STOP]
    end(station, a, Result.KILLED)
    assert (station.state(id), shown(station, id), order(station, held)) == ("KILLED", {"w": "KILLED", "a": "KILLED"}, None)


def test_a_kill_before_the_folder_stands_drops_it(station: Station):
    id = ran(station, FLOW)
    held = claim(station)
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.tick()
    assert (station.state(id), order(station, held)) == ("KILLED", None)
    with pytest.raises(Gone):
        station.dispatch.ready(held.lease)


def test_a_folder_that_can_not_be_rendered_fails_the_group(station: Station):
    id = ran(station, FLOW.replace('["*.txt"]', '["{{ labels.nothing }}"]'))
    assert station.dispatch.try_claim(RUNNER) is None
    station.tick()
    end(station, claim(station))  # the handler
    assert (station.state(id), shown(station, id)) == ("FAILED", {"w": "FAILED", "e": "SUCCESS"})


def test_a_group_that_runs_in_the_service_needs_no_runner(station: Station):
    id = ran(station, f"  - {{id: w, type: {CORE}.flow.WorkingDirectory, tasks: [{{id: a, type: {CORE}.debug.Return, format: x}}]}}\n")
    assert (station.state(id), value(station, id)) == ("SUCCESS", "x")


@pytest.mark.parametrize(("namespace", "state"), [("t", "RUNNING"), ("elsewhere", "FAILED")])
def test_files_of_another_repositorys_namespace_are_refused(station: Station, namespace: str, state: str):
    id = ran(station, FLOW.replace('outputFiles: ["*.txt"]', f"namespaceFiles: {{namespaces: [{namespace}], folderPerNamespace: true}}"))
    assert (station.dispatch.try_claim(RUNNER) is None) == (state == "FAILED")
    station.tick()
    assert (len(station.runs(id)), station.runs(id)["w"].attempt.state) == (1 if state == "RUNNING" else 2, "RUNNING")
    assert any("`elsewhere` are not those of this flow's repository" in line for line in station.log(id)) == (state == "FAILED")


# the cache


CACHED = f"""
  - id: w
    type: {CORE}.flow.WorkingDirectory
    cache: {{patterns: [deps/**], ttl: PT1H}}
    tasks:
      - {{id: a, type: {SHELL}, commands: [echo]}}
"""


def test_a_cache_is_that_of_the_task_whatever_the_execution(station: Station):
    _, first = begun(station, CACHED)
    station.dispatch.put(first.lease, CACHE, io.BytesIO(b"packed"))
    station.start("t", "f")
    second = next(job for job in (claim(station), claim(station)) if job.holds)
    assert b"".join(station.dispatch.get(second.lease, CACHE)) == b"packed"
    _, other = begun(station, CACHED, id="g")
    with pytest.raises(Rejected):
        station.dispatch.get(other.lease, CACHE)


def test_a_cache_is_that_of_the_environment(station: Station):
    _, first = begun(station, CACHED)
    station.dispatch.put(first.lease, CACHE, io.BytesIO(b"packed"))
    station.database.write(lambda session: repositories.open_environment(session, "pr-1", 0.0))
    station.database.write(lambda session: session.exec_driver_sql("UPDATE execution SET environment = 'pr-1'"))
    with pytest.raises(Rejected):
        station.dispatch.get(first.lease, CACHE)


def test_each_value_of_a_loop_has_a_cache(station: Station):
    loop = f"  - id: l\n    type: {CORE}.flow.ForEach\n    values: [x, y]\n    concurrencyLimit: 0\n    tasks:\n" + CACHED.replace("\n", "\n    ")
    ran(station, loop)
    x, y = claim(station), claim(station)
    station.dispatch.put(x.lease, CACHE, io.BytesIO(b"of x"))
    with pytest.raises(Rejected):
        station.dispatch.get(y.lease, CACHE)


def test_only_whoever_holds_the_folder_has_the_cache(station: Station):
    begun(station, CACHED)
    a = claim(station)
    with pytest.raises(Gone):
        station.dispatch.get(a.lease, CACHE)
    with pytest.raises(Gone):
        station.dispatch.put(a.lease, CACHE, io.BytesIO(b"x"))
