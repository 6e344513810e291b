"""Executions that were under way in an older version's database end in this one's."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from runners.protocol import Outcome, Result
from service.actions import executions
from service.git.helper import Helper
from service.store import schema
from tests.support.station import RUNNER, Station, station_at

CORE = "io.kestra.plugin.core"
FLOW = f"""
id: f
namespace: t
tasks:
  - {{id: said, type: {CORE}.debug.Return, format: early}}
  - id: group
    type: {CORE}.flow.Sequential
    tasks:
      - {{id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: ["true"]}}
      - {{id: nap, type: {CORE}.flow.Sleep, duration: PT1H}}
  - {{id: last, type: {CORE}.debug.Return, format: "{{{{ outputs.said.value }}}} {{{{ tasks.group.state }}}}"}}
"""


def written_by(revision: str, path: Path) -> None:
    """Makes the database one of an older schema, with what that has of the rows."""
    new = path.rename(path.with_suffix(".new"))
    settings = Config()
    settings.set_main_option("script_location", str(schema.MIGRATIONS))
    settings.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    command.upgrade(settings, revision)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("ATTACH ? AS new", (str(new),))
    for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name != 'alembic_version'").fetchall():
        columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({table})").fetchall())
        connection.execute(f"DELETE FROM main.{table}")
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    connection.close()


@pytest.mark.parametrize("claimed", [False, True])
def test_an_execution_that_was_under_way_ends(tmp_path: Path, helper: Helper, claimed: bool) -> None:
    folder = tmp_path / "data"
    first = Station(folder, helper)
    first.push({".flows/f.yml": FLOW})
    ids = [first.start("t", "f") for _ in range(3)]
    first.tick()
    job = first.dispatch.try_claim(RUNNER)
    assert job is not None
    first.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    job = first.dispatch.try_claim(RUNNER) if claimed else None
    first.tick()
    first.close()
    written_by("0002", folder / "headgate.db")
    schema.upgrade(folder / "headgate.db")
    with station_at(folder, helper) as second:
        assert [second.states(id).get("nap") for id in ids] == ["RUNNING", None, None]
        if job is not None:
            second.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
        while (found := second.dispatch.try_claim(RUNNER)) is not None:
            second.dispatch.finish(found.lease, Outcome(Result.SUCCESS))
        second.tick()
        second.database.write(partial(executions.kill, id=ids[2], by="ann"))
        second.clock.forward(hours=1)
        second.tick()
        assert [second.state(id) for id in ids] == ["SUCCESS", "SUCCESS", "KILLED"]
        for id in ids[:2]:
            assert (second.runs(id)["last"].outputs, list(second.states(id))) == ({"value": "early SUCCESS"}, ["said", "group", "job", "nap", "last"])


def test_groups_that_were_open_are_known_as_such(tmp_path: Path, helper: Helper) -> None:
    first = Station(tmp_path / "data", helper)
    id = first.flow(FLOW.partition("tasks:\n")[2])
    first.tick()
    first.close()
    written_by("0002", tmp_path / "data" / "headgate.db")
    schema.upgrade(tmp_path / "data" / "headgate.db")
    with sqlite3.connect(tmp_path / "data" / "headgate.db") as connection:
        found = connection.execute("SELECT task_id, leaf FROM taskrun WHERE execution_id = ? AND ended_at IS NULL ORDER BY position", (id,)).fetchall()
    connection.close()
    assert found == [("group", 0), ("job", 1)]
