"""Limits of flows as the executor keeps them: who comes first goes first, whatever happens in between and in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runners.protocol import Outcome, Result
from service.actions import executions
from service.actions.kept import Kept
from service.actions.steps import Batch
from service.engine.events import Forced, Freed, Unqueued
from service.engine.state import State
from service.git.helper import Helper
from service.store import events, lines
from tests.support.cost import steps
from tests.support.station import RUNNER, Station, station_at

LOG = "io.kestra.plugin.core.log.Log"
JOB = "  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: [x]}\n"
PAUSE = "  - {id: a, type: io.kestra.plugin.core.flow.Pause}\n"
FAILS = "  - {id: a, type: io.kestra.plugin.core.execution.Fail}\n"


def text(limit: int | None = 1, behavior: str = "QUEUE", tasks: str = JOB, rest: str = "") -> str:
    limited = "" if limit is None else f"concurrency: {{limit: {limit}, behavior: {behavior}}}\n"
    return f"id: f\nnamespace: t\n{limited}{rest}tasks:\n{tasks}"


def push(station: Station, **flow: Any) -> None:
    station.push({".flows/f.yml": text(**flow)})


def started(station: Station, number: int) -> list[str]:
    return [station.start("t", "f") for _ in range(number)]


def states(station: Station, ids: Sequence[str]) -> str:
    """The first letters of their states."""
    return " ".join(station.state(id)[:3] for id in ids)


def moves(station: Station, id: str) -> list[str]:
    return [stamp.state.value for stamp in station.execution(id).execution.history]


def end_next(station: Station, result: Result = Result.SUCCESS) -> str:
    """A runner takes one job and ends it; gives the execution's id."""
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.dispatch.finish(job.lease, Outcome(result))
    station.tick()
    return job.execution


def test_one_after_another_in_the_order_in_which_they_came(station: Station):
    push(station)
    ids = started(station, 4)
    station.tick()
    assert states(station, ids) == "RUN QUE QUE QUE"
    assert station.runs(ids[1]) == {}
    assert [end_next(station) for _ in range(4)] == ids
    assert states(station, ids) == "SUC SUC SUC SUC"


def test_each_end_lets_the_next_one_go_on(station: Station):
    push(station, limit=2)
    ids = started(station, 4)
    station.tick()
    assert states(station, ids) == "RUN RUN QUE QUE"
    assert end_next(station) == ids[0]
    assert states(station, ids) == "SUC RUN RUN QUE"
    assert [end_next(station, Result.FAILED) for _ in range(3)] == ids[1:]
    assert states(station, ids) == "SUC FAI FAI FAI"
    assert moves(station, ids[0]) == ["CREATED", "RUNNING", "SUCCESS"]
    assert moves(station, ids[2]) == ["CREATED", "QUEUED", "RUNNING", "FAILED"]
    assert any("Queued" in line for line in station.log(ids[2]))


def test_many_that_begin_and_end_in_one_batch_take_turns(station: Station):
    push(station, tasks=f"  - {{id: a, type: {LOG}, message: x}}\n")
    ids = started(station, 30)
    station.tick()
    assert {moves(station, id)[-1] for id in ids} == {"SUCCESS"}
    ended = [station.execution(id).execution for id in ids]
    assert [each.id for each in sorted(ended, key=lambda each: (each.ended, each.id))] == ids


@contextmanager
def heard_backwards(station: Station) -> Iterator[None]:
    """What waits is heard in one batch, the newest first, as it may be when there is more to do than time."""
    with station.database.read() as session:
        batch = Batch(station.kit, session, station.clock.now, Kept())
        for entry in reversed(events.waiting(session, station.clock.now.timestamp(), 200)):
            batch.hear(entry)
    station.database.write(batch.store)
    yield
    station.tick()


def test_the_order_is_that_of_their_creation_even_where_they_are_heard_of_in_another(station: Station):
    push(station, limit=2)
    ids = started(station, 4)
    with heard_backwards(station):
        assert states(station, ids) == "RUN QUE QUE QUE"
    assert states(station, ids) == "RUN RUN QUE QUE"


def test_of_two_that_end_and_one_that_comes_in_one_batch_nobody_passes_by(station: Station):
    push(station, limit=2)
    ids = started(station, 4)
    station.tick()
    for _ in range(2):
        job = station.dispatch.try_claim(RUNNER)
        assert job is not None
        station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    ids += started(station, 1)
    station.tick()
    assert states(station, ids) == "SUC SUC RUN RUN QUE"


