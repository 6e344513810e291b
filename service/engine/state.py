"""States of executions and task runs, and the only moves between them.

Laws: every change of a state goes through `moved`; a move that MOVES does not list is a bug of ours, never a user's
mistake; nothing follows a terminal state of the same attempt (restart and change-state open a new one, and go through `reopened`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The field's names (Kestra's), for executions and task runs alike."""

    CREATED = "CREATED"  #: known, nothing started
    QUEUED = "QUEUED"  #: waits for a place under the flow's concurrency limit
    SUBMITTED = "SUBMITTED"  #: handed to a runner, not yet begun
    RUNNING = "RUNNING"  #: something is being done
    PAUSED = "PAUSED"  #: waits for a person or a date
    RETRYING = "RETRYING"  #: failed, will be tried again
    RESTARTED = "RESTARTED"  #: opened again by a person
    BREAKPOINT = "BREAKPOINT"  #: stopped before a task, on request
    KILLING = "KILLING"  #: asked to stop, work still ending
    SUCCESS = "SUCCESS"  #: ended well
    WARNING = "WARNING"  #: ended well enough
    FAILED = "FAILED"  #: ended badly
    KILLED = "KILLED"  #: stopped by a person
    CANCELLED = "CANCELLED"  #: stopped by a rule
    SKIPPED = "SKIPPED"  #: not needed (runIf)
    RETRIED = "RETRIED"  #: failed, and a new execution took over
    RESUBMITTED = "RESUBMITTED"  #: lost with its runner, sent again

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """`CANCELED` is what it was called at times: it is read, and never written."""
        return cls.CANCELLED if value == "CANCELED" else None

    @property
    def terminal(self) -> bool:
        """Nothing follows."""
        return self in TERMINAL


S = State
TERMINAL = frozenset({S.SUCCESS, S.WARNING, S.FAILED, S.KILLED, S.CANCELLED, S.SKIPPED, S.RETRIED, S.RESUBMITTED})

_ENDS = frozenset({S.SUCCESS, S.WARNING, S.FAILED, S.CANCELLED})

#: From each state, the states that may follow. The diagram in docs/states.md is printed from this table.
MOVES: dict[State, frozenset[State]] = {
    S.CREATED: _ENDS | {S.QUEUED, S.SUBMITTED, S.RUNNING, S.PAUSED, S.KILLING, S.KILLED, S.SKIPPED, S.BREAKPOINT},
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.KILLED}),
    S.SUBMITTED: _ENDS | {S.RUNNING, S.KILLING, S.KILLED, S.RESUBMITTED},
    S.RUNNING: _ENDS | {S.PAUSED, S.RETRYING, S.KILLING, S.KILLED, S.RETRIED, S.RESUBMITTED, S.BREAKPOINT},
    S.PAUSED: _ENDS | {S.RUNNING, S.RESTARTED, S.KILLING, S.KILLED, S.SKIPPED},
    S.RETRYING: frozenset({S.RUNNING, S.FAILED, S.WARNING, S.KILLING, S.KILLED, S.CANCELLED, S.RETRIED, S.RESTARTED}),
    S.RESTARTED: _ENDS | {S.RUNNING, S.KILLING, S.KILLED, S.QUEUED, S.SKIPPED, S.BREAKPOINT},
    S.BREAKPOINT: frozenset({S.RUNNING, S.RESTARTED, S.SKIPPED, S.KILLING, S.KILLED, S.CANCELLED, S.FAILED}),
    S.KILLING: frozenset({S.KILLED}),
    **{terminal: frozenset() for terminal in TERMINAL},
}

#: What a person may make of an end: work that is done again (in a replay groups go on at once), or another end. Each opens a new attempt.
REOPENED = _ENDS | {S.RESTARTED, S.RUNNING, S.SKIPPED}

#: How bad an end is; a group takes the worst of its children. One that failed for now is not as bad as one that has ended for good.
_BADNESS = {S.SKIPPED: 0, S.SUCCESS: 0, S.WARNING: 1, S.RETRYING: 2, S.CANCELLED: 3, S.RETRIED: 4, S.FAILED: 5, S.KILLED: 6}


class IllegalMove(Exception):
    """A bug: the engine tried a move that MOVES does not list."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A state and when it began."""

    state: State
    date: datetime


History = tuple[Stamp, ...]

#: So many stamps are kept of one history. A loop that has waited ten thousand times shows how it began and how it stands.
LONGEST = 200


def moved(history: History, state: State, now: datetime) -> History:
    """The history with one more state, and never more than LONGEST. Moving to the state it is in changes nothing."""
    current = history[-1].state
    if state is current:
        return history
    if state not in MOVES[current]:
        raise IllegalMove(f"{current} -> {state}")
    return (*_shortened(history), Stamp(state, now))


def reopened(history: History, state: State, now: datetime) -> History:
    """The history of what has ended, and that a person opens again or gives another end."""
    if history[-1].state not in TERMINAL or state not in REOPENED:
        raise IllegalMove(f"{history[-1].state} -> {state}")
    return (*_shortened(history), Stamp(state, now))


def _shortened(history: History) -> History:
    """With room for one more: a step forth and back is taken out of the middle, so that what is left still follows from what stands before it."""
    if len(history) < LONGEST:
        return history
    middle = range(LONGEST // 2, len(history) - 2)
    at = next((at for at in middle if history[at + 2].state in MOVES[history[at - 1].state]), None)
    return history if at is None else history[:at] + history[at + 2 :]


def worst(*states: State) -> State:
    """The state of a group whose counted children ended so. No children: SUCCESS."""
    return max((S.SUCCESS, *states), key=lambda state: _BADNESS.get(state, 0))
