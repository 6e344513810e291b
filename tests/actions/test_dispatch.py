"""Jobs out, reports in: what the contract of the protocol does not see, because it is about executions, leases over time, and what is stored."""

from __future__ import annotations

import base64
import io
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from runners.protocol import Egress, Gone, Job, Lease, LogLine, Order, Outcome, Rejected, Result, Tree
from service.loops.reaper import Reaper
from service.store import executions, jobs
from service.store.codec import now
from service.store.database import Session
from service.store.executions import OUTPUT_LIMIT
from tests.support.serving import until
from tests.support.station import RUNNER, Station, station_at

SHELL = "type: io.kestra.plugin.scripts.shell.Commands"
JOB = f"  - {{id: job, {SHELL}, commands: [echo]}}\n"
AFTER = "  - {id: after, type: io.kestra.plugin.core.debug.Return, format: '{{ outputs.job }}'}\n"


def claimed(station: Station, tasks: str = JOB, **flow: str) -> tuple[str, Job]:
    """A started execution and its first job, claimed."""
    id = station.flow(tasks, **flow)
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.tick()
    return id, job


def again(station: Station) -> Job:
    """The job that comes up now."""
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.tick()
    return job


def watch(reaper: Reaper, start: datetime, seconds: float) -> None:
    """The reaper's looks from `start` on (at the first one every lease gets a fresh time), the last of them after so many seconds."""
    looks = [*range(0, int(seconds), 10), seconds]
    for passed in looks:
        reaper.tick(start + timedelta(seconds=passed))


def expire(station: Station, moment: datetime | None = None) -> None:
    """The reaper's look, so late that every lease has run out. Leases are counted by the clock of the machine."""
    watch(Reaper(station.kit), moment or now(), 40.0)


def finish(station: Station, job: Job, result: Result = Result.SUCCESS, **outcome) -> None:
    station.dispatch.finish(job.lease, Outcome(result, **outcome))
    station.tick()


# from claim to end


def test_a_job_runs_from_claim_to_end(station: Station):
    id, job = claimed(station, JOB + AFTER)
    assert (station.state(id), station.states(id)) == ("RUNNING", {"job": "RUNNING"})
    assert station.runs(id)["job"].attempt.runner == RUNNER.id
    station.dispatch.log(job.lease, (LogLine(0, now(), "INFO", "hello"),))
    finish(station, job, outputs={"exitCode": 0, "vars": {"n": 5}})
    assert (station.state(id), station.states(id)) == ("SUCCESS", {"job": "SUCCESS", "after": "SUCCESS"})
    assert dict(station.runs(id)["job"].outputs or {}) == {"exitCode": 0, "vars": {"n": 5}}
    assert station.log(id, "INFO") == ["hello"]


@pytest.mark.parametrize(("result", "state"), [(Result.SUCCESS, "SUCCESS"), (Result.WARNING, "WARNING"), (Result.FAILED, "FAILED"), (Result.KILLED, "KILLED")])
def test_each_result_has_its_state(station: Station, result: Result, state: str):
    id, job = claimed(station)
    finish(station, job, result, message="why", exit_code=3)
    assert station.state(id) == state
    assert station.runs(id)["job"].attempt.message == "why"


def test_a_job_names_what_the_runner_needs(station: Station):
    tasks = f"  - {{id: job, {SHELL}, commands: ['{{{{ workingDir }}}} {{{{ taskrun.id }}}}'], timeout: 'PT{{{{ 1 + 1 }}}}M', logLevel: WARN}}\n"
    id, job = claimed(station, tasks, head="labels: {a.b: c}\n")
    assert job.spec["commands"] == [f"/var/lib/runner/{job.lease.directory} {job.lease.task_run}"]
    assert (job.timeout, job.log_level, job.labels["a.b"]) == (120.0, "WARN", "c")
    assert (job.execution, job.lease.attempt, job.lease.epoch) == (id, 1, 1)


def test_what_can_not_be_rendered_fails_the_task_with_its_place_and_the_next_job_comes(station: Station):
    bad = f"  - {{id: job, {SHELL}, commands: ['{{{{ secret(\"NOBODY\") }}}}']}}\n"
    id = station.flow(bad, id="bad")
    station.tick()
    good = station.flow(JOB, id="good")
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    assert job.execution == good
    station.tick()
    assert (station.state(id), station.states(id)) == ("FAILED", {"job": "FAILED"})
    column = bad.index("secret") + 1
    assert station.log(id, "ERROR") == [f".flows/bad.yml:4:{column}: task `job`: the secret `NOBODY` is not available"]