@pytest.mark.parametrize(("behavior", "end"), [("CANCEL", "CANCELLED"), ("FAIL", "FAILED")])
def test_or_the_next_one_ends_at_once(station: Station, behavior: str, end: str):
    push(station, behavior=behavior, rest=f"afterExecution:\n  - {{id: z, type: {LOG}, message: '{{{{ execution.state }}}}'}}\n")
    first, second = started(station, 2)
    station.tick()
    assert (station.state(first), moves(station, second), station.states(second)) == ("RUNNING", ["CREATED", end], {"z": "SUCCESS"})
    assert end in station.log(second)
    assert any("`concurrency`" in line for line in station.log(second, "ERROR" if behavior == "FAIL" else "WARN"))
    end_next(station)
    third = station.start("t", "f")
    station.tick()
    assert station.state(third) == "RUNNING"


def test_one_that_pauses_keeps_its_place(station: Station):
    push(station, tasks=PAUSE)
    ids = started(station, 2)
    station.tick()
    assert states(station, ids) == "PAU QUE"
    station.database.write(lambda session: executions.kill(session, ids[0], "ann"))
    station.tick()
    assert states(station, ids) == "KIL PAU"


def test_one_that_waits_for_another_try_keeps_its_place_and_one_that_takes_over_comes_anew(station: Station):
    push(station, tasks=FAILS, rest="retry: {type: constant, interval: PT1M, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}\n")
    ids = started(station, 2)
    station.tick()
    heirs = [row.execution.id for row in station.every() if row.execution.id not in ids]
    assert (states(station, ids), states(station, heirs)) == ("RET RET", "CRE CRE")
    push(station, tasks=FAILS, rest="retry: {type: constant, interval: PT1M, maxAttempts: 2}\n")
    ids = started(station, 2)
    station.tick()
    assert states(station, ids) == "RET QUE"
    station.clock.forward(minutes=1)
    station.tick()
    assert states(station, ids) == "FAI RET"


def test_a_killed_one_makes_no_room_and_is_not_waited_for(station: Station):
    push(station)
    ids = started(station, 4)
    station.tick()
    for id in ids[1:3]:
        station.database.write(partial(executions.kill, id=id, by="ann"))
    station.tick()
    assert states(station, ids) == "RUN KIL KIL QUE"
    assert (moves(station, ids[1]), station.runs(ids[1])) == (["CREATED", "QUEUED", "KILLED"], {})
    end_next(station)
    assert states(station, ids) == "SUC KIL KIL RUN"


def test_one_that_is_killed_as_its_turn_comes_lets_the_next_one_pass(station: Station):
    push(station)
    ids = started(station, 3)
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    station.executor.tick(station.clock.now)  # the next one has been told, and has not heard
    with station.database.read() as session:
        told = [entry.event for entry in events.waiting(session, station.clock.now.timestamp(), 10)]
    assert Freed() in told
    station.database.write(lambda session: executions.kill(session, ids[1], "ann"))
    with heard_backwards(station):
        pass
    assert states(station, ids) == "SUC KIL RUN"


def test_a_push_that_raises_the_limit_lets_as_many_go_on(station: Station):
    push(station)
    ids = started(station, 5)
    station.tick()
    push(station, limit=3)
    station.tick()
    assert states(station, ids) == "RUN RUN RUN QUE QUE"
    push(station, limit=1)
    ids += started(station, 1)
    station.tick()
    assert states(station, ids) == "RUN RUN RUN QUE QUE QUE"
    for left in ("RUN RUN QUE QUE QUE", "RUN QUE QUE QUE", "RUN QUE QUE"):
        end_next(station)
        assert states(station, ids).replace("SUC ", "") == left


@pytest.mark.parametrize("number", [3, 250])
def test_a_push_that_removes_the_limit_lets_all_go_on(station: Station, number: int):
    push(station)
    ids = started(station, number)
    station.tick()
    push(station, limit=None)
    station.tick()
    assert states(station, ids) == " ".join(["RUN"] * number)


def test_a_flow_that_is_deleted_keeps_its_last_limit_for_those_that_wait(station: Station):
    push(station)
    ids = started(station, 3)
    station.tick()
    station.push({".flows/f.yml": None})
    station.tick()
    assert states(station, ids) == "RUN QUE QUE"
    end_next(station)
    assert states(station, ids) == "SUC RUN QUE"


def test_the_limit_of_the_live_revision_is_for_older_ones_too(station: Station):
    push(station, limit=None)
    push(station)
    ids = [station.start("t", "f", revision=1), station.start("t", "f")]
    station.tick()
    assert states(station, ids) == "RUN QUE"


def test_one_with_a_date_joins_the_line_at_its_date(station: Station):
    push(station)
    late = station.start("t", "f", scheduled=station.clock.now.replace(hour=13))
    station.tick()
    ids = started(station, 2)
    station.tick()
    assert states(station, [late, *ids]) == "CRE RUN QUE"
    station.clock.forward(hours=1)
    ids += started(station, 1)
    station.tick()
    assert states(station, [late, *ids]) == "QUE RUN QUE QUE"
    assert [end_next(station) for _ in range(4)] == [ids[0], ids[1], late, ids[2]]


