"""The executions of a flow that count against its limit, and the line of those that wait for a place. Counted from states, so that nothing can drift."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from service.engine.execution import LOOP
from service.engine.state import State
from service.store.database import Session
from service.store.tables import IN_LINE, core
from service.store.tables import Execution as Table

_table = core(Table)
_MANY = 500  #: ids in one statement

#: States in which an execution wants to run, and does not.
WAITS = frozenset({State.CREATED, State.QUEUED, State.RESTARTED})
#: States in which it has a place.
HOLDS = frozenset(state for state in State if not state.terminal and state not in WAITS)

_COUNTED = _table.c.kind != LOOP
_held = select(func.count()).where(_COUNTED, _table.c.flow == bindparam("b_flow"), _table.c.state.in_([state.value for state in sorted(HOLDS)]))
_line = (
    select(_table.c.joined_at, _table.c.id, _table.c.state)
    .where(_COUNTED, _table.c.flow == bindparam("b_flow"), IN_LINE)
    .where((_table.c.joined_at > bindparam("b_joined")) | ((_table.c.joined_at == bindparam("b_joined")) & (_table.c.id > bindparam("b_id"))))
    .order_by(_table.c.joined_at, _table.c.id)
)

Place = tuple[float, str]  #: where an execution stands in the line: when it came, and its id
FRONT: Place = (-1.0, "")


def held(session: Session, flow: str) -> int:
    """How many executions of a flow have a place."""
    return int(session.execute(_held, {"b_flow": flow}).scalar_one())


def line(session: Session, flow: str, most: int, after: Place = FRONT) -> tuple[tuple[Place, State], ...]:
    """Those that want a place now, the first one first, behind a place in the line."""
    rows = session.execute(_line.limit(most), {"b_flow": flow, "b_joined": after[0], "b_id": after[1]})
    return tuple(((row.joined_at, row.id), State(row.state)) for row in rows)


def counts(session: Session, flows: Sequence[str]) -> dict[str, int]:
    """How many executions of each of some flows have a place."""
    found: dict[str, int] = {}
    for start in range(0, len(flows), _MANY):
        where = (_COUNTED, _table.c.flow.in_(flows[start : start + _MANY]), _table.c.state.in_([state.value for state in sorted(HOLDS)]))
        statement = select(_table.c.flow, func.count()).where(*where).group_by(_table.c.flow)
        found |= {flow: int(number) for flow, number in session.execute(statement)}
    return found