@pytest.mark.parametrize("timeout", ["'{{ inputs.x }}'", "soon", "'{{ 5 }}'"])
def test_a_timeout_that_is_none_fails_the_task(station: Station, timeout: str):
    head = "inputs: [{id: x, type: STRING, defaults: P1Y}]\n"
    sha = station.push({".flows/f.yml": f"id: f\nnamespace: t\n{head}tasks:\n  - {{id: job, {SHELL}, commands: [echo], timeout: {timeout}}}\n"})
    if station.statuses(sha)["headgate/flows"][0] == "failure":
        return  # said before anything runs, which is better
    id = station.start("t", "f")
    station.tick()
    assert station.dispatch.try_claim(RUNNER) is None
    station.tick()
    assert station.state(id) == "FAILED"
    assert "`timeout` is" in station.log(id, "ERROR")[0]


def test_outputs_that_are_no_rows_content_fail_the_task(station: Station):
    id, job = claimed(station)
    finish(station, job, outputs={"vars": "x" * OUTPUT_LIMIT})
    assert station.state(id) == "FAILED"
    assert "the limit is 1,000,000" in station.log(id, "ERROR")[0]


def test_odd_outputs_are_stored_as_json_can_say_them(station: Station):
    id, job = claimed(station)
    finish(station, job, outputs={"vars": {"nan": float("nan"), "half": "\ud800", "deep": [{"é": None}]}})
    assert dict(station.runs(id)["job"].outputs or {}) == {"vars": {"nan": None, "half": "?", "deep": [{"é": None}]}}
    assert station.state(id) == "SUCCESS"


def test_a_secret_is_masked_wherever_it_would_be_stored(tmp_path, helper):
    environ = {"SECRET_KEY": base64.b64encode(b"s3cr3t-value").decode()}
    with station_at(tmp_path / "data", helper, environ=environ) as station:
        id, job = claimed(station, f"  - {{id: job, {SHELL}, commands: ['echo {{{{ secret(\"KEY\") }}}}']}}\n")
        assert (job.spec["commands"], job.masks) == (["echo s3cr3t-value"], ("s3cr3t-value",))
        station.dispatch.log(job.lease, (LogLine(0, now(), "INFO", "it is s3cr3t-value"),))
        finish(station, job, Result.FAILED, message="no s3cr3t-value", outputs={"vars": {"s3cr3t-value": ["s3cr3t-value"]}})
        station.close()
        assert b"s3cr3t" not in (station.folder / "headgate.db").read_bytes()
        assert b"s3cr3t" not in (station.folder / "headgate.db-wal").read_bytes() if (station.folder / "headgate.db-wal").exists() else True


def test_a_level_that_nobody_knows_is_info(station: Station):
    id, job = claimed(station)
    station.dispatch.log(job.lease, (LogLine(0, now(), "<b>", "hello"),))
    assert station.log(id, "INFO") == ["hello"]
    with station.database.read() as session:
        from service.store import logs  # noqa: PLC0415 - the levels are looked at here alone

        assert [entry.line.level for entry in logs.read(session, id)] == ["INFO"]


# leases over time


def test_a_silent_runner_loses_its_job_and_the_work_goes_on_elsewhere(station: Station):
    id, job = claimed(station)
    expire(station)
    station.tick()
    second = again(station)
    assert (second.lease.task_run, second.lease.attempt) == (job.lease.task_run, 2)
    with pytest.raises(Gone):
        station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    with pytest.raises(Gone):
        station.dispatch.log(job.lease, (LogLine(0, now(), "INFO", "late"),))
    assert station.dispatch.beat(RUNNER.id, (job.lease, second.lease)) == {job.lease.key: None, second.lease.key: Order.GO_ON}
    finish(station, second)
    assert (station.state(id), [tried.state.value for tried in station.runs(id)["job"].attempts]) == ("SUCCESS", ["FAILED", "SUCCESS"])


def test_a_beat_in_time_keeps_the_lease(station: Station):
    _, job = claimed(station)
    reaper = Reaper(station.kit)
    reaper.tick(now())
    with station.database.read() as session:
        (held,) = jobs.leased(session)
    assert held.lease_until is not None
    # Just before its end a beat comes, just after its end the reaper looks.
    station.database.write(lambda session: jobs.beat(session, held, held.lease_until + 30.0))
    watch(reaper, now(), held.lease_until + 1.0 - now().timestamp())
    assert station.dispatch.beat(RUNNER.id, (job.lease,))[job.lease.key] is Order.GO_ON


def test_after_a_restart_of_ours_silence_was_our_fault(station: Station):
    _, job = claimed(station)
    Reaper(station.kit).tick(now().replace(year=now().year + 1))
    assert station.dispatch.beat(RUNNER.id, (job.lease,))[job.lease.key] is Order.GO_ON


