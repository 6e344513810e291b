"""When a failed attempt is followed by another. (Rule: KESTRA.md 2.1.)"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from service.engine.execution import Attempt


class Policy(Protocol):
    """How a failed task is tried again. Times are lengths; what a type of retry does not have is None."""

    @property
    def type(self) -> str:
        """constant, exponential or random."""

    @property
    def interval(self) -> timedelta | None:
        """The pause; of an exponential retry the first one."""

    @property
    def min_interval(self) -> timedelta | None:
        """The shortest pause of a random retry."""

    @property
    def max_interval(self) -> timedelta | None:
        """The longest pause."""

    @property
    def delay_factor(self) -> float:
        """By what each pause of an exponential retry is longer than the last."""

    @property
    def max_attempts(self) -> int | None:
        """All attempts, the first one counted."""

    @property
    def max_duration(self) -> timedelta | None:
        """Nothing is tried again this long after the first attempt began."""

    @property
    def warning_on_retry(self) -> bool:
        """A success that was not the first attempt's is WARNING."""

    @property
    def behavior(self) -> str:
        """RETRY_FAILED_TASK or CREATE_NEW_EXECUTION."""


#: How often an attempt may be lost with its runner before the task fails: work that takes its runner down is not repeated for ever.
LOST_LIMIT = 3


def tries(attempts: Iterable[Attempt]) -> int:
    """How often a task was tried. An attempt that was lost with its runner, or handed back by it, was not the task's own failure."""
    return sum(not (attempt.lost or attempt.returned) for attempt in attempts)


def next_start(policy: Policy, tried: int, began: datetime, ended: datetime, chance: float) -> datetime | None:
    """When the next attempt begins, after `tried` of which the first began at `began` and the last ended at `ended`; None when there is none.
    `chance` is drawn from [0, 1)."""
    if policy.max_attempts is not None and tried >= policy.max_attempts:
        return None
    start = ended + _pause(policy, tried, chance)
    if policy.max_duration is not None and start > began + policy.max_duration:
        return None
    return start


def _pause(policy: Policy, tried: int, chance: float) -> timedelta:
    shortest, longest = policy.min_interval or timedelta(), policy.max_interval or timedelta()
    if policy.type == "random":
        return shortest + (longest - shortest) * chance
    interval = policy.interval or timedelta()
    if policy.type == "constant":
        return interval
    try:
        return min(interval * policy.delay_factor ** (tried - 1), longest)
    except OverflowError:
        return longest
