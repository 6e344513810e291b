"""Executions as JSON text, made straight from what is stored: twenty thousand task runs are twenty megabytes of text, which nobody has to take apart first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from json.encoder import encode_basestring
from typing import Any

from runners.fields import format_duration
from runners.masking import SEALED, Masker
from service.actions.kit import Kit
from service.api import shapes
from service.engine.state import State
from service.store import detail, repositories
from service.store.codec import from_iso, now, to_json
from service.store.database import Session
from service.store.detail import Stored
from service.store.executions import Row

_TERMINAL = frozenset(state.value for state in State if state.terminal)
_TOGETHER = 500  #: task runs whose outputs are searched for secrets at once
_LIST = '"taskRunList":[]'


def head(kit: Kit, session: Session, row: Row) -> dict[str, Any]:
    """An execution without its task runs."""
    pin = row.execution.pin
    repository = repositories.by_id(session, pin.repository) if pin else None
    return shapes.execution(kit, row, now(), repository.name if repository else None)


def whole(head: dict[str, Any], runs: Iterable[str]) -> str:
    """An execution with the texts of its task runs."""
    # Behind the rest: no value of the head can be mistaken for the empty list.
    bare = to_json({name: value for name, value in head.items() if name != "taskRunList"})
    return f'{bare[:-1]},"taskRunList":[{",".join(runs)}]}}'


def execution(kit: Kit, session: Session, row: Row) -> str:
    """One execution with all its task runs."""
    return whole(head(kit, session, row), task_runs(kit, session, row))


def task_runs(kit: Kit, session: Session, row: Row, *, limit: int | None = None, offset: int = 0) -> Iterator[str]:
    """Its task runs in the order of their creation, or some of them."""
    found = detail.every(session, row.execution.id, limit=limit, offset=offset)
    return (text for _, text in run_texts(kit.masker, row, found, now()))


def run_texts(masker: Masker, row: Row, runs: Iterable[Stored], now: datetime) -> Iterator[tuple[Stored, str]]:
    """Each task run with its JSON. What came from secrets is masked."""
    of = row.execution
    whose = f'"executionId":"{of.id}","namespace":{encode_basestring(of.namespace)},"flowId":{encode_basestring(of.flow)}'
    left = iter(runs)
    while some := tuple(islice(left, _TOGETHER)):
        for run, outputs in zip(some, _outputs(masker, some), strict=True):
            yield run, _run(masker, whose, run, outputs, now)


def _outputs(masker: Masker, runs: Sequence[Stored]) -> Iterator[str]:
    """As they are stored, where no secret stands in them: what has no backslash is in JSON what it is."""
    texts = [run.outputs or "{}" for run in runs]
    for text, masked in zip(texts, masker.texts(texts), strict=True):
        plain = masked == text and "\\" not in text and SEALED not in text
        yield text if plain else to_json(masker.value(json.loads(text)))


def _run(masker: Masker, whose: str, run: Stored, outputs: str, now: datetime) -> str:
    attempts = ",".join(_attempt(masker, one, now) for one in json.loads(run.attempts))
    optional = (
        ("" if run.parent is None else f',"parentTaskRunId":"{run.parent}"')
        + ("" if run.value is None else f',"value":{encode_basestring(run.value)}')
        + ("" if run.iteration is None else f',"iteration":{run.iteration}')
    )
    state = _state(json.loads(run.history), now)
    head = f'"id":"{run.id}",{whose},"taskId":{encode_basestring(run.task)}'
    return f'{{{head},"attempts":[{attempts}],"outputs":{outputs},"state":{state}{optional}}}'


def _attempt(masker: Masker, one: dict[str, Any], now: datetime) -> str:
    runner = f',"workerId":{encode_basestring(one["runner"])}' if one["runner"] else ""
    message = f',"message":{to_json(masker.text(one["message"]))}' if one["message"] else ""
    log = f',"logFile":{encode_basestring(one["log_file"])}' if one.get("log_file") else ""
    return f'{{"state":{_state(one["history"], now)}{runner}{message}{log}}}'


def _state(history: Sequence[Sequence[str]], now: datetime) -> str:
    """The same as `shapes.state`, of a history as it is stored."""
    (_, begun), (current, last) = history[0], history[-1]
    stamps = ",".join([f'{{"state":"{state}","date":"{date}"}}' for state, date in history])
    ended = current in _TERMINAL
    duration = format_duration((from_iso(last) if ended else now) - from_iso(begun))
    end = f',"endDate":"{last}"' if ended else ""
    return f'{{"current":"{current}","histories":[{stamps}],"startDate":"{begun}","duration":"{duration}"{end}}}'
