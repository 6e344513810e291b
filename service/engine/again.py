"""Failed tasks that are tried again. (Rule: KESTRA.md 2.1.)

A task's own retry is between the task and its timer: nobody else hears of the failures before the last. A retry of a group, or of the flow, speaks of the
tasks inside that have none of their own. Such a failure is told to the group as RETRYING: what follows a failure follows, `errors` and `finally` included, up
to the group that the retry belongs to. There it waits; then what `errors` and `finally` did is forgotten, and what failed is done again.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from service.engine.commands import StartOver, WakeAt
from service.engine.execution import TaskRun
from service.engine.program import BESIDE
from service.engine.record import Record
from service.engine.retry import Policy, next_start, tries
from service.engine.state import State

#: The kind of timer after which something is tried again.
RETRY = "retry"


def owner(record: Record, run: TaskRun) -> tuple[Policy | None, TaskRun | None]:
    """The retry that is for a task, and whose it is: its own, else that of the nearest group around it, else the flow's (None). What a group does in its
    `errors`, in its `finally` and while it pauses does not decide how it ends, so no retry from there outwards is for it."""
    at = run
    while (policy := record.node(at).retry) is None:
        outer = record.runs[at.parent] if at.parent else None
        if any(record.node(at) is each for name in BESIDE for each in record.node(outer).branches.get(name, ())):
            return None, None
        if outer is None:
            return cast("Policy | None", record.node(None).retry), None
        at = outer
    return policy, at


def after_failure(record: Record, run: TaskRun) -> State:
    """What a task is whose last attempt has failed and ended: FAILED, RETRYING, or RETRIED where a new execution takes over. Sets the timer of its own."""
    policy, whose = owner(record, run)
    if policy is None:
        return State.FAILED
    if policy.behavior == "CREATE_NEW_EXECUTION":
        return State.RETRIED if not record.execution.trailing and _new_start(record, policy) else State.FAILED
    when = _next_start(record, policy, run)
    if when is None:
        return State.FAILED
    if whose is run:
        record.commands.append(WakeAt(run.id, RETRY, when))
    return State.RETRYING


def _next_start(record: Record, policy: Policy, run: TaskRun) -> datetime | None:
    first = run.attempts[0].history
    return next_start(policy, tries(run.attempts), first[min(1, len(first) - 1)].date, run.attempt.history[-1].date, record.world.chance())


def _new_start(record: Record, policy: Policy) -> datetime | None:
    execution = record.execution
    return next_start(policy, execution.attempt, execution.first_created or execution.created, record.now, record.world.chance())


def group_failed(record: Record, run: TaskRun | None) -> bool:
    """A group, or the flow, whose tasks have failed for now: whether the retry is its own, so that it waits. Sets the timer."""
    policy = cast("Policy | None", record.node(run).retry)
    if policy is None:
        return False
    waiting = [each for each in record.below(run) if each.state is State.RETRYING and record.is_leaf(each)]
    starts = [start for each in waiting if (start := _next_start(record, policy, each)) is not None]
    record.commands.append(WakeAt(run.id if run else None, RETRY, max([record.now, *starts])))
    return True


def start_over(record: Record) -> None:
    """The execution has ended because a new one takes over: has that started, at the time that the retry says."""
    below = record.below(None)
    record.runs = {each.id: each for each in below} | record.runs
    policies = (owner(record, each)[0] for each in below if each.state is State.RETRIED and record.is_leaf(each))
    starts = [start for policy in policies if policy and (start := _new_start(record, policy)) is not None]
    record.commands.append(StartOver(min(starts, default=record.now)))


def give_up(record: Record, run: TaskRun | None) -> None:
    """A group has failed for good: so has what waited inside of it for another try."""
    for each in record.below(run):
        if each.state is State.RETRYING:
            record.put(record.ended(each, State.FAILED, record.through(each.attempt, State.FAILED, None)))
