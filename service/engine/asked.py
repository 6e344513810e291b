"""What people ask of an execution: whether its state allows it, and what follows.

The answer is decided here, where nothing else can come in between: of two who ask for the same thing at once, one finds that it has been done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from service.engine import limits
from service.engine.commands import Copy, Erase, Unwake
from service.engine.events import Asked, Deleted, Forced, Halted, Killed, Labelled, Passed, Replayed, Restarted, Resumed, StateSet, StatusSet, Unqueued
from service.engine.execution import Execution, TaskRun
from service.engine.kill import kill
from service.engine.program import Wakened
from service.engine.record import WAITING
from service.engine.reopen import beside, by_parent, forget_handlers, go_on, mark
from service.engine.state import TERMINAL, State
from service.engine.step import Making
from service.engine.waking import due

RESTARTED, REPLAY, REPLAYED, OURS = "system.restarted", "system.replay", "system.replayed", "system."

#: Ends that a person may say something has come to.
GIVEN = frozenset({State.SUCCESS, State.WARNING, State.FAILED, State.CANCELLED})

_OPEN = frozenset(State) - TERMINAL

#: In which states each may be asked for, and the sentence that says so.
ALLOWED: Mapping[type[Asked], tuple[frozenset[State], str]] = {
    Killed: (_OPEN - {State.KILLING}, "it can't be killed"),
    Restarted: (frozenset({State.FAILED, State.KILLED, State.PAUSED}), "only one that is FAILED, KILLED or PAUSED can be restarted"),
    Replayed: (TERMINAL | {State.PAUSED, State.BREAKPOINT}, "only one that has ended, or that waits for somebody, can be replayed"),
    StateSet: (TERMINAL | {State.PAUSED}, "the state of a task run can be changed once the execution has ended or is PAUSED"),
    StatusSet: (TERMINAL - {State.KILLED}, "the state of an execution can be changed once it has ended, and was not killed"),
    Labelled: (TERMINAL, "labels can be set once it has ended"),
    Halted: (frozenset({State.RUNNING}), "only one that is RUNNING can be paused"),
    Resumed: (_OPEN - {State.KILLING}, "it waits for nobody to resume it"),
    Passed: (frozenset({State.BREAKPOINT}), "it stands at no breakpoint"),
    Unqueued: (frozenset({State.QUEUED}), "only one that is QUEUED can be taken out of the queue"),
    Forced: (_OPEN - {State.KILLING}, "only one that has not ended can be run by force"),
    Deleted: (TERMINAL, "only one that has ended can be deleted"),
}


#: What may be asked for only once nothing of an execution goes on.
_AFTER_ALL: frozenset[type[Asked]] = frozenset({Restarted, StateSet, StatusSet, Deleted})


def refusal(kind: type[Asked], execution: Execution) -> str | None:
    """Why an execution can't be asked for this, going by its state; None where it can."""
    states, why = ALLOWED[kind]
    if execution.trailing and kind in _AFTER_ALL:
        return f"execution {execution.id} is {execution.state.value}, and what is done after its end is under way: wait for it, or kill it"
    if execution.state in states or (execution.trailing and kind in (Killed, Resumed)):
        return None
    already = " already" if kind is Killed and execution.state.terminal else ""
    return f"execution {execution.id} is {execution.state.value}{already}; {why}"


def answer(step: Making, run: TaskRun | None, event: Asked) -> None:
    """Does as asked, or refuses."""
    if isinstance(event, Restarted) and event.caller is not None:
        _called_again(step, event, event.caller)
        return
    step.refusal = refusal(type(event), step.execution)
    if step.refusal is None:
        _ANSWERS[type(event)](step, run, event)


def _kill(step: Making, _: TaskRun | None, event: Killed) -> None:
    kill(step, event.by, cascade=event.cascade)


