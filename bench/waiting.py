"""What waits must cost nothing: ten thousand paused executions with ten timers each, in a service that is asked for nothing, and for executions.

One real paused execution is made, and its rows are copied while the service is down.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from bench.executions import COUNT, FLOW, created
from bench.figure import Figure, best
from bench.station import serving

PAUSED, TIMERS = 10_000, 100_000
IDLE = 20.0  #: seconds of which the processor's part is taken
_FAR = 4e9  #: when the timers are due
WAITING = """id: waiting
namespace: bench
tasks:
  - {id: until, type: io.kestra.plugin.core.flow.Pause}
"""
#: Columns that name an execution or a task run.
_IDS = {"id", "execution_id", "task_run_id", "caller_run", "root_id"}


def run() -> Iterator[Figure]:
    """The processor's time of a second without work, and an execution beside all that waits."""
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        data = str(Path(folder) / "data")
        with serving(data=data, runner="false") as (client, pid):
            for text in (FLOW, WAITING):
                client.post("/api/v1/main/flows", content=text, headers={"content-type": "application/x-yaml"}).raise_for_status()
            client.post("/api/v1/main/executions/bench/waiting").raise_for_status()
            alone = _measured(client)
            bare = _idle(pid)
        _multiply(Path(data) / "headgate.db")
        with serving(data=data, runner="false") as (client, pid):
            beside = _measured(client)
            idle = _idle(pid)
    yield Figure(f"processor of a second without work, {PAUSED:,} paused and {TIMERS:,} timers", idle * 1e3, "ms", bare * 1e3)
    yield Figure(f"execution of one Log task beside {PAUSED:,} paused and {TIMERS:,} timers", beside, "ms", alone)


def _measured(client: httpx2.Client) -> float:
    created(client, "one", 20)
    return best(lambda: created(client, "one", COUNT), 3) / COUNT * 1e3


def _idle(pid: int) -> float:
    """Seconds of processor time in a second, once what was done before has settled."""
    time.sleep(3)
    before = _processor(pid)
    time.sleep(IDLE)
    return (_processor(pid) - before) / IDLE


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _multiply(path: Path) -> None:
    """Copies the paused execution with its task runs, and gives each copy its timers."""
    with sqlite3.connect(path) as rows:
        (id,) = rows.execute("SELECT id FROM execution WHERE flow_id = 'waiting' AND state = 'PAUSED'").fetchone()
        for table, column in (("execution", "id"), ("taskrun", "execution_id")):
            names = [row[1] for row in rows.execute(f"PRAGMA table_info({table})")]
            copied = ", ".join(f"printf('%s%06d', substr({name}, 1, 16), n)" if name in _IDS else name for name in names)
            rows.execute(f"{_COUNTING} INSERT INTO {table} ({', '.join(names)}) SELECT {copied} FROM {table}, numbers WHERE {column} = ?", (PAUSED - 1, id))
        timers = "SELECT printf('%s%06d', substr(?, 1, 16), n % ?), NULL, 'sla', ? + n FROM numbers"
        rows.execute(f"{_COUNTING} INSERT INTO timer (execution_id, task_run_id, kind, due_at) {timers}", (TIMERS, id, PAUSED, _FAR))
    rows.close()


_COUNTING = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
