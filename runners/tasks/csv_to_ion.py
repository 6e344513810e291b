"""CSV to rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Integer, Positive, Text
from runners.protocol import Unusable
from runners.serdes import BadRow, OnBadLines, ToIon, kept
from runners.serdes.texts import character, lines
from runners.serdes.values import CHARSET, Charset
from runners.task import Work

_LARGEST = 16 << 20  #: characters of a field: what is not closed is not gathered for ever


class CsvToIon(ToIon):
    """Reads CSV. A row is a map by the names of the header, or without one a list; all values are text."""

    TYPE = "io.kestra.plugin.serdes.csv.CsvToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.csv.CsvReader",)
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {"maxBufferSize": "a row is as long as its fields"}

    header: Dynamic[bool] = Field(True, description="The first row has the names of the columns.")
    field_separator: Dynamic[Text] = Field(",", description="The character between fields.")
    text_delimiter: Dynamic[Text] = Field('"', description="The character around fields that hold separators or ends of lines.")
    skip_empty_rows: Dynamic[bool] = Field(False, description="Leaves empty lines out.")
    skip_rows: Dynamic[Integer] = Field(0, description="So many rows at the start of the file are passed over, before the header.")
    on_bad_lines: OnBadLines = Field("ERROR", description="What becomes of a row that is wrong: the task fails (ERROR), or it is left out (WARN, SKIP).")
    error_on_different_field_count: Dynamic[bool] | None = Field(None, description="Whether a row with more or fewer fields than the header is wrong; it is.")
    allow_extra_chars_after_closing_quote: Dynamic[bool] = Field(False, description="Whether characters may follow a closing delimiter.")
    on_empty_header: Dynamic[Text] = Field("DROP", description="Columns without a name are left out (DROP) or called `col_0`, `col_1`… (RENAME).")
    max_field_size: Dynamic[Positive] = Field(_LARGEST, description="Characters of a field.")
    max_buffer_size: Dynamic[Positive] = Field(_LARGEST, description="Without effect.")
    charset: Charset = CHARSET

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Row by row."""
        csv.field_size_limit(min(self.max_field_size, _LARGEST))
        reader = csv.reader(
            lines(source, self.charset),
            delimiter=character("fieldSeparator", self.field_separator),
            quotechar=character("textDelimiter", self.text_delimiter),
            strict=not self.allow_extra_chars_after_closing_quote,
        )
        records = _records(reader, self.skip_empty_rows)
        for _ in range(self.skip_rows):
            next(records, None)
        names = self._names(work, next(records, None)) if self.header else None
        return kept(work, (_Row(names, record, self.error_on_different_field_count is not False) for record in records), self.on_bad_lines)

    def _names(self, work: Work, record: _Record | None) -> Sequence[str]:
        if record is None:
            return ()
        try:
            names = record()
        except BadRow as wrong:
            raise Unusable(f"the header: {wrong}") from None
        if self.on_empty_header.upper() not in ("DROP", "RENAME"):
            raise Unusable(f"`onEmptyHeader` is `{self.on_empty_header[:60]}`; it must be DROP or RENAME")
        if self.on_empty_header.upper() == "RENAME":
            names = [name or f"col_{index}" for index, name in enumerate(names)]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            work.log("WARN", f"the header has `{twice[0][:100]}` more than once: the last column of that name counts")
        return names


#: Gives the fields of a record; raises BadRow.
_Record = Callable[[], list[str]]


def _records(reader: Any, skip_empty: bool) -> Iterator[_Record]:
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            yield _Wrong(f"{_why(wrong)} (line {reader.line_num:,})")
            continue
        if fields or not skip_empty:
            yield _Fields(fields, reader.line_num)


def _why(wrong: csv.Error) -> str:
    said = str(wrong)
    if "field limit" in said:
        return f"a field is longer than {csv.field_size_limit():,} characters: is a text delimiter never closed?"
    if said == "unexpected end of data":
        return "the file ends within a field: a text delimiter is never closed"
    return f"a text delimiter is closed within a field: {said}" if "expected after" in said else said


class _Wrong:
    def __init__(self, why: str) -> None:
        self._why = why

    def __call__(self) -> list[str]:
        raise BadRow(self._why)


class _Fields:
    def __init__(self, fields: list[str], line: int) -> None:
        self._fields, self.line = fields, line

    def __call__(self) -> list[str]:
        return self._fields or [""]


class _Row:
    """One row, made of a record. `strict`: it must have as many fields as the header."""

    def __init__(self, names: Sequence[str] | None, record: _Record, strict: bool) -> None:
        self._names, self._record, self._strict = names, record, strict

    def __call__(self) -> Any:
        fields, names = self._record(), self._names
        if names is None:
            return fields
        if len(fields) != len(names):
            if self._strict:
                raise BadRow(self._misfit(fields, names))
            fields = fields[: len(names)] + [None] * (len(names) - len(fields))  # type: ignore[list-item]
        return {name: field for name, field in zip(names, fields, strict=True) if name}

    def _misfit(self, fields: list[str], names: Sequence[str]) -> str:
        line = getattr(self._record, "line", 0)
        empty = ": it is empty, and `skipEmptyRows` would leave it out" if fields == [""] else ""
        return f"it has {len(fields)} field{'s' * (len(fields) != 1)}, and the header {len(names)} (line {line:,}){empty}"
