"""A service that dies: before a batch is stored, after it, or because it can't be stored. What comes of an execution is what would have come of it anyway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runners.protocol import Outcome, Result
from service.actions.kept import Kept
from service.actions.steps import Batch
from service.git.helper import Helper
from service.store import events, logs
from service.store import executions as rows
from service.store.database import Session
from service.store.events import Waiting
from tests.support.station import RUNNER, Station

CORE = "io.kestra.plugin.core"
FLOW = """
id: f
namespace: t
retry: {type: constant, interval: PT2M, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}
tasks:
  - id: each
    type: flow.ForEach
    values: [x, y, {"k": 1}]
    concurrencyLimit: 2
    tasks:
      - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo {{ taskrun.value }}"]}
      - {id: after, type: debug.Return, format: "{{ taskrun.value }} {{ currentEachOutput(outputs.job).vars.n }}"}
  - id: flaky
    type: execution.Fail
    condition: "{{ taskrun.attemptsCount < 2 }}"
    retry: {type: constant, interval: PT1M, maxAttempts: 3}
  - id: side
    type: flow.Parallel
    tasks:
      - id: wait
        type: flow.Pause
        pauseDuration: PT1H
        onPause: {id: told, type: log.Log, message: waiting}
      - id: group
        type: flow.Sequential
        retry: {type: constant, interval: PT1M, maxAttempts: 2}
        tasks:
          - {id: once, type: execution.Fail, condition: "{{ taskrun.attemptsCount == 0 }}"}
        errors:
          - {id: mend, type: log.Log, message: mending}
  - id: until
    type: flow.LoopUntil
    condition: "{{ outputs.look.value == '3' }}"
    checkFrequency: {interval: PT10S}
    tasks:
      - {id: look, type: debug.Return, format: "{{ outputs.until.iterationCount }}"}
      - {id: nap, type: flow.Sleep, duration: PT5S}
  - {id: last, type: execution.Fail, errorMessage: "over in {{ outputs.after | toJson }}"}
""".replace("type: ", f"type: {CORE}.").replace(f"{CORE}.io", "io").replace(f"{CORE}.constant", "constant")  # fmt: skip

#: How a batch goes: what is done with it, on the station that heard it; gives the station that goes on.
Fate = Callable[[Station, Batch], Station]


class NoRoom(Exception):
    """What can't be stored."""


def stored(station: Station, batch: Batch) -> Station:
    """Nothing happens to it."""
    station.database.write(batch.store)
    return station


def reborn(station: Station) -> Station:
    """The service after it died."""
    station.close()
    after = Station(station.folder, station.helper)
    after.clock.now = station.clock.now
    return after


def dies_after(station: Station, batch: Batch) -> Station:
    return reborn(stored(station, batch))


class DiesBefore:
    """Each batch is heard twice: the first time, nothing of it is stored."""

    def __init__(self) -> None:
        self._second = False

    def __call__(self, station: Station, batch: Batch) -> Station:
        self._second = not self._second
        return reborn(station) if self._second else stored(station, batch)


class Refused(DiesBefore):
    """The same, but the service lives on."""

    def __call__(self, station: Station, batch: Batch) -> Station:
        def half(session: Session) -> None:
            batch.store(session)
            raise NoRoom

        self._second = not self._second
        if not self._second:
            return stored(station, batch)
        with pytest.raises(NoRoom):
            station.database.write(half)
        return station


def played(station: Station, fate: Fate) -> list[Any]:
    """Starts the flow and deals with one event after another until nothing is to come; gives what came of it."""
    station.push({".flows/f.yml": FLOW})
    station.start("t", "f")
    kept = Kept()
    for _ in range(1000):
        station = worked(station)
        entry = first(station)
        if entry is None:
            break
        with station.database.read() as session:
            batch = Batch(station.kit, session, station.clock.now, kept)
            batch.hear(entry)
        before, station = station, fate(station, batch)
        kept = kept if before is station else Kept()
    found = [came(station, row) for row in station.every()]
    with station.database.read() as session:
        assert session.exec_driver_sql("SELECT count(*) FROM timer").scalar() == 0
    station.close()
    return found


def worked(station: Station) -> Station:
    """A runner does what there is to do."""
    while (job := station.dispatch.try_claim(RUNNER)) is not None:
        station.dispatch.finish(job.lease, Outcome(Result.SUCCESS, outputs={"vars": {"n": job.spec["commands"][0]}}))
    return station


def first(station: Station) -> Waiting | None:
    """The next event; the clock goes on to the next timer when there is none."""
    with station.database.read() as session:
        while not (waiting := events.waiting(session, station.clock.now.timestamp(), 1)):
            due = events.next_due(session, station.clock.now.timestamp())
            if due is None:
                return None
            station.clock.now = datetime.fromtimestamp(due, UTC)
    return waiting[0]


def came(station: Station, row: rows.Row) -> dict[str, Any]:
    """All that can be seen of an execution, but for ids."""
    id = row.execution.id
    with station.database.read() as session:
        runs = rows.runs(session, id)
        names = {run.id: f"{run.node}{list(run.values)}" for run in runs}
        lines = [(names.get(entry.task_run, entry.task), entry.attempt, entry.line.message) for entry in logs.read(session, id, level="TRACE")]
    shown = [(names[run.id], names.get(run.parent or ""), run.iteration, run.history, run.attempts, run.outputs) for run in runs]
    return {"history": row.execution.history, "attempt": row.execution.attempt, "runs": shown, "lines": sorted(lines, key=str)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> list[Any]:
    return played(Station(tmp_path_factory.mktemp("fine") / "data", helper), stored)


def test_the_flow_comes_through_everything(undisturbed: list[Any]) -> None:
    assert [each["history"][-1].state.value for each in undisturbed] == ["RETRIED", "FAILED"]
    for each in undisturbed:
        runs = {name: (history, attempts, outputs) for name, _, _, history, attempts, outputs in each["runs"]}
        assert [stamp.state.value for stamp in runs["flaky[]"][0]] == ["CREATED", "RUNNING", "RETRYING", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]
        assert (len(runs["once[]"][1]), "mend[]" in runs, runs["until[]"][2]) == (2, False, {"iterationCount": 3})
        assert runs["after['{\"k\":1}']"][2] == {"value": '{"k":1} echo {"k":1}'}
        assert len(runs) == 1 + 3 * 2 + 1 + 1 + 2 + 2 + 3 + 1


@pytest.mark.parametrize("fate", [DiesBefore, lambda: dies_after, Refused], ids=["before each commit", "after each commit", "no commit at first"])
def test_a_service_that_dies_at_every_batch_comes_to_the_same(tmp_path: Path, helper: Helper, undisturbed: list[Any], fate: Callable[[], Fate]) -> None:
    assert played(Station(tmp_path / "data", helper), fate()) == undisturbed
