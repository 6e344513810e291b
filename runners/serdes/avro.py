"""Values that fit an Avro schema, which is what Avro and Parquet files are written by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from runners.protocol import Unusable
from runners.serdes import BadRow
from runners.serdes.patterns import Pattern, PatternError
from runners.serdes.values import json_text, number_text

Schema = Any  #: as JSON has it: a name, a map, or a list of choices
_RANGES = {"int": 31, "long": 63}


def schema_of(text: str) -> Schema:
    """A schema that is written as JSON. Raises Unusable."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise Unusable(f"`schema` is not JSON: {wrong}") from None
    if not isinstance(schema, dict) or schema.get("type") != "record" or not isinstance(schema.get("fields"), list):
        raise Unusable("`schema` must be an Avro schema of the type `record`, with its `fields`: a row is a record")
    return schema


class Fitting:
    """How values that are not of a type become one."""

    def __init__(
        self, nulls: Sequence[str], trues: Sequence[str], falses: Sequence[str], separator: str, patterns: tuple[Pattern, Pattern, Pattern], zone: tzinfo
    ) -> None:
        self._nulls = frozenset(nulls)
        self._trues, self._falses = (frozenset(word.lower() for word in words) for words in (trues, falses))
        self._separator, self._zone = separator, zone
        self._date, self._time, self._moment = patterns
        self._named: dict[str, Schema] = {}
        self._ways: Mapping[str, Callable[[Any, Any], Any]] = {
            "null": self._null,
            "boolean": self._boolean,
            "int": self._whole,
            "long": self._whole,
            "float": self._real,
            "double": self._real,
            "string": self._string,
            "bytes": self._bytes,
            "fixed": self._bytes,
            "enum": self._enum,
            "array": self._array,
            "map": self._map,
            "record": self._record,
            "date": lambda value, _: self._dated(value),
            "decimal": self._decimal,
            "uuid": self._string,
        }

    def row(self, value: Any, schema: Schema, strict: bool) -> dict[str, Any]:
        """A row as the schema has it. `strict`: with no field besides. Raises BadRow."""
        if not isinstance(value, Mapping):
            raise BadRow("a row must be a map")
        known = {field["name"] for field in schema["fields"]}
        besides = [name for name in value if name not in known]
        if strict and besides:
            raise BadRow(f"the schema has no field `{str(besides[0])[:100]}`")
        found: dict[str, Any] = self.fit(value, schema)
        return found

    def fit(self, value: Any, schema: Schema) -> Any:
        """A value as a schema has it. Raises BadRow."""
        if isinstance(schema, list):
            return self._chosen(value, schema)
        if isinstance(schema, str):
            schema = self._named.get(schema, {"type": schema})
        if isinstance(schema.get("type"), dict | list):
            return self.fit(value, schema["type"])
        if "name" in schema:
            self._named[schema["name"]] = schema
            self._named[f"{schema.get('namespace', '')}.{schema['name']}"] = schema
        kind = schema.get("logicalType", schema["type"])
        way = self._ways.get(kind) or self._timed(kind) or self._ways.get(schema["type"])
        if way is None:
            raise Unusable(f"`schema` has a type `{str(schema['type'])[:60]}`, and there is none of that name")
        return way(value, schema)

    def _timed(self, kind: str) -> Callable[[Any, Any], Any] | None:
        if kind.startswith(("timestamp-", "local-timestamp-")):
            return self._momentary
        return self._clock if kind.startswith("time-") else None

    def _chosen(self, value: Any, choices: list[Schema]) -> Any:
        if "null" in choices and (value is None or (isinstance(value, str) and value in self._nulls)):
            return None
        others = [choice for choice in choices if choice != "null"]
        for choice in others[:-1]:
            try:
                return self.fit(value, choice)
            except BadRow:
                continue
        return self.fit(value, others[-1] if others else "null")

    def _null(self, value: Any, _schema: Any) -> None:
        if value is not None and value not in self._nulls:
            raise _misfit(value, "null")

    def _boolean(self, value: Any, _schema: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word not in self._trues | self._falses or value is None:
            raise _misfit(value, "boolean")
        return word in self._trues

    def _whole(self, value: Any, schema: Any) -> int:
        number = self._number(value, schema["type"])
        if not number.is_finite() or number != number.to_integral_value() or not -(2 ** _RANGES[schema["type"]]) <= number < 2 ** _RANGES[schema["type"]]:
            raise _misfit(value, schema["type"])
        return int(number)

    def _real(self, value: Any, schema: Any) -> float:
        return value if isinstance(value, float) else float(self._number(value, schema["type"]))

    def _number(self, value: Any, kind: str) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            raise _misfit(value, kind)
        try:
            return Decimal(value.strip().replace(self._separator, ".") if isinstance(value, str) else value)
        except InvalidOperation:
            raise _misfit(value, kind) from None

    def _decimal(self, value: Any, schema: Any) -> Decimal:
        # Of a double the digits count that are written, not those of its binary fraction.
        number = self._number(repr(value) if isinstance(value, float) else value, "decimal")
        precision, scale = schema.get("precision", 38), schema.get("scale", 0)
        if not number.is_finite():
            raise _misfit(value, "decimal")
        _, digits, exponent = number.normalize().as_tuple()
        assert isinstance(exponent, int)
        if -exponent > scale or len(digits) + exponent > precision - scale:
            raise BadRow(f"{_shown(value)} has more digits than a decimal of precision {precision} and scale {scale}")
        return number

    def _string(self, value: Any, schema: Any) -> str:
        if value is None:
            raise _misfit(value, "string")
        if isinstance(value, str):
            return value
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return number_text(value)
        return json_text(value, self._zone).strip('"')

    def _bytes(self, value: Any, schema: Any) -> bytes:
        found = value.encode() if isinstance(value, str) else value
        if not isinstance(found, bytes) or (schema["type"] == "fixed" and len(found) != schema["size"]):
            raise _misfit(value, schema["type"])
        return found

    def _enum(self, value: Any, schema: Any) -> str:
        if value not in schema["symbols"]:
            raise BadRow(f"{_shown(value)} is none of the symbols of `{schema['name']}`")
        return str(value)

    def _array(self, value: Any, schema: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _misfit(value, "array")
        return [_within(f"[{index}]", self.fit, item, schema["items"]) for index, item in enumerate(value)]

    def _map(self, value: Any, schema: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _misfit(value, "map")
        return {str(key): _within(str(key), self.fit, item, schema["values"]) for key, item in value.items()}

    def _record(self, value: Any, schema: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _misfit(value, "record")
        return {
            field["name"]: field["default"]
            if field["name"] not in value and "default" in field
            else _within(field["name"], self.fit, value.get(field["name"]), field["type"])
            for field in schema["fields"]
        }

    def _dated(self, value: Any) -> date:
        if isinstance(value, datetime):
            return value.date()
        return value if isinstance(value, date) else _parsed(value, "date", self._date.date)

    def _clock(self, value: Any, _schema: Any) -> time:
        return value.replace(tzinfo=None) if isinstance(value, time) else _parsed(value, "time", self._time.time)

    def _momentary(self, value: Any, schema: Any) -> datetime:
        if not isinstance(value, datetime):
            value = datetime.combine(value, time()) if isinstance(value, date) else _parsed(value, "time", lambda text: self._moment.moment(text, self._zone))
        if schema["logicalType"].endswith("-millis"):
            value = value.replace(microsecond=value.microsecond // 1000 * 1000)
        if schema["logicalType"].startswith("local-"):
            return value.replace(tzinfo=None)  # type: ignore[no-any-return]
        return (value if value.tzinfo else value.replace(tzinfo=self._zone)).astimezone(UTC)  # type: ignore[no-any-return]


def _parsed(value: Any, kind: str, parse: Callable[[str], Any]) -> Any:
    if not isinstance(value, str):
        raise _misfit(value, kind)
    try:
        return parse(value.strip())
    except PatternError as wrong:
        raise BadRow(f"{_shown(value)} is no {kind}: it {wrong}") from None


def _within(name: str, fit: Callable[[Any, Schema], Any], value: Any, schema: Schema) -> Any:
    try:
        return fit(value, schema)
    except BadRow as wrong:
        said = str(wrong)
        inner = said.removeprefix("field `") if said.startswith("field `") else None
        if inner is not None:
            raise BadRow(f"field `{name[:100]}{'' if inner.startswith('[') else '.'}{inner}") from None
        raise BadRow(f"field `{name[:100]}`: {said}") from None


def _misfit(value: Any, kind: str) -> BadRow:
    return BadRow(f"{_shown(value)} is no {kind}")


def _shown(value: Any) -> str:
    return "null" if value is None else f"`{str(value)[:80]}`"
