"""The execution so far. Its errors, the states of its tasks, and the outputs of loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.expressions.arguments import count_of, list_of, optional_text, text_of
from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind

_LOGS = 20_000  #: steps that reading a log costs
_DIGITS = 10  #: of a number of rounds


@function("errorLogs")
def error_logs(call: Run) -> list[Mapping[str, Any]]:
    """The ERROR entries of this execution's log so far, oldest first, as a list of maps with `level`, `timestamp`, `message`, `taskId`, `taskRunId`, …

    {{ errorLogs()[0].message }} -> it broke
    """
    call.budget.spend(_LOGS)
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


@function("currentEachOutput", "currentOutput")
def current_each_output(call: Run, outputs: Any) -> Any:
    """Of the outputs of a task in a loop those of the present round: found by the values of the loops around, the outermost first, then by `taskrun.value`
    where the task has one. Null when this round has none yet. `currentOutput` is its old name.

    {{ currentEachOutput(outputs.inner).value }} -> of b
    """
    if not isinstance(outputs, Mapping):
        raise Refused(f"`currentEachOutput` takes the outputs of a task, as in `currentEachOutput(outputs.task)`, not {kind(outputs)}")
    run = call.scope.get("taskrun")
    if not isinstance(run, Mapping):
        raise Refused("`currentEachOutput` works inside of a loop: here is no `taskrun`")
    found = _under(outputs, _values_around(call))
    return found.get(run["value"]) if "value" in run else found


@function("iterationOutput")
def iteration_output(call: Run, task_id: Any = None, iteration: Any = None) -> Any:
    """The `value` that a task gave in another round of the loop: `taskId` is this task unless it is said, `iteration` the round before. Null where the task
    has no outputs.

    {{ iterationOutput('inner', 0) }} -> of a
    {{ iterationOutput('inner') }} -> of a
    """
    run = call.scope.get("taskrun")
    here = run.get("iteration") if isinstance(run, Mapping) else None
    if not isinstance(here, int):
        raise Refused("`iterationOutput` works inside of a loop: here is no `taskrun.iteration`")
    number = here - 1 if iteration is None else _number(iteration)
    task = optional_text("iterationOutput", task_id) or call.scope["task"]["id"]
    outputs = call.scope["outputs"].get(task)
    if outputs is None:
        return None
    rounds = list(_under(outputs, _values_around(call)).values())
    call.budget.items(len(rounds))
    if not 0 <= number < len(rounds):
        raise Refused(f"`iterationOutput`: there is no round {number} of `{task[:100]}`; it has {len(rounds)} so far, counted from 0")
    return rounds[number].get("value") if isinstance(rounds[number], Mapping) else None


def _number(value: Any) -> int:
    return count_of("iterationOutput", int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < _DIGITS else value)


def _under(outputs: Mapping[str, Any], values: Iterator[Any]) -> Mapping[str, Any]:
    """Outputs below the values of loops."""
    for value in values:
        found = outputs.get(value)
        if not isinstance(found, Mapping):
            raise Refused("there are no outputs for the present round of the loops around")
        outputs = found
    return outputs


def _values_around(call: Run) -> Iterator[Any]:
    """The values of the loops around, the outermost first; `parents` begins with the nearest."""
    parents = call.scope.get("parents")
    for parent in reversed(parents) if isinstance(parents, list | tuple) else ():
        run = parent.get("taskrun") if isinstance(parent, Mapping) else None
        if isinstance(run, Mapping):
            yield run.get("value")


@function("loopOutputs")
def loop_outputs(call: Run, outputs: Any, name: Any) -> list[Any]:
    """One output of every iteration of a Loop, in their order; null for an iteration without it.

    {{ loopOutputs([{'outputs': {'n': 1}}, {'outputs': {}}], 'n') }} -> [1,null]
    """
    if isinstance(outputs, Mapping) and "uri" in outputs:
        raise Refused("these outputs are stored in a file, `outputs.uri`: set `fetchType: FETCH` on the loop to have them here")
    rounds, wanted = list_of("loopOutputs", outputs), text_of("loopOutputs", name)
    call.budget.items(len(rounds))
    return [_of_round(each, wanted) for each in rounds]


def _of_round(each: Any, name: str) -> Any:
    held = each.get("outputs") if isinstance(each, Mapping) else None
    return held.get(name) if isinstance(held, Mapping) else None
