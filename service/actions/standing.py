"""What the tasks of an execution are doing, as a batch has it so far.

Asked at the steps of an execution in which something waits, so it must not count them: ten thousand may be open. What the batch has changed is held by state;
of what is stored, a few of each state are read, and more only once the batch has changed those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from service.engine.execution import TaskRun
from service.engine.record import WAITING
from service.engine.state import State
from service.store import task_runs
from service.store.database import Session

_BUSY = tuple(state for state in State if not state.terminal and state not in WAITING)


class Standing:
    """Used by one thread, for one execution of one batch. `known` says which task runs the batch has, or has forgotten: of these, what is stored is old."""

    def __init__(self, session: Session, execution: str, known: Callable[[str], bool]) -> None:
        self._session, self._execution, self._known = session, execution, known
        self._mine: dict[State, dict[str, None]] = {}
        self._where: dict[str, State] = {}
        self._stored: dict[State, _Stored] = {}

    def put(self, run: TaskRun, *, leaf: bool) -> None:
        """Takes a task run as the batch has it; groups count while they wait."""
        self.forget(run.id)
        if run.state in WAITING or (leaf and not run.state.terminal):
            self._mine.setdefault(run.state, {})[run.id] = None
            self._where[run.id] = run.state

    def forget(self, id: str) -> None:
        """Takes it out again."""
        state = self._where.pop(id, None)
        if state is not None:
            del self._mine[state][id]

    def states(self, but: Collection[str]) -> frozenset[State]:
        """A state of a task that is under way, if there is one; else those of all that waits. `but` are task runs that do not count."""
        busy = next((state for state in _BUSY if self._has(state, but)), None)
        return frozenset(state for state in WAITING if self._has(state, but)) if busy is None else frozenset({busy})

    def _has(self, state: State, but: Collection[str]) -> bool:
        if any(id not in but for id in self._mine.get(state, ())):
            return True
        if state not in self._stored:
            self._stored[state] = _Stored(self._session, self._execution, state)
        return self._stored[state].has(self._known, but)


class _Stored:
    """The stored task runs of one state, in the order of their creation, read little by little."""

    def __init__(self, session: Session, execution: str, state: State) -> None:
        self._session, self._execution, self._state = session, execution, state
        self._read: deque[str] = deque()
        self._after: int | None = -1

    def has(self, known: Callable[[str], bool], but: Collection[str]) -> bool:
        """Whether there is one that is neither known nor left out. What is known once stays so, and is not looked at again."""
        while True:
            while self._read and known(self._read[0]):
                self._read.popleft()
            if any(not known(id) and id not in but for id in self._read):
                return True
            if self._after is None:
                return False
            found = task_runs.standing(self._session, self._execution, self._state, self._after)
            self._after = found[-1][0] if found else None
            self._read.extend(id for _, id in found)
