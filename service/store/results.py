"""What the task runs of an execution came to, by task: states and outputs, read for one task at a time.

An execution may hold ten thousand outputs, and a template that names one of them must not pay for the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select

from service.engine.execution import TaskRun
from service.errors import TooLarge
from service.store.codec import from_json, to_json
from service.store.database import Session
from service.store.tables import TaskRun as Table
from service.store.tables import core

_table = core(Table)
_COLUMNS = (_table.c.id, _table.c.task_id, _table.c.loop_values, _table.c.state, _table.c.position)
_MANY = 500  #: ids in one statement
LARGEST = 32_000_000  #: characters of outputs that are held at once
HEAVIEST = 128_000_000  #: bytes of memory that they take, about: a list of three characters takes twenty times its text
_VALUE = 80
_STRING = re.compile(r'"(?>[^"\\]+|\\.)*"')


@dataclass(frozen=True, slots=True)
class Result:
    """A task run, as far as templates of others see it. `values` are those of the loops around it, the outermost first, its own last. `outputs` is None where
    it has none, and where they were not asked for."""

    id: str
    task: str
    values: tuple[str, ...]
    state: str
    outputs: Mapping[str, Any] | None = None

    def moved(self, run: TaskRun) -> Result:
        """The same after a change that isn't stored yet."""
        return replace(self, state=run.state.value, outputs=self.outputs if run.outputs is None else run.outputs)

    @classmethod
    def of(cls, run: TaskRun) -> Result:
        """One that isn't stored yet at all."""
        return cls(run.id, run.node, run.values, run.state.value, run.outputs)


def names(session: Session, execution: str, *, outputs: bool) -> tuple[str, ...]:
    """The tasks that have runs, or outputs, in the order in which they were first started."""
    first = func.min(_table.c.position)
    where = (_table.c.execution_id == execution, *((_table.c.outputs.is_not(None),) if outputs else ()))
    statement = select(_table.c.task_id).where(*where).group_by(_table.c.task_id).order_by(first)
    return tuple(session.execute(statement).scalars())


def of_task(session: Session, execution: str, task: str, *, outputs: bool = True, most: int | None = None) -> tuple[Result, ...]:
    """The runs of one task in the order of their creation, those with outputs where outputs are asked for. Of more than `most` as many are read, any. Raises
    TooLarge."""
    where = (_table.c.execution_id == execution, _table.c.task_id == task, *((_table.c.outputs.is_not(None),) if outputs else ()))
    return _read(session, where, outputs=outputs, most=most)


def of_round(session: Session, execution: str, task: str, values: Sequence[str], *, outputs: bool) -> tuple[Result, ...]:
    """The runs of one task for these values of the loops around it, in the order of their creation. Raises TooLarge."""
    return _read(session, (_table.c.execution_id == execution, _table.c.task_id == task, _table.c.loop_values == to_json(values)), outputs=outputs)


def has_rounds(session: Session, execution: str, task: str, values: Sequence[str]) -> bool:
    """Whether a task has runs below these values of the loops outermost around it."""
    start = to_json(values)[:-1] + ","
    where = (_table.c.loop_values >= start, _table.c.loop_values < start + "\U0010ffff")
    return session.execute(select(_table.c.id).where(_table.c.execution_id == execution, _table.c.task_id == task, *where).limit(1)).first() is not None


def of_all(session: Session, execution: str, *, outputs: bool = True) -> tuple[Result, ...]:
    """The runs of all tasks in the order of their creation. Raises TooLarge."""
    return _read(session, (_table.c.execution_id == execution,), outputs=outputs)


def of_runs(session: Session, ids: Iterable[str], *, outputs: bool = False) -> dict[str, Result]:
    """Some task runs by id."""
    wanted = list(dict.fromkeys(ids))
    parts = (wanted[at : at + _MANY] for at in range(0, len(wanted), _MANY))
    return {result.id: result for part in parts for result in _read(session, (_table.c.id.in_(part),), outputs=outputs)}


def _read(session: Session, where: tuple[Any, ...], *, outputs: bool, most: int | None = None) -> tuple[Result, ...]:
    columns = (*_COLUMNS, _table.c.outputs) if outputs else _COLUMNS
    found, size, weight = [], 0, 0
    for row in session.execute(select(*columns).where(*where).limit(most)):
        text = row.outputs if outputs else None
        size += len(text or "")
        weight += _weight(text or "")
        if size > LARGEST or weight > HEAVIEST:
            what = f"{LARGEST:,} characters" if size > LARGEST else f"{HEAVIEST // _VALUE:,} values"
            raise TooLarge(f"outputs of more than {what} of JSON can't be held at once: name those of one task, or put them into files")
        found.append((row.position, Result(row.id, row.task_id, tuple(from_json(row.loop_values)), row.state, from_json(text))))
    # Sorted here: asked for their order, SQLite would go through all task runs in it.
    return tuple(result for _, result in sorted(found, key=itemgetter(0)))


def _weight(text: str) -> int:
    """About how many bytes of memory what is in a JSON text takes."""
    marks = _marks(text)
    if marks > len(text) >> 4:
        marks = _marks(_STRING.sub("", text))  # a table in a string has commas, too
    return len(text) + _VALUE * marks


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")
