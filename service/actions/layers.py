"""The two layers under the results of an execution: what the database has, each part read once, and what a batch has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from service.engine.execution import TaskRun
from service.errors import TooLarge
from service.expressions.errors import Refused
from service.store import results
from service.store.database import Session
from service.store.results import Result

_FEW = 10  #: runs that are read to see whether a task stands in loops

Values = tuple[str, ...]


@contextmanager
def _bounded() -> Iterator[None]:
    """What is too large is the template's mistake."""
    try:
        yield
    except TooLarge as failure:
        raise Refused(failure.message) from failure


class Stored:
    """The results of an execution in the database, each read once. What gives outputs raises Refused for more of them than can be held."""

    def __init__(self, session: Session, execution: str) -> None:
        self._session, self._execution = session, execution
        self._by_task: dict[bool, dict[str, tuple[Result, ...]]] = {True: {}, False: {}}  #: with outputs, and without
        self._by_round: dict[tuple[str, Values, bool], tuple[Result, ...]] = {}
        self._depths: dict[tuple[str, bool], int | None] = {}
        self._names: dict[bool, tuple[str, ...]] = {}
        self._whole: set[bool] = set()

    def names(self, *, outputs: bool) -> tuple[str, ...]:
        """The tasks that have runs, or outputs."""
        if outputs not in self._names:
            self._names[outputs] = results.names(self._session, self._execution, outputs=outputs)
        return self._names[outputs]

    def depth(self, task: str, *, outputs: bool) -> int | None:
        """In how many loops a task stands; None where it has no run, or none with outputs."""
        if (task, outputs) not in self._depths:
            runs = self.of(task, outputs=outputs) if outputs in self._whole else self._some(task, outputs=outputs)
            self._depths[task, outputs] = len(runs[0].values) if runs else None
        return self._depths[task, outputs]

    def _some(self, task: str, *, outputs: bool) -> tuple[Result, ...]:
        """A few of its runs; where it has no more, nothing else is read of it."""
        with _bounded():
            runs = results.of_task(self._session, self._execution, task, outputs=outputs, most=_FEW)
        if len(runs) < _FEW:
            self._by_task[outputs][task] = runs
        return runs

    def of(self, task: str, *, outputs: bool) -> tuple[Result, ...]:
        """The runs of a task, oldest first."""
        known = self._by_task[outputs]
        if task not in known:
            if outputs in self._whole:
                return ()
            with _bounded():
                known[task] = results.of_task(self._session, self._execution, task, outputs=outputs)
        return known[task]

    def of_round(self, task: str, values: Values, *, outputs: bool) -> tuple[Result, ...]:
        """The runs of a task for these values, oldest first."""
        if task in self._by_task[outputs] or outputs in self._whole:
            return tuple(result for result in self.of(task, outputs=outputs) if result.values == values)
        if (task, values, outputs) not in self._by_round:
            with _bounded():
                self._by_round[task, values, outputs] = results.of_round(self._session, self._execution, task, values, outputs=outputs)
        return self._by_round[task, values, outputs]

    def has_rounds(self, task: str, values: Values) -> bool:
        """Whether a task has runs below these values."""
        return results.has_rounds(self._session, self._execution, task, values)

    def read_all(self, *, outputs: bool) -> None:
        """From here on nothing of these is read any more."""
        if outputs in self._whole:
            return
        found: dict[str, list[Result]] = {}
        with _bounded():
            for result in results.of_all(self._session, self._execution, outputs=outputs):
                found.setdefault(result.task, []).append(result)
        self._by_task[outputs] = {task: tuple(runs) for task, runs in found.items()}
        self._whole.add(outputs)

    def outputs(self, ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """The outputs of some task runs, of those that have any."""
        with _bounded():
            found = results.of_runs(self._session, ids, outputs=True)
        return {id: result.outputs for id, result in found.items() if result.outputs is not None}


class Fresh:
    """Task runs that changed since the database was read, found by id, by task, and by the round of a loop."""

    def __init__(self, runs: Iterable[TaskRun] = ()) -> None:
        self.runs: dict[str, TaskRun] = {}
        self._by_task: dict[str, dict[str, TaskRun]] = {}
        self._by_round: dict[tuple[str, Values], dict[str, TaskRun]] = {}
        for run in runs:
            self.put(run)

    def put(self, run: TaskRun) -> None:
        """Takes a change."""
        self.runs[run.id] = run
        self._by_task.setdefault(run.node, {})[run.id] = run
        self._by_round.setdefault((run.node, run.values), {})[run.id] = run

    def forget(self, run: TaskRun) -> None:
        """Takes it out again."""
        self.runs.pop(run.id, None)
        self._by_task.get(run.node, {}).pop(run.id, None)
        self._by_round.get((run.node, run.values), {}).pop(run.id, None)

    def names(self, *, outputs: bool) -> Iterable[str]:
        """Their tasks, all or those with outputs."""
        return (task for task, runs in self._by_task.items() if not outputs or any(run.outputs is not None for run in runs.values()))

    def of(self, task: str) -> Iterable[TaskRun]:
        """Those of a task, oldest first."""
        return self._by_task.get(task, {}).values()

    def of_round(self, task: str, values: Values) -> Iterable[TaskRun]:
        """Those of a task for these values, oldest first."""
        return self._by_round.get((task, values), {}).values()
