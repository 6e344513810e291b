"""Excel to rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, time
from typing import Any, ClassVar, Literal
from zipfile import BadZipFile

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, Natural, Text
from runners.protocol import Metric, Outcome, Result, Unusable
from runners.serdes import Serdes, fetched, lacking, made, stored, write_ion
from runners.serdes.books import check
from runners.serdes.values import CHARSET, Charset
from runners.task import Work

#: What a broken workbook makes the library raise.
_BROKEN = (ValueError, LookupError, AttributeError, TypeError, SyntaxError, OSError, ArithmeticError, BadZipFile)


class ExcelToIon(Serdes):
    """Reads the sheets of a workbook (.xlsx), each into a file of its own."""

    TYPE = "io.kestra.plugin.serdes.excel.ExcelToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.excel.ExcelReader",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uris": "The new files: title of the sheet → URI.", "size": "The number of rows of all sheets."}
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {"charset": "a workbook says its own"}

    sheets_title: Dynamic[list[Text]] | None = Field(None, description="The sheets; all when absent.")
    header: Dynamic[bool] = Field(True, description="Whether the first row has the names of the columns.")
    skip_rows: Dynamic[Natural] = Field(0, description="So many rows at the start of a sheet are passed over, before the header.")
    skip_empty_rows: Dynamic[bool] = Field(False, description="Leaves empty rows out.")
    value_render: Dynamic[Literal["FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA"]] = Field(
        "UNFORMATTED_VALUE", description="Of a formula its last result, or itself (FORMULA). FORMATTED_VALUE is not run yet."
    )
    date_time_render: Dynamic[Literal["SERIAL_NUMBER", "FORMATTED_STRING", "UNFORMATTED_VALUE"]] = Field(
        "UNFORMATTED_VALUE", description="A date as a date, or as the number of its day (SERIAL_NUMBER). FORMATTED_STRING is not run yet."
    )
    charset: Charset = CHARSET

    @field_validator("value_render", "date_time_render")
    @classmethod
    def _no_formats(cls, value: Any) -> Any:
        if value in ("FORMATTED_VALUE", "FORMATTED_STRING"):
            raise PydanticCustomError("not_yet", "{name} is part of the language, but this version does not run it yet", {"name": value})
        return value

    def run(self, work: Work) -> Outcome:
        """Sheet by sheet, row by row."""
        try:
            import openpyxl
        except ImportError:
            raise lacking("excel") from None
        with fetched(work, self.from_) as source:
            check(source)
            try:
                with source.open("rb") as content, closing(openpyxl.load_workbook(content, True, data_only=self.value_render != "FORMULA")) as book:
                    return self._convert(work, self._sheets(book), openpyxl.utils.datetime.to_excel)
            except _BROKEN as wrong:
                why = wrong.__cause__ or wrong.__context__ or wrong  # the library's own message names our path
                raise Unusable(f"the file can't be read as Excel (.xlsx): {str(why)[:200] or type(why).__name__}") from None

    def _sheets(self, book: Any) -> Sequence[Any]:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        wanted = list(sheets) if self.sheets_title is None else self.sheets_title
        absent = [title for title in wanted if title not in sheets]
        if absent:
            raise Unusable(f"there is no sheet `{absent[0][:60]}`; there are {', '.join(f'`{title}`' for title in list(sheets)[:20])}")
        return [sheets[title] for title in wanted]

    def _convert(self, work: Work, sheets: Sequence[Any], serial: Any) -> Outcome:
        uris, size = {}, 0
        for number, sheet in enumerate(sheets):
            with made(work, ".ion", number) as target:
                size += write_ion(self._rows(sheet, serial), target)
                uris[sheet.title] = stored(work, target)
        work.metric(Metric("records", "counter", size))
        return Outcome(Result.SUCCESS, outputs={"uris": uris, "size": size})

    def _rows(self, sheet: Any, serial: Any) -> Iterator[Any]:
        names: Sequence[Any] | None = None
        for cells in sheet.iter_rows(min_row=self.skip_rows + 1, values_only=True):
            if self.skip_empty_rows and all(cell is None for cell in cells):
                continue
            if self.header and names is None:
                names = cells
                continue
            values = [serial(cell) if self.date_time_render == "SERIAL_NUMBER" and isinstance(cell, datetime | date | time) else cell for cell in cells]
            yield values if names is None else _named(names, values)


def _named(names: Sequence[Any], values: Sequence[Any]) -> dict[str, Any]:
    """A row as a map; columns without a name are left out, and cells that a short row does not have are null."""
    padded = (*values, *(None for _ in range(len(names) - len(values))))
    return {str(name): value for name, value in zip(names, padded, strict=False) if name is not None}
