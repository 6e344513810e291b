"""Lists of executions are read by an index, whatever they are narrowed to: what others have must not be passed over one by one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from service.store import executions
from service.store.executions import Filter
from tests.support.station import Station


def plans(station: Station, wanted: Filter) -> list[str]:
    """How the database finds the page and the number of a list."""
    said: list[tuple[str, Any]] = []
    with station.database.read() as session:

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            said.append((statement, parameters))

        event.listen(session, "before_cursor_execute", note)
        executions.search(session, wanted, limit=10, offset=0)
        event.remove(session, "before_cursor_execute", note)
        found = [session.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all() for statement, parameters in said]
    return [" ".join(row[-1] for row in rows if "execution" in row[-1]) for rows in found]


@pytest.mark.parametrize(
    ("narrowed", "columns"),
    [
        ({}, "(environment=? AND kind=?)"),
        ({"namespace": "n"}, "(environment=? AND kind=?)"),
        ({"flow_id": "f"}, "ix_execution_named (environment=? AND kind=? AND flow_id=?)"),
        ({"flow_id": "f", "namespace": "n"}, "ix_execution_named (environment=? AND kind=? AND flow_id=?)"),
        ({"flow_id": "f", "namespace": "n", "states": ("SUCCESS", "FAILED")}, "ix_execution_named (environment=? AND kind=? AND flow_id=?)"),
        ({"flow_id": "f", "since": 5.0}, "ix_execution_named (environment=? AND kind=? AND flow_id=? AND created_at>?)"),
    ],
)
def test_a_list_is_read_by_an_index(station: Station, narrowed: dict[str, Any], columns: str) -> None:
    found = plans(station, Filter("main", **narrowed))
    assert len(found) == 2
    assert all(columns in plan for plan in found), found
