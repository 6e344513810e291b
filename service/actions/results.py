"""`outputs` and `tasks`, as templates see them: maps that read of a task only what is named.

What a batch has not stored yet lies over what the database has. In loops a task's results stand under the values of the loops around it, the outermost first,
and then under its own; of ten thousand rounds only those are read that a template asks for.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any

from service.actions.layers import Fresh, Stored, Values
from service.engine.execution import TaskRun
from service.store.results import Result

#: Results of so many tasks are read one by one; whoever wants more gets all of them at once.
_ONE_BY_ONE = 50

#: What of a task run is shown; None for one that shows nothing.
_Leaf = Callable[[Result], Mapping[str, Any] | None]


class Results:
    """What the database has of an execution, under the changes of a batch, under those of the step that is being made."""

    def __init__(self, stored: Stored, fresh: Fresh | None = None, step: Mapping[str, TaskRun] | None = None) -> None:
        self._stored, self._fresh = stored, fresh or Fresh()
        self._step: Mapping[str, TaskRun] = step or {}
        self._stepped = Fresh()

    def outputs(self) -> Mapping[str, Any]:
        """Outputs by task."""
        return ByTask(self, lambda result: result.outputs, outputs=True)

    def tasks(self) -> Mapping[str, Any]:
        """States by task."""
        return ByTask(self, lambda result: {"state": result.state}, outputs=False)

    def names(self, *, outputs: bool) -> list[str]:
        """The tasks that have runs, or outputs."""
        layers = (self._stored.names(outputs=outputs), *(layer.names(outputs=outputs) for layer in self._unstored()))
        return list(dict.fromkeys(name for layer in layers for name in layer))

    def of_runs(self, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The outputs of some task runs, of those that have any."""
        wanted, changed = list(ids), ChainMap(dict(self._step), self._fresh.runs)
        stored = self._stored.outputs([id for id in wanted if id not in changed or changed[id].outputs is None])
        return {id: found for id in wanted if (found := stored.get(id) or (changed[id].outputs if id in changed else None)) is not None}

    def read_all(self, *, outputs: bool) -> None:
        """Everything is going to be asked for."""
        self._stored.read_all(outputs=outputs)

    def of(self, task: str, leaf: _Leaf, *, outputs: bool) -> Any:
        """What a task shows, under the values of loops where there are any; None where it shows nothing."""
        unstored = [run for layer in self._unstored() for run in layer.of(task) if not outputs or run.outputs is not None]
        depth = len(unstored[0].values) if unstored else self._stored.depth(task, outputs=outputs)
        if depth is None:
            return None
        rounds = Rounds(self, task, leaf, depth, outputs=outputs)
        return rounds if depth else self.round(task, (), leaf, outputs=outputs)

    def round(self, task: str, values: Values, leaf: _Leaf, *, outputs: bool) -> Any:
        """What a task shows for the values of all loops around it: its last run; None where that shows nothing."""
        changed = [run for layer in self._unstored() for run in layer.of_round(task, values)]
        shown = [leaf(result) for result in _merged(self._stored.of_round(task, values, outputs=outputs), changed)]
        return next((part for part in reversed(shown) if part is not None), None)

    def last(self, task: str, values: Values) -> Result | None:
        """The last run of a task for the values of all loops around it, with its outputs."""
        changed = [run for layer in self._unstored() for run in layer.of_round(task, values)]
        found = list(_merged(self._stored.of_round(task, values, outputs=True), changed))
        return found[-1] if found else None

    def rounds(self, task: str, leaf: _Leaf, *, outputs: bool) -> dict[str, Any]:
        """What a task in loops shows, all of it."""
        changed = [run for layer in self._unstored() for run in layer.of(task)]
        found: dict[str, Any] = {}
        for result in _merged(self._stored.of(task, outputs=outputs), changed):
            if (part := leaf(result)) is None:
                continue
            at = found
            for value in result.values[:-1]:
                at = at.setdefault(value, {})
            at[result.values[-1]] = part
        return found

    def has_rounds(self, task: str, values: Values) -> bool:
        """Whether a task has runs below these values of the outermost loops around it."""
        if any(run.values[: len(values)] == values for layer in self._unstored() for run in layer.of(task)):
            return True
        return self._stored.has_rounds(task, values)

    def _unstored(self) -> tuple[Fresh, Fresh]:
        """The changes of the batch, and those of the step so far."""
        if len(self._stepped.runs) != len(self._step):
            self._stepped = Fresh(self._step.values())
        return self._fresh, self._stepped


def _merged(stored: Iterable[Result], changed: Iterable[TaskRun]) -> Iterable[Result]:
    found = {result.id: result for result in stored}
    for run in changed:
        found[run.id] = found[run.id].moved(run) if run.id in found else Result.of(run)
    return found.values()


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


class Rounds(Mapping[str, Any]):
    """What a task in a loop shows, by the values of the loop. One round costs its own runs; whoever wants all of them gets them with one query."""

    def __init__(self, of: Results, task: str, leaf: _Leaf, depth: int, values: Values = (), *, outputs: bool) -> None:
        self._of, self._task, self._leaf, self._depth, self._above, self._outputs = of, task, leaf, depth, values, outputs
        self._held: dict[str, Any] = {}
        self._all: dict[str, Any] | None = None

    def __getitem__(self, value: str) -> Any:
        if not isinstance(value, str):
            raise KeyError(value)
        if self._all is not None:
            return self._all[value]
        if value not in self._held:
            if len(self._held) >= _ONE_BY_ONE:
                return self._whole()[value]
            self._held[value] = self._round((*self._above, value))
        if self._held[value] is None:
            raise KeyError(value)
        return self._held[value]

    def _round(self, values: Values) -> Any:
        if len(values) == self._depth:
            return self._of.round(self._task, values, self._leaf, outputs=self._outputs)
        if not self._of.has_rounds(self._task, values):
            return None
        return Rounds(self._of, self._task, self._leaf, self._depth, values, outputs=self._outputs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def _whole(self) -> dict[str, Any]:
        if self._all is None:
            found = self._of.rounds(self._task, self._leaf, outputs=self._outputs)
            for value in self._above:
                found = found.get(value, {})
            self._all = found
        return self._all