@pytest.mark.parametrize("event", [Unqueued(State.RUNNING, "ann"), Forced("ann")])
def test_whoever_is_let_in_by_hand_counts_from_then_on(station: Station, event: Any):
    push(station)
    ids = started(station, 4)
    station.tick()
    station.database.write(lambda session: events.add(session, ids[2], None, event))
    station.tick()
    assert states(station, ids) == "RUN QUE RUN QUE"
    end_next(station)
    assert states(station, ids) == "SUC QUE RUN QUE"
    end_next(station)
    assert states(station, ids) == "SUC RUN SUC QUE"


def test_a_clock_that_was_set_back_keeps_nobody_waiting(station: Station):
    push(station)
    ids = started(station, 3)
    station.clock.forward(days=-1)
    station.tick()
    assert states(station, ids) == "RUN QUE QUE"
    assert [end_next(station) for _ in range(3)] == ids


def test_what_is_done_after_the_end_needs_no_place(station: Station):
    push(station, rest=f"afterExecution:\n{JOB.replace('id: a', 'id: z')}")
    ids = started(station, 2)
    station.tick()
    end_next(station)
    assert (states(station, ids), station.states(ids[0])) == ("SUC RUN", {"a": "SUCCESS", "z": "CREATED"})
    assert not station.execution(ids[0]).execution.over


def test_a_fault_of_ours_gives_the_place_back(station: Station):
    push(station)
    ids = started(station, 2)
    station.tick()
    station.database.write(lambda session: session.exec_driver_sql("UPDATE taskrun SET task_id = 'gone'"))
    job = station.dispatch.try_claim(RUNNER)
    assert job is None
    for _ in range(10):
        station.tick()
        station.clock.forward(minutes=10)
    assert states(station, ids[:1]) == "FAI"
    assert station.state(ids[1]) != "QUEUED"


def test_other_flows_are_not_in_the_way(station: Station):
    push(station)
    station.push({".flows/g.yml": text().replace("id: f\n", "id: g\n")})
    ids = [station.start("t", "f"), station.start("t", "g")]
    station.tick()
    assert states(station, ids) == "RUN RUN"


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_service_that_dies_at_every_batch_keeps_the_order(tmp_path: Path, helper: Helper, dies: str):
    """Every batch is cut: before its commit it is heard again, after it another service goes on."""
    folder = tmp_path / "data"
    with station_at(folder, helper) as station:
        push(station, limit=2)
        ids = started(station, 6)
    order: list[str] = []
    for number in range(200):
        with station_at(folder, helper) as station:
            with station.database.read() as session:
                batch = Batch(station.kit, session, station.clock.now, Kept())
                waiting = events.waiting(session, station.clock.now.timestamp(), 2)
                for entry in waiting:
                    batch.hear(entry)
            if dies == "before" and number % 2 == 0:
                continue
            station.database.write(batch.store)
            if not waiting:
                if (job := station.dispatch.try_claim(RUNNER)) is None:
                    break
                order.append(job.execution)
                station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
            running = [row for row in station.every() if row.execution.state is State.RUNNING]
            assert len(running) <= 2
    assert order == ids
    with station_at(folder, helper) as station:
        assert states(station, ids) == " ".join(["SUC"] * 6)


def test_how_many_wait_does_not_matter_to_the_first(station: Station):
    push(station)

    def fill(number: int) -> None:
        values = "('x' || n, 'main', 't', 'f', 'big', 1, 'QUEUED', '[]', '{}', '{}', '{}', '{}', 'r', 'b', 'p', 0, 1, 1, n, n)"
        station.database.write(
            lambda session: session.exec_driver_sql(
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {number}) INSERT OR IGNORE INTO execution "
                "(id, environment, namespace, flow_id, flow, revision, state, history, inputs, labels, variables, memory, ref, blob, path, caused, generation, "
                f"version, created_at, joined_at) SELECT {values.strip('()')} FROM c"
            )
        )

    costs = []
    for number in (10, 5000):
        fill(number)
        costs.append(steps(station.database, lambda session: (lines.held(session, "big"), lines.line(session, "big", 1))))
    assert costs[1] <= costs[0] + 20


def test_where_the_line_is_asked_for_is_told_by_an_index(station: Station):
    with station.database.read() as session:
        rows = session.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM execution WHERE flow = 'x' AND state IN ('CREATED', 'QUEUED', 'RESTARTED') AND joined_at IS NOT NULL "
            "AND (joined_at > 5 OR (joined_at = 5 AND id > 'a')) ORDER BY joined_at, id LIMIT 1"
        ).all()
    assert [row[-1] for row in rows] == ["SEARCH execution USING INDEX ix_execution_line (flow=? AND joined_at>?)"]


def test_a_flow_without_a_limit_asks_for_none(station: Station):
    push(station, limit=None)
    ids = started(station, 5)
    station.tick()
    assert states(station, ids) == "RUN RUN RUN RUN RUN"
