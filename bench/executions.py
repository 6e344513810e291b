"""Executions of Log tasks, created through REST by eight clients, until all have ended: durable at every step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2

from bench.figure import Figure, best, seconds
from bench.station import station

COUNT, CLIENTS = 400, 8
FLOW = "id: one\nnamespace: bench\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hello {{ execution.id }}\n"
TEN = "id: ten\nnamespace: bench\ntasks:\n" + "".join(
    f"  - id: log{number}\n    type: io.kestra.plugin.core.log.Log\n    message: hello {number}\n" for number in range(10)
)


def run() -> Iterator[Figure]:
    """The cost of one execution, and of one of ten tasks in a row."""
    with station(runner="false") as client:
        for text in (FLOW, TEN):
            client.post("/api/v1/main/flows", content=text, headers={"content-type": "application/x-yaml"}).raise_for_status()
        created(client, "one", 20)
        yield Figure("execution of one Log task, 8 clients", best(lambda: created(client, "one", COUNT), 2) / COUNT * 1e3, "ms/execution")
        yield Figure("sequential Log task, ten to an execution", best(lambda: created(client, "ten", COUNT // 4), 2) / COUNT * 4 / 10 * 1e3, "ms/task")
        yield Figure("create and wait for the end, one client", seconds(lambda: _alone(client, 50)) / 50 * 1e3, "ms/execution")


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


def _alone(client: httpx2.Client, count: int) -> None:
    for _ in range(count):
        client.post("/api/v1/main/executions/bench/one", params={"wait": "true"}).raise_for_status()
