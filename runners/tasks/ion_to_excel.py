"""Rows to Excel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Outcome, Unusable
from runners.serdes import BadRow, Counted, Serdes, converted, fetched, lacking, made, read_ion, stored
from runners.serdes.books import MOST_ROWS, check_title, names_of, storable
from runners.serdes.values import CHARSET, DATE, MOMENT, TIME, ZONE, Charset, zone_of
from runners.task import Work

_FORMATS: tuple[tuple[type, str], ...] = ((datetime, "yyyy-mm-dd hh:mm:ss"), (date, "yyyy-mm-dd"), (time, "hh:mm:ss"))


class IonToExcel(Serdes):
    """Writes a workbook (.xlsx) of one sheet, or of several where `from` is a map of their titles. Texts are texts, though they may begin as formulas do."""

    TYPE = "io.kestra.plugin.serdes.excel.IonToExcel"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.excel.ExcelWriter",)
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {
        "charset": "a workbook says its own",
        **dict.fromkeys(("dateFormat", "timeFormat", "dateTimeFormat"), "dates are dates in a cell, and shown as ISO has them"),
    }

    from_: Dynamic[Text | dict[str, Text]] = Field(alias="from", description="The file to convert: a URI, or a map of titles of sheets → URI.")  # type: ignore[assignment]
    sheets_title: Dynamic[Text] = Field("Sheet", description="The title of the sheet, where there is one.")
    header: Dynamic[bool] = Field(True, description="Whether the first row has the names of the columns.")
    styles: Dynamic[bool] = Field(True, description="Whether dates are shown as ISO has them; if not, as whoever opens the file has set.")
    date_format: Dynamic[Text] = Field(DATE, description="Without effect.")
    time_format: Dynamic[Text] = Field(TIME, description="Without effect.")
    date_time_format: Dynamic[Text] = Field(MOMENT, description="Without effect.")
    time_zone_id: Dynamic[Text] = ZONE
    charset: Charset = CHARSET

    def run(self, work: Work) -> Outcome:
        """Sheet by sheet, row by row."""
        try:
            import openpyxl
        except ImportError:
            raise lacking("excel") from None
        sheets = self.from_ if isinstance(self.from_, dict) else {self.sheets_title: self.from_}
        if not sheets:
            raise Unusable("`from` is empty: it must be a URI, or a map of titles of sheets → URI")
        zone, size = zone_of(self.time_zone_id), 0
        book = openpyxl.Workbook(write_only=True)
        with made(work, ".xlsx") as target, ExitStack() as sources:
            sources.callback(_clear, book)
            for number, (title, uri) in enumerate(sheets.items()):
                source = sources.enter_context(fetched(work, uri, number))
                size += self._sheet(book.create_sheet(check_title(title)), Counted(read_ion(source)), zone, openpyxl)
            _save(book, target)
            return converted(work, stored(work, target), size)

    def _sheet(self, sheet: Any, rows: Counted, zone: tzinfo, library: Any) -> int:
        try:
            for cells in self._cells(rows):
                if rows.number + self.header > MOST_ROWS:
                    raise BadRow(f"a sheet has {MOST_ROWS:,} rows at most")
                sheet.append([self._cell(sheet, storable(cell, zone), library) for cell in cells])
        except BadRow as wrong:
            raise Unusable(f"sheet `{sheet.title}`, row {rows.number:,}: {wrong}") from None
        except library.utils.exceptions.IllegalCharacterError:
            raise Unusable(f"sheet `{sheet.title}`, row {rows.number:,}: a text has a character that a cell can't hold") from None
        return rows.number

    def _cells(self, rows: Counted) -> Iterator[list[Any]]:
        names: tuple[str, ...] | None = None
        for row in rows:
            if rows.number == 1:
                names = names_of(row)
                if names and self.header:
                    yield list(names)
            if names is not None and isinstance(row, Mapping):
                yield [row.get(name) for name in names]
            elif isinstance(row, list):
                yield row
            else:
                raise BadRow("a row must be a map or a list, as the first one is")

    def _cell(self, sheet: Any, value: Any, library: Any) -> Any:
        shown = next((shown for kind, shown in _FORMATS if isinstance(value, kind)), None)
        if not isinstance(value, str) and (shown is None or not self.styles):
            return value
        cell = library.cell.WriteOnlyCell(sheet, value=value)
        if shown is None:
            cell.data_type = "s"  # never a formula
        else:
            cell.number_format = shown
        return cell


def _clear(book: Any) -> None:
    """Takes away what the library keeps on the disk for a workbook that was never stored."""
    for sheet in book.worksheets:
        if not sheet.closed:
            sheet.close()
            sheet._writer.cleanup()


def _save(book: Any, target: Path) -> None:
    with target.open("xb") as out:
        book.save(out)
