"""`outputs` and `tasks`, as templates see them: maps that read of a task only what is named.

What a batch has not stored yet lies over what the database has. In loops a task's results stand under the values of the loops around it, the outermost first,
and then under its own.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from contextlib import contextmanager
from typing import Any

from service.engine.execution import TaskRun
from service.errors import TooLarge
from service.expressions.errors import Refused
from service.store import results
from service.store.database import Session
from service.store.results import Result

#: Results of so many tasks are read one by one; whoever wants more gets all of them at once.
_ONE_BY_ONE = 50

#: What of a task run is shown; None for one that shows nothing.
_Leaf = Callable[[Result], Mapping[str, Any] | None]


@contextmanager
def _bounded() -> Iterator[None]:
    """What is too large is the template's mistake."""
    try:
        yield
    except TooLarge as failure:
        raise Refused(failure.message) from failure


class Stored:
    """The results of an execution in the database, each read once."""

    def __init__(self, session: Session, execution: str) -> None:
        self._session, self._execution = session, execution
        self._by_task: dict[bool, dict[str, tuple[Result, ...]]] = {True: {}, False: {}}  #: with outputs, and without
        self._by_id: dict[str, Result] = {}
        self._names: dict[bool, tuple[str, ...]] = {}
        self._whole: set[bool] = set()

    def names(self, *, outputs: bool) -> tuple[str, ...]:
        """The tasks that have runs, or outputs."""
        if outputs not in self._names:
            self._names[outputs] = results.names(self._session, self._execution, outputs=outputs)
        return self._names[outputs]

    def of(self, task: str, *, outputs: bool) -> tuple[Result, ...]:
        """The runs of a task, oldest first. Raises Refused for more than can be held."""
        known = self._by_task[outputs]
        if task not in known:
            if outputs in self._whole:
                return ()
            with _bounded():
                known[task] = results.of_task(self._session, self._execution, task, outputs=outputs)
        return known[task]

    def read_all(self, *, outputs: bool) -> None:
        """From here on nothing of these is read any more. Raises Refused for more than can be held."""
        if outputs in self._whole:
            return
        found: dict[str, list[Result]] = {}
        with _bounded():
            for result in results.of_all(self._session, self._execution, outputs=outputs):
                found.setdefault(result.task, []).append(result)
                self._by_id[result.id] = result
        self._by_task[outputs] = {task: tuple(runs) for task, runs in found.items()}
        self._whole.add(outputs)

    def runs(self, ids: Iterable[str]) -> Mapping[str, Result]:
        """Task runs by id, without their outputs."""
        missing = [id for id in ids if id not in self._by_id]
        if missing:
            self._by_id |= results.of_runs(self._session, missing)
        return self._by_id

    def outputs(self, ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """The outputs of some task runs, of those that have any."""
        with _bounded():
            found = results.of_runs(self._session, ids, outputs=True)
        return {id: result.outputs for id, result in found.items() if result.outputs is not None}


class Fresh:
    """Task runs that changed since the database was read, found by id and by task."""

    def __init__(self) -> None:
        self.runs: dict[str, TaskRun] = {}
        self._by_task: dict[str, dict[str, TaskRun]] = {}

    def put(self, run: TaskRun) -> None:
        """Takes a change."""
        self.runs[run.id] = run
        self._by_task.setdefault(run.node, {})[run.id] = run

    def names(self, *, outputs: bool) -> Iterable[str]:
        """Their tasks, all or those with outputs."""
        return (task for task, runs in self._by_task.items() if not outputs or any(run.outputs is not None for run in runs.values()))

    def of(self, task: str) -> Iterable[TaskRun]:
        """Those of a task, oldest first."""
        return self._by_task.get(task, {}).values()


class Results:
    """What the database has of an execution, under the changes of a batch, under those of the step that is being made."""

    def __init__(self, stored: Stored, fresh: Fresh | None = None, step: Mapping[str, TaskRun] | None = None) -> None:
        self._stored, self._fresh, self._step = stored, fresh or Fresh(), step or {}

    def outputs(self) -> Mapping[str, Any]:
        """Outputs by task."""
        return ByTask(self, lambda result: result.outputs, outputs=True)

    def tasks(self) -> Mapping[str, Any]:
        """States by task."""
        return ByTask(self, lambda result: {"state": result.state}, outputs=False)

    def names(self, *, outputs: bool) -> list[str]:
        """The tasks that have runs, or outputs."""
        stepped = (run.node for run in self._step.values() if not outputs or run.outputs is not None)
        return list(dict.fromkeys([*self._stored.names(outputs=outputs), *self._fresh.names(outputs=outputs), *stepped]))

    def of_runs(self, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The outputs of some task runs, of those that have any."""
        wanted = list(ids)
        changed = {id: run for id in wanted if (run := self._step.get(id) or self._fresh.runs.get(id)) is not None}
        stored = self._stored.outputs([id for id in wanted if id not in changed or changed[id].outputs is None])
        return {id: found for id in wanted if (found := stored.get(id) or (changed[id].outputs if id in changed else None)) is not None}

    def read_all(self, *, outputs: bool) -> None:
        """Everything is going to be asked for."""
        self._stored.read_all(outputs=outputs)

    def of(self, task: str, leaf: _Leaf, *, outputs: bool) -> Any:
        """What a task shows, under the values of loops where there are any; None where it shows nothing."""
        shown = [(result, part) for result in self._runs(task, outputs=outputs) if (part := leaf(result)) is not None]
        found: Any = None
        for (_, part), values in zip(shown, self._values([result for result, _ in shown]), strict=True):
            if not values:
                found = part
                continue
            at = found = found if isinstance(found, dict) else {}
            for value in values[:-1]:
                at = at.setdefault(value, {})
            at[values[-1]] = part
        return found

    def _runs(self, task: str, *, outputs: bool) -> Iterable[Result]:
        found = {result.id: result for result in self._stored.of(task, outputs=outputs)}
        for run in (*self._fresh.of(task), *(run for run in self._step.values() if run.node == task)):
            found[run.id] = found[run.id].moved(run) if run.id in found else Result.of(run)
        return found.values()

    def _values(self, found: list[Result]) -> list[list[str]]:
        """The values of the loops around each, the outermost first, and its own."""
        above = {result.parent for result in found} - {None}
        known: dict[str, Result] = {}
        while above:
            level = {id: result for id in above if id is not None and (result := self._run(id, above)) is not None}
            known |= level
            above = {result.parent for result in level.values()} - {None} - known.keys()
        return [list(_values(result, known)) for result in found]

    def _run(self, id: str, beside: Iterable[str | None]) -> Result | None:
        changed = self._step.get(id) or self._fresh.runs.get(id)
        if changed is not None:
            return Result.of(changed)
        return self._stored.runs(each for each in beside if each is not None and each not in self._fresh.runs and each not in self._step).get(id)


def _values(result: Result, known: Mapping[str, Result]) -> list[str]:
    found = []
    at: Result | None = result
    while at is not None:
        if at.value is not None:
            found.append(at.value)
        at = known.get(at.parent) if at.parent is not None else None
    return found[::-1]


class ByTask(Mapping[str, Any]):
    """A map by task id. One task costs its own runs; all of them cost one query."""

    def __init__(self, of: Results, leaf: _Leaf, *, outputs: bool) -> None:
        self._of, self._leaf, self._outputs = of, leaf, outputs
        self._held: dict[str, Any] = {}
        self._names: list[str] | None = None

    def __getitem__(self, task: str) -> Any:
        if not isinstance(task, str):
            raise KeyError(task)
        if task not in self._held:
            if len(self._held) >= _ONE_BY_ONE:
                self._of.read_all(outputs=self._outputs)
            self._held[task] = self._of.of(task, self._leaf, outputs=self._outputs)
        if self._held[task] is None:
            raise KeyError(task)
        return self._held[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def _known(self) -> list[str]:
        if self._names is None:
            self._names = self._of.names(outputs=self._outputs)
        return self._names

    def items(self) -> ItemsView[str, Any]:
        """All of them, read at once."""
        self._of.read_all(outputs=self._outputs)
        return {task: self[task] for task in self}.items()

    def values(self) -> ValuesView[Any]:
        """All of them, read at once."""
        self._of.read_all(outputs=self._outputs)
        return {task: self[task] for task in self}.values()
