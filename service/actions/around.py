"""What surrounds an execution that is one iteration of a loop: the execution that the loop stands in, and what its tasks have given so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.actions.layers import Stored
from service.actions.results import Results
from service.engine.execution import Execution
from service.errors import NotFound
from service.store import executions
from service.store.database import Session


@dataclass(frozen=True, slots=True)
class Around:
    """`home` is the execution that templates speak of as their own; `items` are those of the loops around, and `results` those of the executions, the nearest
    first."""

    home: Execution
    items: Sequence[Mapping[str, Any]] = ()
    results: Sequence[Results] = ()


class Surroundings:
    """What surrounds the executions of one batch, or of one request: each read once. What a loop finds when it begins does not change while it runs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, tuple[Execution, Stored]] = {}

    def of(self, execution: Execution) -> Around:
        """For an execution that is no iteration: itself. Raises NotFound where the execution of the loop is gone."""
        items, results = [], []
        while (caller := execution.caller) is not None and caller.item is not None:
            execution, stored = self._find(caller.execution)
            items.append(caller.item)
            results.append(Results(stored))
        return Around(execution, items, results)

    def _find(self, id: str) -> tuple[Execution, Stored]:
        if id not in self._known:
            row = executions.get(self._session, id)
            if row is None:
                raise NotFound(f"the execution {id}, whose loop this is an iteration of, is gone")
            self._known[id] = row.execution, Stored(self._session, id)
        return self._known[id]


class Over(Mapping[str, Any]):
    """Results of an iteration over those of the executions around it."""

    def __init__(self, layers: Sequence[Mapping[str, Any]]) -> None:
        self._layers = layers

    def __getitem__(self, task: str) -> Any:
        for layer in self._layers:
            if (found := layer.get(task)) is not None:
                return found
        raise KeyError(task)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(task for layer in self._layers for task in layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)
