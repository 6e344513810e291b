"""The KV store: typed values by namespace and key, each with an optional end.

A value keeps its type: text that looks like a date stays text, and a date comes back as one. What is past its end is as if it were not there, also before
somebody forgets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete as delete_
from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from service.errors import Invalid
from service.store.codec import from_iso, from_json, iso, to_json
from service.store.database import Session
from service.store.filters import Condition, text, where
from service.store.tables import KeyValue as Table
from service.store.tables import core

_table = core(Table)
_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,255}")
_MICROSECOND = timedelta(microseconds=1)
LARGEST = 1_000_000  #: bytes of a value's JSON: rows are not a file store

STRING, NUMBER, BOOLEAN, DATETIME, DATE, DURATION, JSON = "STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"

#: How a type's values are made of the JSON that is stored of them, where that isn't the value itself.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    DATETIME: from_iso,
    DATE: date.fromisoformat,
    DURATION: lambda microseconds: microseconds * _MICROSECOND,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value, which is text, a number, a boolean, a datetime, a date, a timedelta, or a list or map of JSON's values, in JSON of so many
    characters."""

    namespace: str
    key: str
    type: str
    value: Any
    version: int
    created_at: float
    updated_at: float
    expires_at: float | None
    description: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A key without its value."""

    namespace: str
    key: str
    type: str
    version: int
    created_at: float
    updated_at: float
    expires_at: float | None
    description: str | None


_LISTED = [_table.c[name] for name in ("namespace", "key", "type", "version", "created_at", "updated_at", "expires_at", "description")]


def listed(session: Session, environment: str, namespaces: Sequence[str], at: float) -> tuple[Listed, ...]:
    """The keys of exactly these namespaces, by namespace and name."""
    statement = select(*_LISTED).where(*_live(environment, at), _table.c.namespace.in_(namespaces)).order_by(_table.c.namespace, _table.c.key)
    return tuple(Listed(*row) for row in session.execute(statement))


def search(
    session: Session, environment: str, at: float, conditions: Sequence[Condition], query: str | None, *, limit: int, offset: int
) -> tuple[tuple[Listed, ...], int]:
    """A page of all keys of an environment by namespace and name, and how many there are."""
    chosen = [*_live(environment, at), *where(session, conditions, _FIELDS)]
    if query:
        chosen.append(_table.c.key.contains(query, autoescape=True))
    total = int(session.execute(select(func.count()).select_from(_table).where(*chosen)).scalar_one())
    rows = session.execute(select(*_LISTED).where(*chosen).order_by(_table.c.namespace, _table.c.key).limit(limit).offset(offset))
    return tuple(Listed(*row) for row in rows), total


_FIELDS = {"namespace": text(_table.c.namespace), "key": text(_table.c.key)}


def put(
    session: Session, environment: str, namespace: str, key: str, value: Any, *, at: float, expires_at: float | None = None, description: str | None = None
) -> int:
    """Stores a value whether or not there was one; gives its version. Raises Invalid for a name that no key can have and for a value that is too large."""
    type, stored = _checked(key, value)
    row = {"type": type, "value": stored, "description": description, "updated_at": at, "expires_at": expires_at}
    statement = upsert(_table).values(environment=environment, namespace=namespace, key=key, version=1, created_at=at, **row)
    changed = statement.on_conflict_do_update(index_elements=["environment", "namespace", "key"], set_={**row, "version": _table.c.version + 1})
    return int(session.execute(changed.returning(_table.c.version)).scalar_one())


def as_stored(key: str, value: Any) -> tuple[Any, int]:
    """What `get` will give for a value once it is put, and its size in characters of JSON. Raises Invalid as `put` does."""
    type, stored = _checked(key, value)
    return _read(type, stored), len(stored)


def get(session: Session, environment: str, namespace: str, key: str, at: float) -> Entry | None:
    """A key of exactly this namespace."""
    row = session.execute(select(_table).where(*_live(environment, at), _table.c.namespace == namespace, _table.c.key == key)).first()
    return None if row is None else _entry(row)


def find(session: Session, environment: str, namespace: str, key: str, at: float) -> Entry | None:
    """A key of this namespace, or of the nearest one above it that has it."""
    parts = namespace.split(".")
    above = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    rows = session.execute(select(_table).where(*_live(environment, at), _table.c.namespace.in_(above), _table.c.key == key))
    nearest = max(rows, key=lambda row: len(row.namespace), default=None)
    return None if nearest is None else _entry(nearest)


def every(session: Session, environment: str, namespace: str, at: float) -> tuple[Entry, ...]:
    """All keys of exactly this namespace, by name."""
    rows = session.execute(select(_table).where(*_live(environment, at), _table.c.namespace == namespace).order_by(_table.c.key))
    return tuple(_entry(row) for row in rows)


def delete(session: Session, environment: str, namespace: str, key: str, at: float) -> bool:
    """Takes a key away; False where there was none."""
    there = get(session, environment, namespace, key, at) is not None
    session.execute(delete_(_table).where(_table.c.environment == environment, _table.c.namespace == namespace, _table.c.key == key))
    return there


def forget(session: Session, before: float, limit: int) -> int:
    """Deletes what ended before a moment; how many. A limited number at a time: nobody waits long behind it."""
    ended = select(_table.c.environment, _table.c.namespace, _table.c.key).where(_table.c.expires_at < before).limit(limit)
    rows = session.execute(ended).all()
    for row in rows:
        session.execute(
            delete_(_table).where(
                _table.c.environment == row.environment, _table.c.namespace == row.namespace, _table.c.key == row.key, _table.c.expires_at < before
            )
        )
    return len(rows)


def namespaces(session: Session, environment: str) -> tuple[str, ...]:
    """Those that have keys, also keys whose time is over."""
    return tuple(session.execute(select(_table.c.namespace).where(_table.c.environment == environment).distinct()).scalars())


def named(session: Session, environment: str, namespace: str, after: str, limit: int, expired_before: float | None) -> tuple[str, ...]:
    """Some keys of a namespace behind one, by name; with a moment only those that ended before it."""
    where = [_table.c.environment == environment, _table.c.namespace == namespace, _table.c.key > after]
    if expired_before is not None:
        where.append(_table.c.expires_at <= expired_before)
    return tuple(session.execute(select(_table.c.key).where(*where).order_by(_table.c.key).limit(limit)).scalars())


def forget_named(session: Session, environment: str, namespace: str, keys: Sequence[str], expired_before: float | None) -> int:
    """Deletes these keys; with a moment only those that still are over by then. How many."""
    where = [_table.c.environment == environment, _table.c.namespace == namespace, _table.c.key.in_(keys)]
    if expired_before is not None:
        where.append(_table.c.expires_at <= expired_before)
    return session.execute(delete_(_table).where(*where)).rowcount


def _live(environment: str, at: float) -> tuple[Any, ...]:
    return _table.c.environment == environment, _table.c.expires_at.is_(None) | (_table.c.expires_at > at)


def _checked(key: str, value: Any) -> tuple[str, str]:
    """A value's type and its JSON, where they can be stored."""
    if not _KEY.fullmatch(key):
        raise Invalid(f"`{key[:100]}` can't be a key: letters, digits, `.`, `_` and `-`, a letter or digit first, at most 256 of them")
    type, stored = _stored(value)
    if len(stored.encode("utf-8")) > LARGEST:
        raise Invalid(f"the value of `{key}` is larger than {LARGEST:,} bytes; a file is the place for it")
    return type, stored


def _stored(value: Any) -> tuple[str, str]:
    """A value's type and its JSON."""
    match value:
        case bool():
            return BOOLEAN, to_json(value)
        case str():
            return STRING, to_json(value)
        case int() | float():
            return NUMBER, to_json(value)
        case Decimal():
            return NUMBER, str(value)
        case datetime():
            return DATETIME, to_json(iso(value))
        case date():
            return DATE, to_json(value.isoformat())
        case timedelta():
            return DURATION, to_json(value // _MICROSECOND)
    return JSON, to_json(value)


def _number(text: str) -> Any:
    """A number with all its digits."""
    found = from_json(text)
    return Decimal(text) if isinstance(found, float) and Decimal(text) != Decimal(repr(found)) else found


def _read(type: str, stored: str) -> Any:
    held = _number(stored) if type == NUMBER else from_json(stored)
    return _READERS.get(type, lambda value: value)(held)


def _entry(row: Any) -> Entry:
    return Entry(
        row.namespace,
        row.key,
        row.type,
        _read(row.type, row.value),
        row.version,
        row.created_at,
        row.updated_at,
        row.expires_at,
        row.description,
        len(row.value),
    )