def test_work_that_takes_its_runner_down_each_time_fails_at_last(station: Station):
    id, job = claimed(station)
    for _ in range(2):
        station.dispatch.finish(job.lease, Outcome(Result.LOST, "the agent died"))
        job = again(station)
    finish(station, job, Result.LOST)
    assert (station.state(id), station.dispatch.try_claim(RUNNER)) == ("FAILED", None)


def test_work_that_runners_hand_back_is_done_in_the_end(station: Station):
    id, job = claimed(station)
    for _ in range(5):
        station.dispatch.finish(job.lease, Outcome(Result.HANDED, "shut down"))
        job = again(station)
    finish(station, job)
    assert (station.state(id), len(station.runs(id)["job"].attempts)) == ("SUCCESS", 6)


def test_a_kill_reaches_the_runner_at_its_next_beat(station: Station):
    id, job = claimed(station)
    from service.actions.executions import kill  # noqa: PLC0415 - the only use

    station.database.write(lambda session: kill(session, id, "ann"))
    station.tick()
    assert station.state(id) == "KILLING"
    assert station.dispatch.beat(RUNNER.id, (job.lease,))[job.lease.key] is Order.STOP
    finish(station, job, Result.KILLED)
    assert station.state(id) == "KILLED"


def test_what_is_killed_while_its_runner_is_gone_gets_no_new_attempt(station: Station):
    from service.actions.executions import kill  # noqa: PLC0415 - as above

    id, _ = claimed(station)
    station.database.write(lambda session: kill(session, id, "ann"))
    station.tick()
    expire(station)
    station.tick()
    assert (station.state(id), len(station.runs(id)["job"].attempts), station.dispatch.try_claim(RUNNER)) == ("KILLED", 1, None)


def test_a_claim_that_crosses_a_kill_finds_its_lease_gone(station: Station):
    from service.actions.executions import kill  # noqa: PLC0415 - as above

    id = station.flow(JOB)
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    station.database.write(lambda session: kill(session, id, "ann"))
    station.tick()
    assert job is not None
    # The claim was heard first, so the runner is told to stop; it is not left alone with the work.
    assert station.dispatch.beat(RUNNER.id, (job.lease,))[job.lease.key] in (Order.STOP, None)
    finish(station, job, Result.KILLED)
    assert station.state(id) == "KILLED"


def test_a_restarted_service_takes_the_report_of_a_job_that_it_gave_before(station: Station):
    id, job = claimed(station, JOB + AFTER)
    station.close()
    with station_at(station.folder, station.helper) as second:
        assert second.dispatch.beat(RUNNER.id, (job.lease,))[job.lease.key] is Order.GO_ON
        finish(second, job, outputs={"x": 1})
        assert second.states(id) == {"job": "SUCCESS", "after": "SUCCESS"}


def test_a_report_that_was_taken_before_the_service_died_counts(station: Station):
    id, job = claimed(station)
    outcome = Outcome(Result.SUCCESS, outputs={"x": 1})
    station.dispatch.finish(job.lease, outcome)
    station.close()
    with station_at(station.folder, station.helper) as second:
        second.dispatch.finish(job.lease, outcome)  # the runner never heard the answer
        second.tick()
        assert second.state(id) == "SUCCESS"
        with pytest.raises(Gone):
            second.dispatch.finish(job.lease, Outcome(Result.SUCCESS, outputs={"x": 2}))


def test_an_adopted_job_is_rendered_as_it_was(station: Station):
    _, job = claimed(station, f"  - {{id: job, {SHELL}, commands: ['cd {{{{ workingDir }}}}']}}\n")
    assert station.dispatch.adopt(RUNNER.id, job.lease).job == job


# files


def test_a_job_gets_the_tree_of_its_own_commit_only(station: Station):
    _, job = claimed(station)
    other = station.push({"a.txt": "later"})
    assert job.tree is not None
    assert b"".join(station.dispatch.tree(job.lease, job.tree))
    for wrong in (Tree("default", other), Tree("other", job.tree.commit), Tree("../default", job.tree.commit)):
        with pytest.raises(Gone):
            station.dispatch.tree(job.lease, wrong)
    finish(station, job)
    with pytest.raises(Gone):
        station.dispatch.tree(job.lease, job.tree)


def test_a_job_reads_the_files_of_its_own_and_of_executions_that_its_flow_may_read(station: Station):
    _, first = claimed(station, JOB + JOB.replace("id: job", "id: next"))
    uri = station.dispatch.put(first.lease, "a.txt", io.BytesIO(b"x"))
    finish(station, first)
    following = again(station)
    assert b"".join(station.dispatch.get(following.lease, uri)) == b"x"
    _, foreign = claimed(station)
    assert b"".join(station.dispatch.get(foreign.lease, uri)) == b"x"
    unknown = uri.replace(first.execution, "0" * 22)
    moved = uri.replace("/t/", "/u/")
    for wrong in (unknown, moved, uri.replace("/t/", "/t/../t/"), "file:///etc/passwd", "kestra:///", uri + "/", uri + "\0", f"{uri}/{'x' * 5000}"):
        with pytest.raises(Rejected):
            station.dispatch.get(foreign.lease, wrong)


