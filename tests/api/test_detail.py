"""One execution, shown and followed: what is kept of it stays true, and what a change costs does not follow from how much there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event as happening
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

from service.api import serial
from service.api.detail import Seen
from service.engine.execution import Attempt, TaskRun
from service.engine.state import Stamp, State
from service.git.helper import Helper
from service.store import detail, executions, task_runs
from service.store.codec import new_id
from service.store.database import Session
from tests.api.calling import at_work, calling
from tests.support.cost import steps
from tests.support.station import Station, station_at

API = "/api/v1/main"
CORE = "io.kestra.plugin.core"
FLOW = f"""
id: f
namespace: t
tasks:
  - id: loop
    type: {CORE}.flow.ForEach
    values: [1, 2, 3]
    tasks:
      - {{id: nap, type: {CORE}.flow.Sleep, duration: PT1M}}
      - {{id: say, type: {CORE}.debug.Return, format: 'it is "{{{{ taskrun.value }}}}"'}}
  - {{id: last, type: {CORE}.execution.Fail, errorMessage: so it ends}}
"""


def without_durations(text: str) -> Any:
    return json.loads(re.sub(r'"duration":"PT[^"]*"', '"duration":""', text))


def fresh(station: Station, id: str) -> str:
    with station.database.read() as session:
        found = executions.get(session, id)
        assert found is not None
        return serial.execution(station.kit, session, found)


def add_runs(station: Station, id: str, number: int, outputs: dict[str, Any] | None = None) -> list[TaskRun]:
    """Task runs that have ended."""
    at = station.clock.now
    history = tuple(Stamp(state, at + timedelta(seconds=after)) for after, state in enumerate((State.CREATED, State.RUNNING, State.SUCCESS)))
    runs = [TaskRun(new_id(), id, "one", None, history, (Attempt(1, history, "runner-1"),), f"é{n}", n, {}, outputs or {"n": n}) for n in range(number)]
    station.database.write(lambda session: task_runs.save(session, list(enumerate(runs, 100)), []))
    return runs


def touch(station: Station, id: str, changed: TaskRun | None = None) -> None:
    def action(session: Session) -> None:
        found = executions.get(session, id)
        assert found is not None
        executions.touch(session, found)
        if changed is not None:
            task_runs.save(session, [], [changed])

    station.database.write(action)


# shapes


def test_task_runs_are_written_as_before(client: TestClient, station: Station):
    station.push({".flows/f.yml": FLOW})
    id = station.start("t", "f")
    for _ in range(6):
        station.tick()
        station.clock.forward(minutes=1)
    shown = client.get(f"{API}/executions/{id}").json()
    last = shown["taskRunList"][-1]
    assert last.keys() == {"id", "executionId", "namespace", "flowId", "taskId", "attempts", "outputs", "state"}
    assert last["state"].keys() == {"current", "histories", "startDate", "duration", "endDate"}
    assert last["attempts"][0].keys() == {"state", "message"}
    assert last["attempts"][0]["message"] == "so it ends"
    inner = next(run for run in shown["taskRunList"] if run["taskId"] == "say")
    assert (inner["value"], inner["iteration"], inner["outputs"]) == ("1", 0, {"value": 'it is "1"'})
    assert inner["parentTaskRunId"] == shown["taskRunList"][0]["id"]
    assert inner["state"]["histories"][0] == {"state": "CREATED", "date": inner["state"]["startDate"]}


def test_secrets_are_hidden_however_outputs_are_written(tmp_path, helper: Helper):
    environ = {"SECRET_DOOR": "b3Blbi1zZXNhbWU=", "SECRET_LINES": "Zmlyc3QgbGluZQpzZWNvbmQgbGluZQ==", "SECRET_NUMBER": "OTg3NjU0MzIx"}
    with station_at(tmp_path / "data", helper, environ=environ) as station, calling(station) as client:
        station.push({".flows/f.yml": FLOW})
        id = station.start("t", "f")
        odd = {"open-sesame": 1, "a": "x open-sesame y", "b": ["first line\nsecond line", 'q"open-sesame'], "n": 987654321, "m": 98765432}
        add_runs(station, id, 3, odd)
        text = client.get(f"{API}/executions/{id}").text
        outputs = json.loads(text)["taskRunList"][-1]["outputs"]
    assert outputs == {"******": 1, "a": "x ****** y", "b": ["******", 'q"******'], "n": "******", "m": 98765432}
    assert "sesame" not in text


# asked again


def test_what_has_not_changed_is_not_sent_again(client: TestClient, station: Station):
    station.push({".flows/f.yml": FLOW})
    id = station.start("t", "f")
    station.tick()
    first = client.get(f"{API}/executions/{id}")
    tag = first.headers["etag"]
    again = client.get(f"{API}/executions/{id}", headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    station.clock.forward(minutes=1)
    station.tick()
    changed = client.get(f"{API}/executions/{id}", headers={"if-none-match": tag})
    assert (changed.status_code, len(changed.json()["taskRunList"])) == (200, len(first.json()["taskRunList"]) + 2)


def test_task_runs_come_in_pages_to_whoever_asks_for_that(client: TestClient, station: Station):
    station.push({".flows/f.yml": FLOW})
    id = station.start("t", "f")
    runs = add_runs(station, id, 7)

    def page(**query: int) -> tuple[list[str], int | None]:
        found = client.get(f"{API}/executions/{id}", params=query).json()
        return [run["id"] for run in found["taskRunList"]], found.get("taskRunTotal")

    assert page() == ([run.id for run in runs], None)
    assert page(taskRunSize=3) == ([run.id for run in runs[:3]], 7)
    assert page(taskRunSize=3, taskRunPage=3) == ([runs[6].id], 7)
    assert page(taskRunSize=0) == ([], 7)


# followed


def test_what_is_kept_while_following_is_what_is_there(station: Station):
    station.push({".flows/f.yml": FLOW})
    id = station.start("t", "f")
    seen = Seen(station.kit, id)
    for _ in range(4):
        station.tick()
        shown = seen.look()
        assert shown is not None
        assert without_durations(shown) == without_durations(fresh(station, id))
        assert seen.look() is None
        station.clock.forward(minutes=1)
    assert seen.ended


def test_task_runs_that_are_taken_out_are_shown_no_more(station: Station):
    station.push({".flows/f.yml": FLOW})
    id = station.start("t", "f")
    runs = add_runs(station, id, 5)
    seen, row = Seen(station.kit, id), station.execution(id)
    seen.look()

    def rewind(session: Session) -> None:
        executions.touch(session, row)
        task_runs.forget(session, [run.id for run in runs[3:]])

    station.database.write(rewind)
    shown = seen.look()
    assert shown is not None
    assert [run["id"] for run in json.loads(shown)["taskRunList"]] == [run.id for run in runs[:3]]
    assert without_durations(shown) == without_durations(fresh(station, id))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What the database is asked."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    happening.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        happening.remove(Engine, "before_cursor_execute", note)


def test_a_detail_takes_the_same_few_statements_for_few_and_for_many(client: TestClient, station: Station, statements: list[str]):
    station.push({".flows/f.yml": FLOW})
    counts = []
    for number in (1, 3000):
        id = station.start("t", "f")
        add_runs(station, id, number)
        statements.clear()
        assert len(client.get(f"{API}/executions/{id}").json()["taskRunList"]) == number
        counts.append(len(statements))
    assert counts[0] == counts[1] < 8


def look(id: str, since: int, session: Session) -> list[detail.Stored]:
    return list(detail.changed(session, id, since))


def test_a_change_costs_the_same_among_few_and_among_many(station: Station):
    station.push({".flows/f.yml": FLOW})
    costs = []
    for number in (10, 3000):
        id = station.start("t", "f")
        runs = add_runs(station, id, number)
        seen = Seen(station.kit, id)
        seen.look()
        before = station.execution(id).version
        touch(station, id, runs[5])
        with station.database.read() as session:
            assert [run.id for run in detail.changed(session, id, before)] == [runs[5].id]
        costs.append(steps(station.database, partial(look, id, before)))
        shown = seen.look()
        assert shown is not None
        assert len(json.loads(shown)["taskRunList"]) == number
    assert costs[0] == costs[1]


# executions that take over


AGAIN = f"""
id: again
namespace: t
retry: {{type: constant, interval: PT0.05S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}
tasks:
  - {{id: try, type: {CORE}.execution.Fail, errorMessage: no luck}}
"""


def test_whoever_waits_gets_the_execution_that_took_over(client: TestClient, station: Station):
    station.push({".flows/again.yml": AGAIN})
    with at_work(station):
        shown = client.post(f"{API}/executions/t/again?wait=true").json()
    assert (shown["state"]["current"], shown["metadata"]["attemptNumber"]) == ("FAILED", 3)
    assert [row.execution.state.value for row in station.every()] == ["RETRIED", "RETRIED", "FAILED"]


def test_a_log_goes_on_with_the_execution_that_took_over(client: TestClient, station: Station):
    station.push({".flows/again.yml": AGAIN})
    first = station.start("t", "again")
    with at_work(station):
        told = client.get(f"{API}/logs/{first}/follow").text.split("\n\n")
    values = [json.loads(line.removeprefix("data: ")) for event in told for line in event.splitlines() if line.startswith("data: ")]
    every = [row.execution.id for row in station.every()]
    assert [value["executionId"] for value in values if value.get("message") == "no luck"] == every
    assert values[-1] == {"id": every[-1], "state": "FAILED"}
    # The executions themselves are followed one by one.
    ends = client.get(f"{API}/executions/{first}/follow").text
    assert '"current":"RETRIED"' in ends
    assert "event: end" in ends
