"""Rows to CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.serdes import BadRow, Counted, FromIon
from runners.serdes.texts import character, charset_of, unwritable
from runners.serdes.values import CHARSET, DATE, MOMENT, TIME, ZONE, Cells, Charset
from runners.task import Work


class IonToCsv(FromIon):
    """Writes CSV. The columns are the fields of the first row."""

    TYPE = "io.kestra.plugin.serdes.csv.IonToCsv"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.csv.CsvWriter",)
    EXTENSION = ".csv"

    header: Dynamic[bool] = Field(True, description="Whether the first line has the names of the columns.")
    field_separator: Dynamic[Text] = Field(",", description="The character between fields.")
    line_delimiter: Dynamic[Text] = Field("\n", description="What ends a line.")
    text_delimiter: Dynamic[Text] = Field('"', description="The character around fields that hold separators or ends of lines.")
    always_delimit_text: Dynamic[bool] = Field(False, description="Whether all fields are put between delimiters.")
    date_format: Dynamic[Text] = Field(DATE, description="Java's pattern of dates.")
    time_format: Dynamic[Text] = Field(TIME, description="Java's pattern of times of day.")
    date_time_format: Dynamic[Text] = Field(MOMENT, description="Java's pattern of moments.")
    time_zone_id: Dynamic[Text] = ZONE
    charset: Charset = CHARSET

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Row by row."""
        cells = Cells(self.date_format, self.time_format, self.date_time_format, self.time_zone_id)
        with target.open("x", encoding=charset_of(self.charset), newline="") as out:
            writer = csv.writer(
                out,
                delimiter=character("fieldSeparator", self.field_separator),
                quotechar=character("textDelimiter", self.text_delimiter),
                lineterminator=self.line_delimiter,
                quoting=csv.QUOTE_ALL if self.always_delimit_text else csv.QUOTE_MINIMAL,
            )
            columns = _Columns(work)
            try:
                for row in rows:
                    fields = columns.fields(row, rows.number)
                    if rows.number == 1 and self.header and columns.names is not None:
                        writer.writerow(columns.names)
                    writer.writerow([cells.text(field) for field in fields])
                out.flush()
            except UnicodeEncodeError as wrong:
                raise unwritable(wrong, self.charset, rows.number) from None


class _Columns:
    """Which field goes where; `names` is None where rows are lists."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._told: set[str] = set()
        self.names: tuple[str, ...] | None = None

    def fields(self, row: Any, number: int) -> Sequence[Any]:
        if isinstance(row, list):
            return row
        if not isinstance(row, Mapping):
            raise BadRow("a row must be a map or a list")
        if self.names is None:
            self.names = tuple(row)
        if row.keys() != set(self.names):
            self._tell([name for name in row if name not in self.names and name not in self._told], number)
        return [row.get(name) for name in self.names]

    def _tell(self, names: Sequence[str], number: int) -> None:
        for name in names[: 100 - len(self._told)]:
            self._told.add(name)
            self._work.log("WARN", f"row {number:,} has a field `{name[:100]}` that the first row has not: it is left out, here and in what follows")