def _resume(step: Making, run: TaskRun | None, event: Resumed) -> None:
    if step.execution.held is not None:
        if run is not None:
            step.refuse(f" as a whole, by somebody: resume it first, then `{run.node}`")
        else:
            _unhold(step, event.by)
    elif run is None or run.state is not State.PAUSED:
        step.refuse("; " + (f"`{run.node}` does not wait any more" if run else ALLOWED[Resumed][1]))
    else:
        step.wake(run, Wakened("resumed", event.given, event.by))


def _unhold(step: Making, by: str) -> None:
    """Looks at everything that has come in the meantime, in the order in which it came."""
    held = step.execution.held or ()
    step.execution = replace(step.execution, held=None)
    step.say("INFO", f"Resumed by {by}")
    step.runs = {each.id: each for each in step.below(None)} | step.runs
    for id, kind in held:
        run = step.runs.get(id)
        if run is not None and kind is None:
            step.agenda.append(run)
        elif run is not None and kind is not None and not run.state.terminal:
            due(step, run, kind)
    step.move_execution(State.RUNNING)


def _halt(step: Making, _: TaskRun | None, event: Halted) -> None:
    if step.execution.held is not None:
        step.refuse(", and somebody has paused it already: what runs goes on to its end first")
        return
    step.execution = replace(step.execution, held=(), waited=True)
    step.say("INFO", f"Paused by {event.by}: what runs goes on to its end, nothing new begins")


def _restart(step: Making, _: TaskRun | None, event: Restarted) -> None:
    runs = step.below(None)
    paused, failed = step.execution.state is State.PAUSED, step.execution.state is State.FAILED
    if step.execution.held is not None:
        step.refuse(" as a whole, by somebody: resume it first")
        return
    touched = mark(step, runs)
    if (paused and not touched) or (failed and not runs):
        step.refuse("; " + ("nothing in it has failed: resume it" if paused else "it never began, so there is nothing to do again: start it anew"))
        return
    step.say("INFO", f"Restarted by {event.by}")
    _reopen(step, {**step.execution.labels, RESTARTED: "true"})
    if paused:
        go_on(step, touched)
    else:
        limits.begin(step)


def _called_again(step: Making, event: Restarted, caller: Mapping[str, Any]) -> None:
    """The task that has called the execution wants it once more. What has failed is done again; whatever else it is, the task takes it as it is."""
    if step.execution.state in (State.FAILED, State.KILLED) and not step.execution.trailing:
        _restart(step, None, event)
        step.refusal = None  # one that never began can't be done again: it has failed for good
    if step.execution.caller is not None:
        step.execution = replace(step.execution, caller=replace(step.execution.caller, attempt=caller["attempt"]))


def _reopen(step: Making, labels: Mapping[str, str]) -> None:
    """The execution goes on, as another attempt."""
    step.execution = replace(step.execution, labels=labels, attempt=step.execution.attempt + 1)
    step.commands.append(Unwake(None, "retry"))
    if step.execution.state.terminal:
        step.reopen_execution(State.RESTARTED)
    else:
        step.move_execution(State.RESTARTED)


def _replay(step: Making, run: TaskRun | None, event: Replayed) -> None:
    aside = next(((each, name) for each in step.path.runs if (name := beside(step, each)) is not None), None) if run else None
    if event.failed and (why := refusal(Restarted, step.execution)) is not None:
        step.refusal = why
    elif event.task_run is not None and run is None:
        step.refuse(f"; it has no task run `{event.task_run[:40]}`")
    elif aside is not None:
        step.refuse(f"; `{aside[0].node}` stands in `{aside[1]}`, which is done when the rest comes to it: replay from a task before it")
    else:
        if not event.failed:
            step.execution = replace(step.execution, labels={**step.execution.labels, REPLAYED: "true"})
        step.commands.append(Copy(event))


def _set_state(step: Making, run: TaskRun | None, event: StateSet) -> None:
    if run is None or (why := _fixed(step, run, event.state)) is not None:
        step.refuse("; " + ("it has no such task run" if run is None else str(why)))
    elif event.state is State.RUNNING:
        step.commands.append(Unwake(run.id))
        step.wake(run, Wakened("resumed", {}, event.by))
    else:
        _end_otherwise(step, run, event)


