"""Loops of one service: what an iteration costs in a short loop and in a very long one, and by how much the service grows.

The floor of the long loop is the short one: cost follows the change, so an iteration costs the same however many there are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import httpx2

from bench.figure import Figure, seconds
from bench.station import memory, serving

SHORT, LONG, WIDE = 100, 10_000, 1_000
TASK = "{{id: {id}, type: io.kestra.plugin.core.debug.Return, format: '{{{{ {value} }}}}'}}"
ONE = TASK.format(id="one", value="taskrun.value")
FIVE = "".join(f"\n          - {TASK.format(id=f'p{number}', value='parent.taskrun.value')}" for number in range(5))
LOOP = """
id: loop{count}
namespace: bench
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {count}) }}}}"
    concurrencyLimit: {limit}
    tasks:
      - {body}
"""
PARALLEL = "id: five\n        type: io.kestra.plugin.core.flow.Parallel\n        tasks:" + FIVE


def run() -> Iterator[Figure]:
    """Milliseconds for one iteration, and megabytes."""
    with serving(runner="false") as (client, pid):
        for count, body in ((SHORT, ONE), (LONG, ONE), (WIDE, PARALLEL)):
            text = LOOP.format(count=count, limit=20, body=body)
            client.post("/api/v1/main/flows", content=text, headers={"content-type": "application/x-yaml"}).raise_for_status()
        _done(client, SHORT)
        short = median(seconds(partial(_done, client, SHORT)) for _ in range(9)) / SHORT * 1e3
        before = memory(pid)
        long = seconds(partial(_done, client, LONG)) / LONG * 1e3
        grown = memory(pid) - before
        wide = seconds(partial(_done, client, WIDE)) / WIDE * 1e3
    yield Figure(f"iteration of a loop over {SHORT} values", short, "ms")
    yield Figure(f"iteration of a loop over {LONG:,} values", long, "ms", short)
    yield Figure(f"memory that {LONG:,} values took at their peak", grown, "MB")
    yield Figure(f"iteration of {WIDE:,} with a Parallel of 5", wide, "ms", 5 * short)


def _done(client: httpx2.Client, count: int) -> None:
    ended = partial(_ended, client, count)
    before = ended()
    client.post(f"/api/v1/main/executions/bench/loop{count}").raise_for_status()
    until = time.monotonic() + 120
    while ended() == before:
        if time.monotonic() > until:
            raise TimeoutError(f"the loop over {count} values did not end")
        time.sleep(0.01)


def _ended(client: httpx2.Client, count: int) -> int:
    total: int = client.get("/api/v1/main/executions/search", params={"flowId": f"loop{count}", "state": "SUCCESS", "size": 1}).json()["total"]
    return total
