"""Logs looked for across executions, downloaded, deleted: bounded, in order, and of one's own environment."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store import log_search, logs
from service.store.filters import Condition
from service.store.log_search import Wanted
from service.store.logs import Line
from tests.api.calling import problem
from tests.support.cost import steps
from tests.support.station import Station

API = "/api/v1/main"
FLOW = "id: {id}\nnamespace: {namespace}\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


def say(station: Station, id: str, *said: tuple[float, str, str], task: str = "a", attempt: int = 1) -> None:
    """Lines in one chunk: seconds from now, level and message."""
    lines = [Line(station.clock.now + timedelta(seconds=at), level, message) for at, level, message in said]
    station.database.write(partial(logs.append, execution=id, task_run=f"run-{task}", task=task, attempt=attempt, lines=lines))


@pytest.fixture
def ids(station: Station) -> dict[str, str]:
    """Executions of three flows, whose logs overlap in time."""
    flows = {"f": "t", "g": "t.sub", "h": "tt"}
    station.push({f".flows/{id}.yml": FLOW.format(id=id, namespace=namespace) for id, namespace in flows.items()})
    found = {id: station.start(namespace, id) for id, namespace in flows.items()}
    say(station, found["f"], (0, "INFO", "f0"), (4, "ERROR", 'f4 "Quoted" ÄÖ'), (8, "DEBUG", "f8"))
    say(station, found["g"], (1, "WARN", "g1"), (9, "INFO", "g9"), task="b")
    say(station, found["h"], (2, "INFO", "h2"), (3, "TRACE", "h3"))
    say(station, found["f"], (5, "INFO", "f5"), attempt=2)
    return found


def search(client: TestClient, **query: Any) -> tuple[list[str], int]:
    answer = client.get(f"{API}/logs/search", params={"size": 100, **query})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert "incomplete" not in found
    return [one["message"].split()[0] for one in found["results"]], found["total"]


ALL = ["g9", "f8", "f5", "f4", "h3", "h2", "g1", "f0"]


@pytest.mark.usefixtures("ids")
def test_lines_come_by_their_time_whatever_they_are_stored_in(client: TestClient):
    assert search(client) == (ALL, 8)
    assert search(client, sort="timestamp:asc") == (ALL[::-1], 8)
    pages = [search(client, size=3, page=page) for page in (1, 2, 3, 4)]
    assert pages == [(ALL[:3], 8), (ALL[3:6], 8), (ALL[6:], 8), ([], 8)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"minLevel": "WARN"}, ["f4", "g1"]),
        ({"namespace": "t"}, ["g9", "f8", "f5", "f4", "g1", "f0"]),
        ({"flowId": "f"}, ["f8", "f5", "f4", "f0"]),
        ({"q": '"quoted" äö'}, ["f4"]),
        ({"q": "1"}, ["g1"]),
        ({"q": "%"}, []),
        ({"taskId": "b"}, ["g9", "g1"]),
        ({"taskRunId": "run-b"}, ["g9", "g1"]),
        ({"attempt": 1}, ["f5"]),
        ({"startDate": "2026-03-02T12:00:04Z"}, ["g9", "f8", "f5", "f4"]),
        ({"endDate": "2026-03-02T12:00:02Z"}, ["h2", "g1", "f0"]),
        ({"startDate": "2026-03-02T13:00:04+01:00", "endDate": "2026-03-02T12:00:05Z"}, ["f5", "f4"]),
        ({"filters[namespace][EQUALS]": "t"}, ["f8", "f5", "f4", "f0"]),
        ({"filters[namespace][PREFIX]": "t"}, ["g9", "f8", "f5", "f4", "g1", "f0"]),
        ({"filters[namespace][STARTS_WITH]": "t"}, ALL),
        ({"filters[namespace][NOT_EQUALS]": "t"}, ["g9", "h3", "h2", "g1"]),
        ({"filters[flowId][IN]": "f,h"}, ["f8", "f5", "f4", "h3", "h2", "f0"]),
        ({"filters[flowId][REGEX]": "^[gh]$"}, ["g9", "h3", "h2", "g1"]),
        ({"filters[level][EQUALS]": "WARN"}, ["f4", "g1"]),
        ({"filters[level][NOT_EQUALS]": "INFO"}, ["f8", "h3"]),
        ({"filters[level][IN]": "TRACE,DEBUG"}, ["f8", "h3"]),
        ({"filters[q][CONTAINS]": "F"}, ["f8", "f5", "f4", "f0"]),
        ({"filters[startDate][GREATER_THAN_OR_EQUAL_TO]": "2026-03-02T12:00:08Z"}, ["g9", "f8"]),
        ({"filters[endDate][LESS_THAN_OR_EQUAL_TO]": "2026-03-02T12:00:01Z"}, ["g1", "f0"]),
        ({"filters[timeRange][EQUALS]": "P1000000D"}, None),
        ({"filters[timeRange][EQUALS]": "PT1S"}, []),
        ({"filters[scope][EQUALS]": "SYSTEM"}, []),
        ({"filters[triggerId][EQUALS]": "x"}, []),
        ({"filters[namespace][EQUALS]": "t", "minLevel": "INFO", "q": "f", "size": 2}, ["f5", "f4"]),
    ],
)
@pytest.mark.usefixtures("ids")
def test_a_search_is_narrowed_in_both_styles(client: TestClient, query: dict[str, Any], wanted: list[str] | None):
    if wanted is None:
        problem(client.get(f"{API}/logs/search", params=query), 422)
        return
    found, total = search(client, **query)
    assert found == wanted
    assert total == len(wanted) or "size" in query


def test_of_one_execution(client: TestClient, ids: dict[str, str]):
    assert search(client, executionId=ids["h"]) == (["h3", "h2"], 2)
    assert search(client, **{"filters[executionId][EQUALS]": ids["h"]}) == (["h3", "h2"], 2)
    entry = client.get(f"{API}/logs/search", params={"executionId": ids["g"], "size": 1}).json()["results"][0]
    assert (entry["namespace"], entry["flowId"], entry["executionId"], entry["taskId"], entry["attemptNumber"]) == ("t.sub", "g", ids["g"], "b", 0)


@pytest.mark.parametrize(
    "query",
    [
        {"filters[nothing][EQUALS]": "x"},
        {"filters[flowId][LIKE]": "x"},
        {"filters[flowId]": "x"},
        {"filters[flowId][GREATER_THAN]": "x"},
        {"filters[flowId][REGEX]": "("},
        {"filters[level][EQUALS]": "LOUD"},
        {"filters[timeRange][EQUALS]": "a day"},
        {"minLevel": "LOUD"},
        {"startDate": "yesterday"},
        {"sort": "message"},
        {"page": 101, "size": 100},
        {"unknown": "x"},
    ],
)
def test_a_search_that_means_nothing_is_refused(client: TestClient, query: dict[str, Any]):
    problem(client.get(f"{API}/logs/search", params=query), 422)


def test_a_pattern_takes_no_longer_than_its_text(client: TestClient, station: Station):
    station.push({".flows/f.yml": FLOW.format(id="a" * 60, namespace="t")})
    say(station, station.start("t", "a" * 60), (0, "INFO", "x"))
    assert search(client, **{"filters[flowId][REGEX]": "(a+)+$b"}) == ([], 0)


def test_a_search_reads_no_more_than_it_shows(station: Station, ids: dict[str, str]):
    """Of a flow's log, and not of the logs beside it."""

    def cost() -> int:
        wanted = Wanted("main", flow="f", conditions=(Condition("namespace", "EQUALS", ("t",)),))
        return steps(station.database, lambda session: log_search.search(session, wanted, limit=2, offset=0))

    for number in range(5):
        say(station, ids["f"], (100 + number, "INFO", "x"))
    few = cost()
    for number in range(300):
        say(station, ids["h"], (1000 + number, "INFO", "x"))
    assert cost() == few


