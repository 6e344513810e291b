"""The execution so far: its errors, the states of its tasks, and the outputs of loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.expressions.arguments import list_of, text_of
from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind


@function("errorLogs")
def error_logs(call: Run) -> list[Mapping[str, Any]]:
    """The ERROR entries of this execution's log so far, oldest first, as a list of maps with `level`, `timestamp`, `message`, `taskId`, `taskRunId`, …

    {{ errorLogs()[0].message }} -> it broke
    """
    found = call.ports.error_logs()
    call.budget.items(len(found))
    return list(found)


@function("tasksWithState")
def tasks_with_state(call: Run, state: Any) -> list[dict[str, Any]]:
    """The tasks of this execution in a state: a list of maps with `taskId`, `state` and, inside of loops, `value`.

    {{ tasksWithState('FAILED') }} -> [{"taskId":"load","state":"FAILED"},{"taskId":"each","state":"FAILED","value":"b"}]
    """
    wanted = text_of("tasksWithState", state).upper()
    tasks = call.scope.get("tasks")
    found = []
    for task, held in tasks.items() if isinstance(tasks, Mapping) else ():
        for value, reached in _states(held, ()):
            call.budget.spend(8)
            if reached == wanted:
                found.append({"taskId": task, "state": reached, **({"value": value} if value is not None else {})})
    return found


def _states(held: Any, values: tuple[str, ...]) -> Iterator[tuple[str | None, str]]:
    """States with the value of the loop that they were reached for, the innermost one."""
    if not isinstance(held, Mapping):
        return
    state = held.get("state")
    if isinstance(state, str):
        yield (values[-1] if values else None), state
        return
    for value, below in held.items():
        yield from _states(below, (*values, value))


@function("currentEachOutput")
def current_each_output(call: Run, outputs: Any) -> Any:
    """Of the outputs of a task in a loop those of the present round: found by the values of the loops around, the outermost first, then by `taskrun.value`.
    Null when there are none.

    {{ currentEachOutput(outputs.inner).value }} -> of b
    """
    if not isinstance(outputs, Mapping):
        raise Refused(f"`currentEachOutput` takes the outputs of a task, as in `currentEachOutput(outputs.task)`, not {kind(outputs)}")
    run = call.scope.get("taskrun")
    if not isinstance(run, Mapping):
        raise Refused("`currentEachOutput` works inside of a loop: here is no `taskrun`")
    found: Any = outputs
    for value in (*_values_around(call.scope.get("parents")), run.get("value")):
        if value is not None:
            found = found.get(value) if isinstance(found, Mapping) else None
    return found


def _values_around(parents: Any) -> Iterator[Any]:
    """The values of the loops around, the outermost first; `parents` begins with the nearest."""
    for parent in reversed(parents) if isinstance(parents, list | tuple) else ():
        run = parent.get("taskrun") if isinstance(parent, Mapping) else None
        if isinstance(run, Mapping):
            yield run.get("value")


@function("loopOutputs")
def loop_outputs(call: Run, outputs: Any, id_: Any) -> list[Any]:
    """One output of every iteration of a Loop, in their order; null for an iteration without it.

    {{ loopOutputs([{'outputs': {'n': 1}}, {'outputs': {}}], 'n') }} -> [1,null]
    """
    if isinstance(outputs, Mapping) and "uri" in outputs:
        raise Refused("these outputs are stored in a file, `outputs.uri`: set `fetchType: FETCH` on the loop to have them here")
    rounds = list_of("loopOutputs", outputs)
    call.budget.items(len(rounds))
    return [_of_round(each, text_of("loopOutputs", id_)) for each in rounds]


def _of_round(each: Any, id: str) -> Any:
    held = each.get("outputs") if isinstance(each, Mapping) else None
    return held.get(id) if isinstance(held, Mapping) else None
