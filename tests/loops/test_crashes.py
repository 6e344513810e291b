"""A service that dies: before a batch is stored, after it, or because it can't be stored. What comes of an execution is what would have come of it anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from runners.protocol import Job, Order, Outcome, Result
from service.actions import serving
from service.actions.kept import Kept
from service.actions.steps import Batch
from service.git.helper import Helper
from service.store import events, logs, task_runs
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
  - id: call
    type: flow.Subflow
    namespace: t
    flowId: sub
    inputs: {n: "{{ outputs.until.iterationCount }}"}
    transmitFailed: false
  - id: loop
    type: flow.Loop
    values: [p, q, r]
    concurrencyLimit: 2
    tasks:
      - {id: double, type: debug.Return, format: "{{ item.value }}{{ item.value }} {{ outputs.look.value }}"}
      - {id: doze, type: flow.Sleep, duration: PT5S}
  - id: parts
    type: flow.ForEachItem
    items: "kestra:///t/f/executions/{{ execution.id }}/tasks/x/r/rows"
    batch: {rows: 2}
    namespace: t
    flowId: part
    inputs: {file: "{{ taskrun.items }}", n: "{{ taskrun.iteration }}"}
    transmitFailed: false
  - id: together
    type: flow.WorkingDirectory
    outputFiles: [made]
    tasks:
      - {id: make, type: io.kestra.plugin.scripts.shell.Commands, commands: ["in {{ workingDir | split('/') | first }}"]}
      - {id: twice, type: execution.Fail, condition: "{{ taskrun.attemptsCount == 0 }}", retry: {type: constant, interval: PT1M, maxAttempts: 2}}
      - {id: use, type: io.kestra.plugin.scripts.shell.Commands, commands: ["{{ outputs.make.vars.n }}"]}
  - {id: last, type: execution.Fail, errorMessage: "over in {{ outputs.after | toJson }}"}
""".replace("type: ", f"type: {CORE}.").replace(f"{CORE}.io", "io").replace(f"{CORE}.constant", "constant")  # fmt: skip

SUB = """
id: sub
namespace: t
inputs:
  - {id: n, type: INT}
tasks:
  - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo {{ inputs.n }}"]}
  - {id: flaky, type: io.kestra.plugin.core.execution.Fail, condition: "{{ taskrun.attemptsCount == 0 }}"}
retry: {type: constant, interval: PT1M, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}
"""

#: One of a file's parts; the second one fails.
PART = """
id: part
namespace: t
inputs:
  - {id: file, type: STRING}
  - {id: n, type: INT}
outputs:
  - {id: text, type: STRING, value: "{{ outputs.see.value }}"}
tasks:
  - {id: see, type: io.kestra.plugin.core.debug.Return, format: "{{ read(inputs.file) }}"}
  - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: ["{{ outputs.see.value }}"]}
  - {id: not, type: io.kestra.plugin.core.execution.Fail, condition: "{{ inputs.n == 1 }}"}
"""

_ID = re.compile(r"\b[0-9A-Za-z]{22}\b")

#: Executions of one flow that come one after another: what they give back, what is done after their ends, and what they have to keep.
LIFE = """
id: f
namespace: t
concurrency: {limit: 1}
sla:
  - {id: slow, type: MAX_DURATION, duration: PT30M, behavior: CANCEL, labels: {slow: "yes"}}
  - {id: known, type: EXECUTION_ASSERTION, assert: "{{ outputs.job.vars.n == 'x' }}", behavior: NONE, labels: {odd: "yes"}}
outputs:
  - {id: n, type: STRING, value: "{{ outputs.job.vars.n }}"}
tasks:
  - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo {{ execution.id | length }}"]}
  - {id: wait, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT20M}
afterExecution:
  - {id: told, type: io.kestra.plugin.scripts.shell.Commands, commands: ["{{ execution.state }} {{ execution.outputs.n }}"]}
  - id: flaky
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ taskrun.attemptsCount < 1 }}"
    retry: {type: constant, interval: PT1H, maxAttempts: 2}
"""

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


def played(station: Station, fate: Fate, flow: str = FLOW, number: int = 1) -> list[Any]:
    """Starts a flow and deals with one event after another until nothing is to come; gives what came of it."""
    station.push({".flows/f.yml": flow, ".flows/sub.yml": SUB, ".flows/part.yml": PART})
    for _ in range(number):
        station.start("t", "f")
    later = None if number == 1 else station.start("t", "f", scheduled=station.clock.now + timedelta(hours=3))
    assert later is None or station.state(later) == "CREATED"
    kept, folders = Kept(), dict[str, Job]()
    for _ in range(1000):
        station = worked(station, folders)
        entry = first(station)
        if entry is None:
            break
        with station.database.read() as session:
            batch = Batch(station.kit, session, station.clock.now, kept)
            batch.hear(entry)
        before, station = station, fate(station, batch)
        kept = kept if before is station else Kept()
    found = sorted((came(station, row) for row in station.every()), key=lambda each: (each["called"], each["attempt"], each["history"][0].date))
    with station.database.read() as session:
        assert session.exec_driver_sql("SELECT count(*) FROM timer").scalar() == 0
    station.close()
    return found


