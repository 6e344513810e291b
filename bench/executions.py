"""Executions of Log tasks, created through REST by eight clients, until all have ended: durable at every step.

The floor is SQLite alone with the same durability: a commit for the creation, and two for each task.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2

from bench.figure import Figure, best, seconds
from bench.station import station

COUNT, CLIENTS = 400, 8
FLOW = "id: one\nnamespace: bench\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hello {{ execution.id }}\n"
LONG = 200


def _row(id: str, tasks: int) -> str:
    lines = (f"  - id: log{number}\n    type: io.kestra.plugin.core.log.Log\n    message: hello {number}\n" for number in range(tasks))
    return f"id: {id}\nnamespace: bench\ntasks:\n{''.join(lines)}"


TEN = _row("ten", 10)


def run() -> Iterator[Figure]:
    """The cost of one execution, of one of ten tasks in a row, and of a task where nobody else wants anything."""
    floor, floor_of_ten = _bare(1, 300), _bare(10, 30)
    with station(runner="false") as client:
        for text in (FLOW, TEN, _row("long", LONG)):
            client.post("/api/v1/main/flows", content=text, headers={"content-type": "application/x-yaml"}).raise_for_status()
        created(client, "one", 20)
        one = best(lambda: created(client, "one", COUNT), 3) / COUNT
        ten = best(lambda: created(client, "ten", COUNT // 4), 3) / COUNT * 4
        alone, long = (median(seconds(partial(_awaited, client, flow)) for _ in range(times)) for flow, times in (("one", 50), ("long", 9)))
    yield Figure("execution of one Log task, 8 clients", one * 1e3, "ms/execution", floor * 1e3)
    yield Figure("sequential Log task, ten to an execution", ten / 10 * 1e3, "ms/task", floor_of_ten / 10 * 1e3)
    yield Figure("create and wait for the end, one client", alone * 1e3, "ms/execution", floor * 1e3)
    yield Figure("from the end of a task to that of the next, one client", (long - alone) / (LONG - 1) * 1e3, "ms/task", (floor_of_ten - floor) / 9 * 1e3)


def _bare(tasks: int, count: int) -> float:
    """Seconds of an execution in a bare SQLite, each change of state durable by itself: made, and each of its tasks begun and ended."""
    with TemporaryDirectory(prefix="headgate-bench-") as folder, closing(sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)) as rows:
        rows.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE execution (id TEXT PRIMARY KEY, state TEXT);")
        rows.executescript("CREATE TABLE taskrun (id TEXT PRIMARY KEY, state TEXT); CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT);")

        def one(number: int) -> None:
            rows.execute("INSERT INTO execution VALUES (?, 'CREATED')", (f"e{number}",))
            for task in range(tasks):
                rows.execute("INSERT INTO taskrun VALUES (?, 'RUNNING')", (f"t{number}-{task}",))
                rows.execute("BEGIN")
                rows.execute("INSERT INTO log (line) VALUES ('hello')")
                rows.execute("UPDATE taskrun SET state = 'SUCCESS' WHERE id = ?", (f"t{number}-{task}",))
                rows.execute("UPDATE execution SET state = 'SUCCESS' WHERE id = ?", (f"e{number}",))
                rows.execute("COMMIT")

        def work() -> None:
            for number in range(count):
                one(number)

        return seconds(work) / count


def created(client: httpx2.Client, flow: str, count: int) -> None:
    """Creates so many by eight clients, and waits for the end of all."""
    before = _ended(client, flow)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for answer in pool.map(lambda _: client.post(f"/api/v1/main/executions/bench/{flow}"), range(count)):
            answer.raise_for_status()
    until = time.monotonic() + 120
    while _ended(client, flow) < before + count:
        if time.monotonic() > until:
            raise TimeoutError("the executions did not end")
        time.sleep(0.02)


def _ended(client: httpx2.Client, flow: str) -> int:
    total: int = client.get("/api/v1/main/executions/search", params={"namespace": "bench", "flowId": flow, "state": "SUCCESS", "size": 1}).json()["total"]
    return total


def _awaited(client: httpx2.Client, flow: str) -> None:
    client.post(f"/api/v1/main/executions/bench/{flow}", params={"wait": "true"}).raise_for_status()
