"""Keys of the KV store as people and programs write them: what their text means, and where it goes. Tasks go through `keys`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError

from runners.fields import parse_duration
from service.errors import Invalid, Malformed
from service.expressions.values import iso_duration
from service.flows.names import is_namespace
from service.store import kv
from service.store.codec import iso
from service.store.database import Session
from service.store.kv import Entry
from service.tasks.kv_set import KINDS, read_as

_LONGEST_NAMESPACE, _LONGEST_DESCRIPTION = 150, 1_000
#: What may stand without quotes, as in Ion.
_BARE: Mapping[str, re.Pattern[str]] = {
    "DATE": re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII),
    "DATETIME": re.compile(r"\d{4}-\d{2}-\d{2}T.+", re.ASCII),
}
_DURATION = re.compile(r"P(?=[\dT])[\dDTHMS.W]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Put:
    """A value that is to be stored."""

    namespace: str
    key: str
    value: Any
    expires_at: float | None
    description: str | None

    def store(self, session: Session, environment: str, at: float) -> int:
        """Gives its version. Raises Invalid for a name that no key can have and for a value that is too large."""
        return kv.put(session, environment, self.namespace, self.key, self.value, at=at, expires_at=self.expires_at, description=self.description)


def read(namespace: str, key: str, text: str, now: datetime, *, kind: str | None = None, ttl: str | None = None, description: str | None = None) -> Put:
    """What is asked for. Raises Malformed for a text that is no value, and Invalid."""
    if description is not None and len(description) > _LONGEST_DESCRIPTION:
        raise Invalid(f"a description has at most {_LONGEST_DESCRIPTION:,} characters")
    return Put(checked(namespace), key, value_of(text, kind), _end(ttl, now), description)


def checked(namespace: str) -> str:
    """A namespace, if it can be one. Raises Invalid."""
    if len(namespace) > _LONGEST_NAMESPACE or not is_namespace(namespace):
        raise Invalid(f"`{namespace[:60]}` is no namespace: lower-case letters, digits, `.`, `-` and `_`, beginning with a letter or digit")
    return namespace


def value_of(text: str, kind: str | None = None) -> Any:
    """The value that a text means: one of the type that is said, else JSON; dates, and a word that is none of these, need no quotes, and a text in quotes that
    is a duration is one. Raises Malformed, and Invalid."""
    if kind is not None:
        return _typed(text, kind.strip().upper())
    bare = text.strip()
    for name, pattern in _BARE.items():
        if pattern.fullmatch(bare):
            return _typed(bare, name)
    try:
        value = json.loads(bare, parse_float=_number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:
        if not bare or bare[0] in '{["':
            raise Malformed("the body is no value: it is JSON, a date, a duration, or a word") from wrong
        value = bare
    return _duration(value) if isinstance(value, str) else value


def _typed(text: str, kind: str) -> Any:
    if kind not in KINDS:
        raise Invalid(f"there is no type `{kind[:40]}`; there are {', '.join(KINDS)}")
    try:
        return read_as(kind, text)
    except (ValueError, RecursionError):
        raise Invalid(f"`{text[:60]}` is not a value of the type {kind}") from None


def _number(digits: str) -> float | Decimal:
    exact = Decimal(digits)
    return float(digits) if Decimal(repr(float(digits))) == exact else exact


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _duration(text: str) -> Any:
    if not _DURATION.fullmatch(text):
        return text
    try:
        return parse_duration(text)
    except (PydanticCustomError, OverflowError):
        return text


def _end(ttl: str | None, now: datetime) -> float | None:
    if not ttl:
        return None
    try:
        return (now + parse_duration(ttl.strip())).timestamp()
    except (PydanticCustomError, OverflowError):
        raise Invalid(f"`ttl` is an ISO-8601 duration such as PT1H, not `{ttl[:60]}`") from None


_SHOWN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (datetime, iso),
    (date, date.isoformat),
    (timedelta, iso_duration),
    (Decimal, float),
)


def shown(entry: Entry) -> Any:
    """A value in JSON: dates and durations are ISO-8601 texts."""
    write = next((write for kind, write in _SHOWN if isinstance(entry.value, kind)), None)
    return entry.value if write is None else write(entry.value)