def test_what_is_too_much_to_look_through_is_said(client: TestClient, station: Station, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_search, "_HEAVIEST", 100)
    answer = client.get(f"{API}/logs/search", params={"q": "nowhere"}).json()
    assert answer == {"results": [], "total": 0, "incomplete": True}


# download


def test_a_log_is_downloaded_as_text(client: TestClient, ids: dict[str, str]):
    answer = client.get(f"{API}/logs/{ids['f']}/download", params={"minLevel": "INFO"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{ids["f"]}.log"'
    lines = ["12:00:00.000000Z INFO f0", '12:00:04.000000Z ERROR f4 "Quoted" ÄÖ', "12:00:05.000000Z INFO f5"]
    assert answer.text == "".join(f"2026-03-02T{line}\n" for line in lines)
    assert client.get(f"{API}/logs/{ids['f']}/download", params={"attempt": 1}).text.endswith("INFO f5\n")
    problem(client.get(f"{API}/logs/{'0' * 22}/download"), 404)


# deleting


def test_a_log_is_deleted_from_a_level_up(client: TestClient, station: Station, ids: dict[str, str]):
    answer = client.delete(f"{API}/logs/{ids['f']}", params={"minLevel": "INFO"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert search(client)[0] == ["g9", "f8", "h3", "h2", "g1"]
    # What is logged from now on has its place behind what was there.
    say(station, ids["f"], (10, "INFO", "f10"))
    assert station.log(ids["f"]) == ["f8", "f10"]
    client.delete(f"{API}/logs/{ids['f']}")
    assert station.log(ids["f"]) == []
    assert search(client)[1] == 4


def test_the_logs_of_a_flow_are_deleted_in_slices(client: TestClient, station: Station, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logs, "_SLICE", 2)
    for number in range(7):
        say(station, ids["f"], (number, "INFO", "more"))
    assert client.delete(f"{API}/logs/t/f").status_code == 200
    assert search(client)[0] == ["g9", "h3", "h2", "g1"]
    problem(client.delete(f"{API}/logs/{'0' * 22}"), 404)


def test_lines_that_stay_keep_their_numbers(station: Station, ids: dict[str, str]):
    def next_line() -> int:
        with station.database.read() as session:
            return logs.next_line(session, ids["f"], "run-a", 1, logs.SERVICE)

    assert next_line() == 3
    station.database.write(partial(logs.forget, chosen={"execution_id": ids["f"]}, level="INFO"))
    assert next_line() == 3
