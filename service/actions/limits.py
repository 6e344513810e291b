"""Places under the limits of flows, as a batch gives them: counted from the states of executions, those that the batch has changed among them.

The limit is the one of the live revision, whichever revision an execution runs: what is at the tip is what holds. Who comes first goes first: nobody runs while
one that came before it waits, not even where there is room for both. (Rule: KESTRA.md 8.3.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from service.actions.kit import Kit
from service.engine.events import Freed
from service.engine.execution import LOOP, Execution
from service.engine.state import State
from service.flows.flow import Flow
from service.flows.policies import Concurrency
from service.store import events, flows, lines
from service.store.database import Session
from service.store.executions import Row
from service.store.lines import HOLDS, WAITS, Place

#: So many are told at once that they may run; the last of them has the next ones told.
_TOLD = 100

_FULL = {"QUEUE": State.QUEUED, "CANCEL": State.CANCELLED, "FAIL": State.FAILED}


class Limits:
    """Used by one thread, for one batch. `state_of` gives the state of an execution that the batch has touched, None of any other."""

    def __init__(self, kit: Kit, session: Session, state_of: Callable[[str], State | None]) -> None:
        self._kit, self._session, self._state_of = kit, session, state_of
        self._limits: dict[str, Concurrency | None] = {}
        self._held: dict[str, int] = {}
        self._more: dict[str, int] = {}  #: places that the batch has given and not taken back
        self._lines: dict[str, _Line] = {}
        self._free: dict[str, int | None] = {}  #: flows of which others may run now, and their limits

    def admission(self, row: Row, execution: Execution) -> State:
        """What becomes of an execution that would run now."""
        limit = self._limit(row)
        if limit is None or execution.kind == LOOP:
            return State.RUNNING
        if self._taken(row.flow) < limit.limit and (limit.behavior != "QUEUE" or self._is_first(row.flow, execution)):
            return State.RUNNING
        return State.QUEUED if execution.state is State.QUEUED else _FULL[limit.behavior]

    def moved(self, row: Row, before: State, after: State) -> None:
        """Takes the change of an execution's state."""
        if before is after or row.execution.kind == LOOP:
            return
        self._more[row.flow] = self._more.get(row.flow, 0) + (after in HOLDS) - (before in HOLDS)
        if before in WAITS or (before in HOLDS and after not in HOLDS):
            limit = self._limit(row)
            if limit is not None or before is State.QUEUED:
                self._free[row.flow] = None if limit is None else limit.limit

    def store(self, session: Session) -> None:
        """Tells those for which there is a place now; to be called when the states are stored."""
        for flow, limit in self._free.items():
            room = _TOLD if limit is None else min(_TOLD, limit - lines.held(session, flow))
            if room > 0:
                for (_, id), state in lines.line(session, flow, room):
                    if state is State.QUEUED:
                        events.add(session, id, None, Freed())

    def _limit(self, row: Row) -> Concurrency | None:
        if row.flow not in self._limits:
            flow = flows.by_id(self._session, row.flow)
            read = self._live(flow) or self._kit.reader.revision(self._session, row.flow, row.execution.revision).flow
            self._limits[row.flow] = read.concurrency if read else None
        return self._limits[row.flow]

    def _live(self, flow: flows.Flow | None) -> Flow | None:
        """What runs now; None where the flow was deleted: then each execution's own revision says what its limit is."""
        if flow is None or flow.live is None:
            return None
        known = self._kit.reader.known(flow.blob, flow.path)
        return known.flow if known is not None else self._kit.reader.live(self._session, flow)

    def _taken(self, flow: str) -> int:
        if flow not in self._held:
            self._held[flow] = lines.held(self._session, flow)
        return self._held[flow] + self._more.get(flow, 0)

    def _is_first(self, flow: str, execution: Execution) -> bool:
        if flow not in self._lines:
            self._lines[flow] = _Line(self._session, flow, self._state_of)
        first = self._lines[flow].first()
        return first is None or (execution.joined.timestamp(), execution.id) <= first


class _Line:
    """Those of a flow that wait, read little by little. Who has left it in this batch does not come back."""

    def __init__(self, session: Session, flow: str, state_of: Callable[[str], State | None]) -> None:
        self._session, self._flow, self._state_of = session, flow, state_of
        self._read: deque[Place] = deque()
        self._after: Place | None = lines.FRONT

    def first(self) -> Place | None:
        """Who is the first; None for nobody."""
        while True:
            while self._read and self._state_of(self._read[0][1]) not in (None, *WAITS):
                self._read.popleft()
            if self._read or self._after is None:
                return self._read[0] if self._read else None
            found = lines.line(self._session, self._flow, _TOLD, self._after)
            self._after = found[-1][0] if found else None
            self._read.extend(place for place, _ in found)


def look_again(session: Session, flow: str) -> None:
    """Has the limit of a flow asked anew, because it may be another one now."""
    for (_, id), state in lines.line(session, flow, 1):
        if state is State.QUEUED:
            events.add(session, id, None, Freed())
