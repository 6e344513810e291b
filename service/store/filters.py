"""Conditions of a search, as the API's `filters[field][OP]=value` says them, turned into SQL. What a field is stands with the table that is searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import re2
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, false, not_, or_

from runners.fields import parse_duration
from service.errors import Invalid
from service.store.codec import from_iso, now
from service.store.database import Session

EQUALS, NOT_EQUALS, IN, NOT_IN = "EQUALS", "NOT_EQUALS", "IN", "NOT_IN"
GREATER, LESS, AT_LEAST, AT_MOST = "GREATER_THAN", "LESS_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN_OR_EQUAL_TO"
STARTS, ENDS, CONTAINS, REGEX, PREFIX = "STARTS_WITH", "ENDS_WITH", "CONTAINS", "REGEX", "PREFIX"
OPERATORS = (EQUALS, NOT_EQUALS, GREATER, LESS, AT_LEAST, AT_MOST, IN, NOT_IN, STARTS, ENDS, CONTAINS, REGEX, PREFIX)

_LONGEST_PATTERN = 500
_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Condition:
    """One of them. `values` has several for IN and NOT_IN alone; `key` is that of a label."""

    field: str
    operator: str
    values: tuple[str, ...]
    key: str | None = None

    @property
    def value(self) -> str:
        """The one value."""
        return self.values[0]

    def refused(self, *there: str) -> Invalid:
        """That this field has no such operator."""
        return Invalid(f"`{self.field}` can't be filtered with {self.operator}; there is {', '.join(there)}")


#: What a condition on a field means.
Meaning = Callable[[Condition], ColumnElement[bool]]


def where(session: Session, conditions: Sequence[Condition], fields: Mapping[str, Meaning]) -> list[ColumnElement[bool]]:
    """All of them, in SQL. Raises Invalid for a field that there is none of here, and for an operator or a value that it does not take."""
    found = []
    for condition in conditions:
        meaning = fields.get(condition.field)
        if meaning is None:
            raise Invalid(f"there is no filter `{condition.field[:60]}` here; there is {', '.join(sorted(fields))}")
        found.append(meaning(condition))
    if any(condition.operator == REGEX for condition in conditions):
        _teach(session)
    return found


def text(column: Any) -> Meaning:
    """A column of texts takes all operators but those of order; `PREFIX` is a namespace with those under it."""

    def meaning(condition: Condition) -> ColumnElement[bool]:
        value = condition.value
        ways: dict[str, Callable[[], ColumnElement[bool]]] = {
            EQUALS: lambda: column == value,
            NOT_EQUALS: lambda: column.is_distinct_from(value),
            IN: lambda: column.in_(condition.values),
            NOT_IN: lambda: column.not_in(condition.values),
            STARTS: lambda: column.startswith(value, autoescape=True),
            ENDS: lambda: column.endswith(value, autoescape=True),
            CONTAINS: lambda: column.contains(value, autoescape=True),
            PREFIX: lambda: under(column, value),
            REGEX: lambda: column.regexp_match(_checked(value)),
        }
        if condition.operator not in ways:
            raise condition.refused(*ways)
        return ways[condition.operator]()

    return meaning


def under(column: Any, namespace: str) -> ColumnElement[bool]:
    """A namespace and those under it."""
    return or_(column == namespace, column.startswith(namespace + ".", autoescape=True))


def ordered(column: Any, read: Callable[[Condition], float]) -> Meaning:
    """A column of numbers. `read` makes one of a condition's value, or raises Invalid."""

    def meaning(condition: Condition) -> ColumnElement[bool]:
        value = read(condition) if condition.operator not in (IN, NOT_IN) else 0.0
        ways: dict[str, Callable[[], ColumnElement[bool]]] = {
            EQUALS: lambda: column == value,
            NOT_EQUALS: lambda: column != value,
            GREATER: lambda: column > value,
            LESS: lambda: column < value,
            AT_LEAST: lambda: column >= value,
            AT_MOST: lambda: column <= value,
            IN: lambda: column.in_([read(one) for one in _each(condition)]),
            NOT_IN: lambda: column.not_in([read(one) for one in _each(condition)]),
        }
        if condition.operator not in ways:
            raise condition.refused(*ways)
        return ways[condition.operator]()

    return meaning


def either(found: Callable[[str], ColumnElement[bool]], *operators: str) -> Meaning:
    """A field whose values each have a meaning of their own: it holds, or with NOT_EQUALS and NOT_IN it does not."""

    def meaning(condition: Condition) -> ColumnElement[bool]:
        if condition.operator not in operators:
            raise condition.refused(*operators)
        holds = or_(false(), *[found(value) for value in condition.values])
        return not_(holds) if condition.operator in (NOT_EQUALS, NOT_IN) else holds

    return meaning


def moment(name: str, text: str | None) -> float | None:
    """A date of a parameter, in seconds since the epoch. Raises Invalid."""
    if text is None:
        return None
    try:
        # A `+` that nobody escaped has become a space.
        found = from_iso(text.strip().replace(" ", "+") if "T" in text else text)
        return (found if found.tzinfo else found.astimezone()).timestamp()
    except (ValueError, OverflowError) as failure:
        raise Invalid(f"{name} is not an ISO-8601 date: `{text[:60]}`") from failure


def since(text: str) -> float:
    """The beginning of a `timeRange`, which ends now. Raises Invalid."""
    try:
        begin: datetime = now() - parse_duration(text)
    except (PydanticCustomError, ValueError, OverflowError):
        raise Invalid(f"timeRange is an ISO-8601 duration such as PT24H, not `{text[:60]}`") from None
    return begin.timestamp()


def _each(condition: Condition) -> list[Condition]:
    return [Condition(condition.field, EQUALS, (value,)) for value in condition.values]


def _teach(session: Session) -> None:
    """Has this connection match patterns in a time that grows with the text alone: what SQLAlchemy brings along may take for ever."""
    raw = session.connection.driver_connection
    if raw is not None:
        raw.create_function("regexp", 2, _matches, deterministic=True)


def _matches(pattern: str, value: Any) -> bool:
    return value is not None and _compiled(pattern).search(str(value)) is not None


def _checked(pattern: str) -> str:
    try:
        if len(pattern) > _LONGEST_PATTERN:
            raise re2.error("it is too long")
        _compiled(pattern)
    except re2.error as wrong:
        raise Invalid(f"`{pattern[:60]}` is no pattern: {wrong}") from None
    return pattern


@lru_cache(100)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    return re2.compile(pattern, options)