def test_a_job_reads_the_files_of_its_commit(station: Station):
    station.push({"large.bin": b"\0" * 2_000_000, "sub/é.txt": "deep"})
    _, job = claimed(station)
    assert sum(map(len, station.dispatch.get(job.lease, "nsfile:///large.bin"))) == 2_000_000
    assert b"".join(station.dispatch.get(job.lease, "nsfile:///sub/é.txt")) == b"deep"
    assert b"".join(station.dispatch.get(job.lease, "kestra:///t/_files/sub/%C3%A9.txt")) == b"deep"
    for wrong in ("nsfile:///none", "nsfile:///../x", "nsfile:///sub", "nsfile:///", "nsfile://theirs/sub/é.txt"):
        with pytest.raises(Rejected):
            station.dispatch.get(job.lease, wrong)


@pytest.mark.parametrize("name", ["", "..", "a/../../b", "a\0b", "/", "x" * 5000, "a/" * 3000 + "b", "é" * 100])
def test_a_name_that_is_none_is_rejected(station: Station, name: str):
    _, job = claimed(station)
    with pytest.raises(Rejected):
        station.dispatch.put(job.lease, name, io.BytesIO(b"x"))


def test_a_lease_says_nothing_of_another_task_run(station: Station):
    _, job = claimed(station)
    with pytest.raises(Gone):
        station.dispatch.finish(replace(job.lease, task_run="x"), Outcome(Result.SUCCESS))
    assert station.dispatch.beat(RUNNER.id, (Lease("' OR 1=1 --", 1, 1),)) == {"' OR 1=1 ---1-1": None}


def test_what_a_report_changes_is_stored_with_the_report(station: Station):
    id, job = claimed(station)
    station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    with station.database.read() as session:
        row = executions.get(session, id)
        (held,) = [one for one in [jobs.get(session, job.lease.task_run, 1)] if one]
    assert row is not None
    assert (held.state, row.execution.state.value) == ("done", "RUNNING")
    station.tick()
    assert station.state(id) == "SUCCESS"


def test_a_suspended_machine_loses_no_work(station: Station):
    _, job = claimed(station)
    reaper, moment = Reaper(station.kit), now()
    reaper.tick(moment)
    reaper.tick(moment + timedelta(hours=9))  # nobody beat, because nobody ran
    assert station.dispatch.beat(RUNNER.id, (job.lease,)) == {job.lease.key: Order.GO_ON}


def test_while_the_writer_was_busy_silence_was_our_fault(station: Station):
    _, job = claimed(station)
    reaper, clock, lease = Reaper(station.kit), station.clock, station.kit.settings.lease
    clock.now = now()
    reaper.tick(clock.now)
    begun = threading.Event()

    def be_busy(_: Session) -> None:
        begun.set()
        until(lambda: not station.database._queue.empty())  # noqa: SLF001 - until the reaper waits for the writer
        clock.forward(seconds=2 * lease)

    busy = station.database.submit(be_busy)
    assert begun.wait(60)
    while not busy.done():
        reaper.tick(clock.forward(seconds=lease / 6))
    busy.result()
    reaper.tick(clock.forward(seconds=lease / 6))
    assert station.dispatch.beat(RUNNER.id, (job.lease,)) == {job.lease.key: Order.GO_ON}


# what a job may reach, and what is kept encrypted

ASK = "  - {id: job, type: io.kestra.plugin.core.http.Request, uri: 'https://x.example', encryptBody: true}\n"


def test_a_job_is_told_what_it_may_reach(tmp_path, helper, station: Station):
    assert claimed(station)[1].egress == Egress(private=True)
    with station_at(tmp_path / "other", helper, egress=Egress(False, 8080, "here")) as strict:
        assert claimed(strict)[1].egress == Egress(False, 8080, "here")


def test_what_an_outcome_seals_is_stored_encrypted(station: Station):
    id, job = claimed(station, ASK)
    finish(station, job, outputs={"code": 200, "body": None, "encryptedBody": "a s3cr3t answer"}, seals=("encryptedBody",))
    outputs = station.runs(id)["job"].outputs
    assert (outputs["code"], outputs["body"], outputs["encryptedBody"]["type"]) == (200, None, "io.kestra.datatype:aes_encrypted")
    assert "s3cr3t" not in str(outputs)
    assert station.kit.cipher.decrypt(outputs["encryptedBody"]["value"], "a value of main") == "a s3cr3t answer"
