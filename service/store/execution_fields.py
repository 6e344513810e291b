"""What the filters of a search for executions mean, and what they can be ordered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, false, func, literal, not_, or_

from service.engine.state import State
from service.errors import Invalid
from service.store.codec import now, to_json
from service.store.filters import CONTAINS, EQUALS, IN, NOT_EQUALS, NOT_IN, Condition, Meaning, either, moment, ordered, since, text, under
from service.store.tables import Execution as Table
from service.store.tables import core

_table = core(Table)
_ALIKE = (EQUALS, NOT_EQUALS, IN, NOT_IN)
_SYSTEM = "system"  #: the namespace of flows that look after the others


def labelled(key: str, value: str) -> ColumnElement[bool]:
    """Executions with a label. Inside of a JSON object `"key":"value"` can't stand but as that pair: a quote in a text is escaped."""
    return func.instr(_table.c.labels, to_json({key: value})[1:-1]) > 0


def _state(name: str) -> ColumnElement[bool]:
    if name.strip().upper() not in State.__members__:
        raise Invalid(f"there is no state `{name[:40]}`; there are {', '.join(State)}")
    return _table.c.state == name.strip().upper()


def _labels(condition: Condition) -> ColumnElement[bool]:
    """`filters[labels][EQUALS][key]=value`, or `key:value`; CONTAINS looks for a part of the value."""
    if condition.operator == CONTAINS and condition.key:
        if '"' in condition.key or "\\" in condition.key:
            raise Invalid(f"`{condition.key[:60]}` is no label's key")
        return func.json_extract(_table.c.labels, f'$."{condition.key}"').contains(condition.value, autoescape=True)
    if condition.operator not in _ALIKE:
        raise condition.refused(*_ALIKE, CONTAINS)
    holds = or_(false(), *[labelled(*((condition.key, value) if condition.key else _pair(value))) for value in condition.values])
    return not_(holds) if condition.operator in (NOT_EQUALS, NOT_IN) else holds


def _pair(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon or not key:
        raise Invalid(f"label `{text[:60]}` must be key:value")
    return key, value


def _words(word: str) -> ColumnElement[bool]:
    return _table.c.flow_id.contains(word, autoescape=True) | _table.c.namespace.contains(word, autoescape=True) | _table.c.id.startswith(word, autoescape=True)


def _from_another() -> ColumnElement[bool]:
    """Whether another execution started it."""
    return _of_trigger("$.variables.executionId").is_not(None)


def _of_trigger(path: str) -> ColumnElement[Any]:
    return func.json_extract(_table.c.trigger, path)


def _is_child(value: str) -> ColumnElement[bool]:
    if value not in ("CHILD", "MAIN"):
        raise Invalid(f"childFilter is CHILD or MAIN, not `{value[:40]}`")
    return _from_another() if value == "CHILD" else ~_from_another()


def _in_range(condition: Condition) -> ColumnElement[bool]:
    if condition.operator != EQUALS:
        raise condition.refused(EQUALS)
    return _table.c.created_at >= since(condition.value)


def _number(condition: Condition) -> float:
    try:
        return int(condition.value)
    except ValueError:
        raise Invalid(f"`{condition.field}` is a number, not `{condition.value[:40]}`") from None


def _date(condition: Condition) -> float:
    return moment(condition.field, condition.value) or 0.0


FIELDS: Mapping[str, Meaning] = {
    "q": either(_words, EQUALS, NOT_EQUALS),
    "id": text(_table.c.id),
    "executionId": text(_table.c.id),
    "namespace": text(_table.c.namespace),
    "flowId": text(_table.c.flow_id),
    "flowRevision": ordered(_table.c.revision, _number),
    "state": either(_state, *_ALIKE),
    "labels": _labels,
    "startDate": ordered(_table.c.created_at, _date),
    "endDate": ordered(_table.c.ended_at, _date),
    "timeRange": _in_range,
    "scope": either(lambda scope: under(_table.c.namespace, _SYSTEM) if scope == "SYSTEM" else ~under(_table.c.namespace, _SYSTEM), *_ALIKE),
    "kind": either(lambda kind: _table.c.kind == kind.strip().upper(), *_ALIKE),
    "childFilter": either(_is_child, *_ALIKE),
    "triggerId": text(_of_trigger("$.id")),
    "triggerExecutionId": text(_of_trigger("$.variables.executionId")),
    "originalId": text(func.coalesce(_table.c.original_id, _table.c.id)),
}

#: Names that a list can be ordered by.
ORDERED: Sequence[str] = (
    *("id", "namespace", "flowId", "flowRevision", "state.current", "state.startDate", "state.endDate", "state.duration"),
    *("startDate", "created"),
)


def order(name: str, *, descending: bool) -> list[ColumnElement[Any]]:
    """How a list is ordered by one of `ORDERED`; the id decides between equals."""
    lasted = cast(func.coalesce(_table.c.ended_at, literal(now().timestamp())), Float) - _table.c.created_at
    columns: dict[str, Any] = {
        "id": _table.c.id,
        "namespace": _table.c.namespace,
        "flowId": _table.c.flow_id,
        "flowRevision": _table.c.revision,
        "state.current": _table.c.state,
        "state.endDate": _table.c.ended_at,
        "state.duration": lasted,
    }
    found = (columns.get(name, _table.c.created_at), _table.c.id)
    return [column.desc() if descending else column.asc() for column in found]