def worked(station: Station, folders: dict[str, Job]) -> Station:
    """A runner does what there is to do, and the service what it does itself. `folders` are those that the runner holds."""
    while (own := station.database.write(serving.claim)) is not None:
        station.kit.storage.put("t", "f", own.execution_id, "x", "r", "rows", BytesIO(b"a\nb\nc\nd\ne\n"))
        serving.serve(station.kit, own, Event())
    while (job := station.dispatch.try_claim(RUNNER)) is not None:
        if job.holds:
            folders[job.lease.key] = job
            station.dispatch.ready(job.lease)
        else:
            assert job.folder is None or job.folder.key in folders
            station.dispatch.finish(job.lease, Outcome(Result.SUCCESS, outputs={"vars": {"n": job.spec["commands"][0]}}))
    for key, order in station.dispatch.beat_now(RUNNER.id, tuple(job.lease for job in folders.values())).items():
        held = folders[key] if order is Order.GO_ON else folders.pop(key)
        if order is Order.STOP:
            station.dispatch.finish(held.lease, Outcome(Result.SUCCESS, outputs={"outputFiles": {"made": "kestra:///made"}}))
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
        runs = task_runs.runs(session, id)
        names = {run.id: f"{run.node}{list(run.values)}" for run in runs}
        found = logs.read(session, id, level="TRACE")
        lines = [(names.get(entry.task_run, entry.task or ""), entry.attempt, _ID.sub("<id>", entry.line.message)) for entry in found]
    shown = [(names[run.id], names.get(run.parent or ""), run.iteration, run.history, run.attempts, without_ids(run.outputs)) for run in runs]
    of, caller = row.execution, row.execution.caller
    called = of.flow, "" if caller is None else f"{caller.task} {caller.number} {caller.serial} {caller.item}"
    labels = {key: value for key, value in of.labels.items() if key != "system.correlationId"}
    whole = {"history": of.history, "attempt": of.attempt, "outputs": of.outputs, "labels": labels, "breached": of.breached, "over": of.over}
    return whole | {"called": called, "runs": shown, "lines": sorted(lines, key=str)}


def without_ids(outputs: Any) -> Any:
    return json.loads(_ID.sub("<id>", json.dumps(outputs)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> list[Any]:
    return played(Station(tmp_path_factory.mktemp("fine") / "data", helper), stored)


def test_the_flow_comes_through_everything(undisturbed: list[Any]) -> None:
    mine = [each for each in undisturbed if each["called"] == ("f", "")]
    assert [each["history"][-1].state.value for each in mine] == ["RETRIED", "FAILED"]
    called = [each["history"][-1].state.value for each in undisturbed if each["called"][0] == "sub"]
    assert sorted(called) == ["FAILED", "FAILED", "RETRIED", "RETRIED"]
    assert [each["history"][-1].state.value for each in undisturbed if each["called"][1].startswith("loop")] == ["SUCCESS"] * 6
    for each in mine:
        runs = {name: (history, attempts, outputs) for name, _, _, history, attempts, outputs in each["runs"]}
        assert [stamp.state.value for stamp in runs["flaky[]"][0]] == ["CREATED", "RUNNING", "RETRYING", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]
        assert (len(runs["once[]"][1]), "mend[]" in runs, runs["until[]"][2]) == (2, False, {"iterationCount": 3})
        assert runs["after['{\"k\":1}']"][2] == {"value": '{"k":1} echo {"k":1}'}
        assert (runs["together[]"][2], len(runs["twice[]"][1])) == ({"outputFiles": {"made": "kestra:///made"}}, 2)
        assert runs["parts_items[]"][2] == {"numberOfBatches": 3, "iterations": {"SUCCESS": 2, "FAILED": 1}}
        assert len(runs) == 1 + 3 * 2 + 1 + 1 + 2 + 2 + 3 + 2 + 4 + 4 + 1


FATES = pytest.mark.parametrize("fate", [DiesBefore, lambda: dies_after, Refused], ids=["before each commit", "after each commit", "no commit at first"])


@FATES
def test_a_service_that_dies_at_every_batch_comes_to_the_same(tmp_path: Path, helper: Helper, undisturbed: list[Any], fate: Callable[[], Fate]) -> None:
    assert played(Station(tmp_path / "data", helper), fate()) == undisturbed


@pytest.fixture(scope="module")
def undisturbed_lives(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> list[Any]:
    return played(Station(tmp_path_factory.mktemp("fine") / "data", helper), stored, LIFE, 3)


def test_executions_that_come_one_after_another_come_through_everything(undisturbed_lives: list[Any]) -> None:
    first, second, third, later = undisturbed_lives
    assert [stamp.state.value for stamp in first["history"]] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    for each in (second, third):
        assert [stamp.state.value for stamp in each["history"]] == ["CREATED", "QUEUED", "RUNNING", "PAUSED", "CANCELLED"]
    assert [stamp.state.value for stamp in later["history"]] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert [each["outputs"] for each in undisturbed_lives] == [{"n": "echo 22"}] * 4
    assert [each["breached"] for each in undisturbed_lives] == [("known",), ("known", "slow"), ("known", "slow"), ("known",)]
    assert all(each["over"] for each in undisturbed_lives)
    for each in undisturbed_lives:
        ends = {name: (history[-1].state.value, len(attempts)) for name, _, _, history, attempts, _ in each["runs"]}
        assert (ends["told[]"], ends["flaky[]"]) == (("SUCCESS", 1), ("SUCCESS", 2))


@FATES
def test_their_order_and_their_ends_do_too(tmp_path: Path, helper: Helper, undisturbed_lives: list[Any], fate: Callable[[], Fate]) -> None:
    assert played(Station(tmp_path / "data", helper), fate(), LIFE, 3) == undisturbed_lives
