"""Keeps a value under a key, for this flow's later executions and for other flows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Never, get_args

from pydantic import Field
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Dynamic, Text, parse_duration
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, KvPut, Wait, flag

Kind = Literal["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"]


class Set(InlineTask):
    """Stores `value` under `key`, as the type that it renders to; `kv('key')` and `kv.Get` give it back as that."""

    TYPE = "io.kestra.plugin.core.kv.Set"

    key: Text = Field(description="The key: letters, digits, `.`, `_` and `-`.")
    value: Any = Field(description="The value, of any nesting; what is one expression keeps its type.")
    namespace: Text = Field(
        "{{ flow.namespace }}", description="Where: the flow's own namespace, another one of its repository, or one that belongs to nobody."
    )
    overwrite: Dynamic[bool] = Field(True, description="Whether it may be there already; otherwise the task fails then.")
    ttl: Dynamic[Duration] | None = Field(None, description="How long it is there, in ISO-8601; for ever when absent.")
    kv_type: Dynamic[Kind] | None = Field(None, description="The type that a text is read as; it stays text when this is absent.")
    kv_description: Text | None = Field(None, description="What the key is for.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        key, namespace = ask.text(self.key), ask.text(self.namespace)
        value = ask.typed(self.value)
        if self.kv_type is not None:
            value = _as(ask.text(self.kv_type).strip().upper(), value, ask)
        if not flag(ask, "overwrite", self.overwrite) and _is_there(ask, key, namespace):
            raise TaskFailed(f"the key `{key}` is in the namespace `{namespace}` already, and `overwrite` is false")
        description = None if self.kv_description is None else ask.text(self.kv_description)
        return Done(effect=KvPut(namespace, key, value, self._end(ask), description))

    def _end(self, ask: InlineAsk) -> datetime | None:
        written: object = self.ttl
        if written is None:
            return None
        text = written if isinstance(written, timedelta) else ask.text(written).strip()
        try:
            return ask.now + parse_duration(text)
        except (PydanticCustomError, OverflowError) as wrong:
            raise TaskFailed(f"`ttl` is `{text}`: {wrong}") from None


def _is_there(ask: InlineAsk, key: str, namespace: str) -> bool:
    try:
        ask.keys.get(key, namespace)
    except KeyError:
        return False
    return True


def read_as(kind: str, text: str) -> Any:
    """A text as a value of a type. Raises ValueError for what is none."""
    read, _ = _KINDS[kind]
    try:
        return read(text if kind == "STRING" else text.strip())
    except (ArithmeticError, PydanticCustomError) as wrong:
        raise ValueError(text) from wrong


def _as(kind: str, value: Any, ask: InlineAsk) -> Any:
    """A value as one of a type; text is read. Raises TaskFailed for what is none."""
    if kind not in _KINDS:
        raise TaskFailed(f"`kvType` is `{kind}`; it must be one of {', '.join(_KINDS)}")
    _, fits = _KINDS[kind]
    try:
        if isinstance(value, str):
            return read_as(kind, value)
    except ValueError:
        raise TaskFailed(f"`value` is not a value of the type {kind}") from None
    if kind == "STRING" and isinstance(value, int | float | Decimal):
        return ask.text(value)
    if not fits(value):
        raise TaskFailed(f"`value` is not a value of the type {kind}")
    return value


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_wrong)


def _number(text: str) -> Any:
    """As JSON writes numbers, with all digits."""
    found = json.loads(text, parse_float=Decimal, parse_constant=_wrong)
    if isinstance(found, bool) or not isinstance(found, int | Decimal):
        _wrong(text)
    return float(found) if isinstance(found, Decimal) and Decimal(repr(float(found))) == found else found


def _boolean(text: str) -> bool:
    return text.lower() == "true" or (text.lower() != "false" and _wrong(text))


def _moment(text: str) -> datetime:
    """A moment: without its zone it is none."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else _wrong(text)


def _day(text: str) -> date:
    found = date.fromisoformat(text)
    return found if found.isoformat() == text else _wrong(text)


def _wrong(text: str) -> Never:
    raise ValueError(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


KINDS = get_args(Kind)

#: How a text is read as one of a type, and which other values are of it already.
_KINDS: Mapping[str, tuple[Callable[[str], Any], Callable[[Any], bool]]] = {
    "STRING": (str, lambda value: False),
    "NUMBER": (_number, _is_number),
    "BOOLEAN": (_boolean, lambda value: isinstance(value, bool)),
    "DATETIME": (_moment, lambda value: isinstance(value, datetime)),
    "DATE": (_day, lambda value: isinstance(value, date) and not isinstance(value, datetime)),
    "DURATION": (parse_duration, lambda value: isinstance(value, timedelta)),
    "JSON": (_json, lambda value: True),
}