def _fixed(step: Making, run: TaskRun, state: State) -> str | None:
    """Why the state of a task run can't be changed to this one."""
    if step.execution.held is not None:
        return "somebody has paused it as a whole: resume it first"
    if run.state is State.KILLED:
        return f"`{run.node}` was killed: restart the execution"
    if run.state is state:
        return f"`{run.node}` is {state.value} already"
    if state is State.RUNNING:
        return None if run.state is State.PAUSED else f"`{run.node}` does not wait: it is {run.state.value}"
    if not run.state.terminal and run.state is not State.PAUSED:
        return f"`{run.node}` has not ended: it is {run.state.value}"
    for each in step.path.runs:
        if (name := beside(step, each)) is not None:
            return f"`{each.node}` stands in `{name}`, which does not decide how anything ends"
        if each is not run and each.state in WAITING:
            return f"`{each.node}` around it is {each.state.value}"
    return None


def _end_otherwise(step: Making, run: TaskRun, event: StateSet) -> None:
    """The task run ends as somebody says; the groups around it look at it again."""
    runs = step.below(None)
    around = [each for each in step.path.runs if each.id != run.id]
    forget_handlers(step, [None, *around], by_parent(runs))
    step.say("INFO", f"{run.state.value} of `{run.node}` was changed to {event.state.value} by {event.by}", run)
    for each in around:
        if each.state.terminal:
            step.put(each.reopened(State.RESTARTED, step.now))
            step.commands.append(Unwake(each.id))
    if run.state.terminal:
        opened = run.reopened(event.state, step.now)
        step.put(opened.with_attempt(step.through(opened.attempt, event.state, None)))
    else:
        step.put(step.ended(run.to(State.RUNNING, step.now), event.state, step.through(run.attempt, event.state, None)))
    step.commands.append(Unwake(run.id))
    if step.execution.state.terminal or not any(each.state is State.PAUSED and each.id not in {run.id, *step.gone} for each in runs):
        _reopen(step, step.execution.labels)
    go_on(step, {None, *(each.id for each in around)})


def _set_status(step: Making, _: TaskRun | None, event: StatusSet) -> None:
    if step.execution.state is event.state:
        step.refuse(" already")
        return
    step.say("INFO", f"{step.execution.state.value} was changed to {event.state.value} by {event.by}")
    step.reopen_execution(event.state)


def _label(step: Making, _: TaskRun | None, event: Labelled) -> None:
    ours = {key: value for key, value in step.execution.labels.items() if key.startswith(OURS)}
    step.execution = replace(step.execution, labels={**event.labels, **ours})


def _pass(step: Making, _: TaskRun | None, event: Passed) -> None:
    """What stands at a breakpoint begins; it does not stop there again."""
    standing = [run for run in step.below(None) if run.state is State.BREAKPOINT]
    step.runs = {run.id: run for run in standing} | step.runs
    if event.breakpoints is not None:
        step.execution = replace(step.execution, breakpoints=tuple(event.breakpoints))
    step.move_execution(State.RUNNING)
    for run in standing:
        step.admit(run, passing=True)


def _unqueue(step: Making, _: TaskRun | None, event: Unqueued) -> None:
    limits.unqueued(step, event.state, event.by)


def _force(step: Making, _: TaskRun | None, event: Forced) -> None:
    if step.execution.held is not None:
        _unhold(step, event.by)
    else:
        limits.forced(step, event.by)


def _delete(step: Making, _: TaskRun | None, event: Deleted) -> None:
    step.commands.append(Erase(event))


_ANSWERS: Mapping[type[Asked], Callable[[Making, TaskRun | None, Any], None]] = {
    Killed: _kill,
    Resumed: _resume,
    Restarted: _restart,
    Replayed: _replay,
    StateSet: _set_state,
    StatusSet: _set_status,
    Labelled: _label,
    Halted: _halt,
    Passed: _pass,
    Unqueued: _unqueue,
    Forced: _force,
    Deleted: _delete,
}
