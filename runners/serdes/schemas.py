"""Schemas that are found in rows, and the properties of tasks that write files with one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import Field

from runners.fields import Dynamic, Positive, Text
from runners.protocol import Unusable
from runners.serdes import Counted, FromIon, OnBadLines, kept, patterns
from runners.serdes.avro import Fitting, Schema, schema_of
from runners.serdes.patterns import Pattern, PatternError
from runners.serdes.values import ZONE, zone_of
from runners.task import Work

_NULLS = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "1.#IND", "1.#QNAN", "NA", "n/a", "nan", "null"]
_PRECISION = 38


class WithSchema(FromIon):
    """Properties of tasks that write Avro or Parquet."""

    schema_: Dynamic[Any] | None = Field(None, alias="schema", description="The Avro schema of a row, as JSON; found in the rows when absent.")
    infer_all_fields: Dynamic[bool] = Field(False, description="Whether all rows are looked at to find the schema; with many rows that takes its time.")
    number_of_rows_to_scan: Dynamic[Positive] = Field(100, description="So many rows are looked at to find the schema.")
    strict_schema: Dynamic[bool] = Field(False, description="Whether a field that the schema has not makes a row wrong; else it is left out.")
    null_values: Dynamic[list[Text]] = Field(_NULLS, description="Texts that are null where that is possible.")
    true_values: Dynamic[list[Text]] = Field(["t", "true", "enabled", "1", "on", "yes"], description="Texts that are true where a boolean is wanted.")
    false_values: Dynamic[list[Text]] = Field(["f", "false", "disabled", "0", "off", "no", ""], description="Texts that are false where a boolean is wanted.")
    date_format: Dynamic[Text] = Field("yyyy-MM-dd[XXX]", description="Java's pattern of texts that are dates.")
    time_format: Dynamic[Text] = Field("HH:mm[:ss][.SSSSSS][XXX]", description="Java's pattern of texts that are times of day.")
    datetime_format: Dynamic[Text] = Field("yyyy-MM-dd'T'HH:mm[:ss][.SSSSSS][XXX]", description="Java's pattern of texts that are moments.")
    decimal_separator: Dynamic[Text] = Field(".", description="What stands before the fraction in texts that are numbers.")
    time_zone_id: Dynamic[Text] = ZONE
    on_bad_lines: OnBadLines = Field("ERROR", description="What becomes of a row that is wrong: the task fails (ERROR), or it is left out (WARN, SKIP).")

    def fitted(self, work: Work, rows: Counted) -> tuple[Schema, Iterator[dict[str, Any]]]:
        """The schema, and the rows as it has them."""
        scanned: list[Any] = []
        if self.schema_ is not None:
            schema = schema_of(self.schema_) if isinstance(self.schema_, str) else schema_of_map(self.schema_)
        else:
            scanned = list(itertools.islice(rows, None if self.infer_all_fields else self.number_of_rows_to_scan))
            schema = inferred(scanned)
        fitting = Fitting(self.null_values, self.true_values, self.false_values, self.decimal_separator, self._patterns(), zone_of(self.time_zone_id))
        makers = (partial(fitting.row, row, schema, self.strict_schema) for row in itertools.chain(scanned, rows))
        return schema, kept(work, makers, self.on_bad_lines)

    def _patterns(self) -> tuple[Pattern, Pattern, Pattern]:
        written = {"dateFormat": self.date_format, "timeFormat": self.time_format, "datetimeFormat": self.datetime_format}
        try:
            date_, time_, moment = (patterns.read(text) for text in written.values())
        except PatternError as wrong:
            raise Unusable(f"a pattern of {', '.join(written)} can't be read: {wrong}") from None
        return date_, time_, moment


def schema_of_map(schema: Any) -> Schema:
    """A schema that is written as a map."""
    if not isinstance(schema, Mapping) or schema.get("type") != "record" or not isinstance(schema.get("fields"), list):
        raise Unusable("`schema` must be an Avro schema of the type `record`, with its `fields`: a row is a record")
    return dict(schema)


def inferred(rows: Iterable[Any]) -> Schema:
    """The narrowest schema that all of the rows fit; every field may be null."""
    found = _Found()
    for row in rows:
        if isinstance(row, Mapping):
            found.see(row)
    return found.record("row")


class _Found:
    """What was seen in one place: kinds of scalars, the elements of lists, the fields of maps."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._scale = 0
        self._items: _Found | None = None
        self._fields: dict[str, _Found] = {}

    def see(self, value: Any) -> None:
        if value is None:
            return
        kind = next(kind for known, kind in _KINDS if isinstance(value, known))
        self._kinds.add(kind)
        if isinstance(value, Decimal) and value.is_finite():
            self._scale = max(self._scale, -int(value.as_tuple().exponent))
        elif isinstance(value, list):
            self._items = self._items or _Found()
            for item in value:
                self._items.see(item)
        elif isinstance(value, Mapping):
            for name, item in value.items():
                self._fields.setdefault(name, _Found()).see(item)

    def record(self, name: str) -> Schema:
        fields = [{"name": field, "type": ["null", found.schema(f"{name}_{field}")], "default": None} for field, found in self._fields.items()]
        return {"type": "record", "name": name, "fields": fields}

    def schema(self, name: str) -> Schema:
        kinds = self._kinds - {"long"} if self._kinds & {"double", "decimal"} else self._kinds
        if len(kinds) > 1:
            return "double" if kinds == {"double", "decimal"} else "string"
        kind = next(iter(kinds), "string")
        if kind == "record":
            return self.record(name)
        if kind == "array":
            return {"type": "array", "items": ["null", (self._items or _Found()).schema(f"{name}_item")]}
        if kind == "decimal":
            return {"type": "bytes", "logicalType": "decimal", "precision": max(_PRECISION, self._scale), "scale": self._scale}
        return _LOGICAL.get(kind, kind)


_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    (int, "long"),
    (float, "double"),
    (Decimal, "decimal"),
    (str, "string"),
    (datetime, "moment"),
    (date, "date"),
    (time, "time"),
    (bytes, "bytes"),
    (list, "array"),
    (Mapping, "record"),
    (object, "string"),
)
_LOGICAL: Mapping[str, Schema] = {
    "moment": {"type": "long", "logicalType": "timestamp-micros"},
    "date": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"},
}
