"""Metrics over HTTP: of an execution, by name and task, and added up over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from runners.protocol import Metric
from service.store import metrics
from service.store.metrics import Source
from tests.api.calling import problem
from tests.support.station import Station

API = "/api/v1/main"
PUBLISH = "io.kestra.plugin.core.metric.Publish"


def task(id: str, *values: float, name: str = "rows") -> str:
    listed = ", ".join(f"{{type: counter, name: {name}, value: {value}, tags: {{of: {id}}}}}" for value in values)
    return f"  - {{id: {id}, type: {PUBLISH}, metrics: [{listed}]}}\n"


@pytest.fixture
def published(station: Station) -> str:
    id = station.flow(task("a", 1, 2) + task("b", 4) + task("c", 8, name="other"))
    station.tick()
    return id


def keep(station: Station, id: str, at: datetime, value: float) -> None:
    """A number that was published at some time."""
    execution = station.execution(id).execution
    source = Source("a", "run", 1)
    station.database.write(lambda session: metrics.add(session, execution, [(source, Metric("n", "gauge", value))], at.timestamp()))


@pytest.mark.parametrize("api", [API, "/api/v1"])
def test_the_metrics_of_an_execution(client: TestClient, station: Station, published: str, api: str):
    found = client.get(f"{api}/metrics/{published}").json()
    run = station.runs(published)["a"].id
    assert (found["total"], [one["value"] for one in found["results"]]) == (4, [1.0, 2.0, 4.0, 8.0])
    assert found["results"][0] == {
        "tenantId": "main",
        "namespace": "t",
        "flowId": "f",
        "taskId": "a",
        "executionId": published,
        "taskRunId": run,
        "type": "counter",
        "name": "rows",
        "value": 1.0,
        "tags": {"of": "a"},
        "timestamp": "2026-03-02T12:00:00.000000Z",
    }


def test_they_are_narrowed_sorted_and_paged(client: TestClient, station: Station, published: str):
    def values(query: str) -> list[float]:
        return [one["value"] for one in client.get(f"{API}/metrics/{published}?{query}").json()["results"]]

    assert values("taskId=b") == [4.0]
    assert values(f"taskRunId={station.runs(published)['c'].id}") == [8.0]
    assert values("sort=timestamp:desc&size=2") == [8.0, 4.0]
    assert values("page=2&size=3") == [8.0]
    problem(client.get(f"{API}/metrics/{published}?sort=value"), 422)
    problem(client.get(f"{API}/metrics/nobody"), 404)


def test_names_and_tasks_of_a_flow(client: TestClient, published: str):
    assert client.get(f"{API}/metrics/names/t/f").json() == ["other", "rows"]
    assert client.get(f"{API}/metrics/names/t/f/c").json() == ["other"]
    assert client.get(f"{API}/metrics/tasks/t/f").json() == ["a", "b", "c"]
    assert client.get(f"{API}/metrics/names/t/nobody").json() == []


@pytest.mark.parametrize(("aggregation", "value"), [("", 7.0), ("sum", 7.0), ("avg", 7 / 3), ("min", 1.0), ("max", 4.0)])
def test_values_are_added_up(client: TestClient, published: str, aggregation: str, value: float):
    query = "startDate=2026-03-01T00:00:00Z&endDate=2026-03-03T00:00:00Z" + (f"&aggregation={aggregation}" if aggregation else "")
    found = client.get(f"{API}/metrics/aggregates/t/f/rows?{query}").json()
    assert found["groupBy"] == "day"
    assert found["aggregations"] == [
        {"name": "rows", "value": 0.0, "date": "2026-03-01T00:00:00.000000Z"},
        {"name": "rows", "value": value, "date": "2026-03-02T00:00:00.000000Z"},
        {"name": "rows", "value": 0.0, "date": "2026-03-03T00:00:00.000000Z"},
    ]
    of_task = client.get(f"{API}/metrics/aggregates/t/f/b/rows?{query}").json()
    assert of_task["aggregations"][1]["value"] == 4.0


@pytest.mark.parametrize(
    ("length", "group", "number"),
    [
        (timedelta(hours=1), "minute", 61),
        (timedelta(hours=24), "hour", 25),
        (timedelta(days=30), "day", 31),
        (timedelta(days=200), "week", 30),
        (timedelta(days=731), "month", 25),
    ],
)
def test_the_time_is_cut_up_as_suits_its_length(client: TestClient, station: Station, published: str, length: timedelta, group: str, number: int):
    since = datetime(2024, 3, 1, tzinfo=UTC)
    for at, value in ((since, 1), (since + length / 2, 2), (since + length, 4)):
        keep(station, published, at, value)
    query = {"startDate": since.isoformat(), "endDate": (since + length).isoformat()}
    found = client.get(f"{API}/metrics/aggregates/t/f/n", params=query).json()
    values = [one["value"] for one in found["aggregations"]]
    assert (found["groupBy"], len(values), values[0], sum(values), values[-1]) == (group, number, 1.0, 7.0, 4.0)


@pytest.mark.parametrize(
    "query",
    ["aggregation=median", "startDate=soon", "startDate=2026-03-02T00:00:00Z&endDate=2026-03-01T00:00:00Z", "startDate=0001-01-01&endDate=9999-12-01"],
)
def test_what_can_not_be_added_up_is_refused(client: TestClient, published: str, query: str):
    problem(client.get(f"{API}/metrics/aggregates/t/f/rows?{query}"), 422)


def test_the_file_of_a_log_is_shown_with_its_attempt(client: TestClient, station: Station):
    id = station.flow("  - {id: a, type: io.kestra.plugin.core.log.Log, message: x, logToFile: true}\n")
    station.tick()
    (attempt,) = client.get(f"{API}/executions/{id}").json()["taskRunList"][0]["attempts"]
    assert attempt["logFile"].startswith(f"kestra:///t/f/executions/{id}/tasks/a/")
