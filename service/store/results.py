"""What the task runs of an execution came to, by task: states and outputs, read for one task at a time.

An execution may hold ten thousand outputs, and a template that names one of them must not pay for the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from service.engine.execution import TaskRun
from service.errors import TooLarge
from service.store.codec import from_json
from service.store.database import Session
from service.store.tables import TaskRun as Table
from service.store.tables import core

_table = core(Table)
_COLUMNS = (_table.c.id, _table.c.task_id, _table.c.parent_id, _table.c.value, _table.c.state)
_MANY = 500  #: ids in one statement
LARGEST = 32_000_000  #: characters of outputs that are held at once
HEAVIEST = 128_000_000  #: bytes of memory that they take, about: a list of three characters takes twenty times its text
_VALUE = 80
_STRING = re.compile(r'"(?>[^"\\]+|\\.)*"')


@dataclass(frozen=True, slots=True)
class Result:
    """A task run, as far as templates of others see it. `outputs` is None where it has none, and where they were not asked for."""

    id: str
    task: str
    parent: str | None
    value: str | None
    state: str
    outputs: Mapping[str, Any] | None = None

    def moved(self, run: TaskRun) -> Result:
        """The same after a change that isn't stored yet."""
        return replace(self, state=run.state.value, outputs=self.outputs if run.outputs is None else run.outputs)

    @classmethod
    def of(cls, run: TaskRun) -> Result:
        """One that isn't stored yet at all."""
        return cls(run.id, run.node, run.parent, run.value, run.state.value, run.outputs)


def names(session: Session, execution: str, *, outputs: bool) -> tuple[str, ...]:
    """The tasks that have runs, or outputs, in the order in which they were first started."""
    first = func.min(_table.c.position)
    where = (_table.c.execution_id == execution, *((_table.c.outputs.is_not(None),) if outputs else ()))
    statement = select(_table.c.task_id).where(*where).group_by(_table.c.task_id).order_by(first)
    return tuple(session.execute(statement).scalars())


def of_task(session: Session, execution: str, task: str, *, outputs: bool = True) -> tuple[Result, ...]:
    """The runs of one task in the order of their creation. Raises TooLarge."""
    return _read(session, (_table.c.execution_id == execution, _table.c.task_id == task), outputs=outputs)


def of_all(session: Session, execution: str, *, outputs: bool = True) -> tuple[Result, ...]:
    """The runs of all tasks in the order of their creation. Raises TooLarge."""
    return _read(session, (_table.c.execution_id == execution,), outputs=outputs)


def of_runs(session: Session, ids: Iterable[str], *, outputs: bool = False) -> dict[str, Result]:
    """Some task runs by id."""
    wanted = list(dict.fromkeys(ids))
    parts = (wanted[at : at + _MANY] for at in range(0, len(wanted), _MANY))
    return {result.id: result for part in parts for result in _read(session, (_table.c.id.in_(part),), outputs=outputs)}


def _read(session: Session, where: tuple[Any, ...], *, outputs: bool) -> tuple[Result, ...]:
    columns = (*_COLUMNS, _table.c.outputs) if outputs else _COLUMNS
    found, size, weight = [], 0, 0
    for row in session.execute(select(*columns).where(*where).order_by(_table.c.position)):
        text = row.outputs if outputs else None
        size += len(text or "")
        weight += _weight(text or "")
        if size > LARGEST or weight > HEAVIEST:
            what = f"{LARGEST:,} characters" if size > LARGEST else f"{HEAVIEST // _VALUE:,} values"
            raise TooLarge(f"outputs of more than {what} of JSON can't be held at once: name those of one task, or put them into files")
        found.append(Result(row.id, row.task_id, row.parent_id, row.value, row.state, from_json(text)))
    return tuple(found)


def _weight(text: str) -> int:
    """About how many bytes of memory what is in a JSON text takes."""
    marks = _marks(text)
    if marks > len(text) >> 4:
        marks = _marks(_STRING.sub("", text))  # a table in a string has commas, too
    return len(text) + _VALUE * marks


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")
