"""The options that PostgreSQL's COPY takes in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Unusable
from runners.sql.fields import DatabaseTask
from runners.sql.session import quoted

Format = Literal["TEXT", "CSV", "BINARY"]

_NAME = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")


class CopyTask(DatabaseTask):
    """A task that copies between a table and a file."""

    table: Dynamic[Text] | None = Field(None, description="The table, with its schema where it needs one.")
    columns: Dynamic[list[Text]] | None = Field(None, description="The columns, in the order of the file; all when absent.")
    format: Dynamic[Format] = Field("TEXT", description="The file's format.")
    delimiter: Dynamic[Text] | None = Field(None, description="What stands between values: a tab in TEXT, a comma in CSV.")
    null_string: Dynamic[Text] | None = Field(None, description=r"What stands for NULL: `\N` in TEXT, nothing in CSV.")
    header: Dynamic[bool] | None = Field(None, description="Whether the first line has the columns' names.")
    quote: Dynamic[Text] | None = Field(None, description="What stands around values in CSV.")
    escape: Dynamic[Text] | None = Field(None, description="What stands before a quote inside a value in CSV.")
    encoding: Dynamic[Text] | None = Field(None, description="The file's encoding.")

    def target(self) -> str:
        """The table with its columns; raises Unusable."""
        if not self.table or not _TABLE.fullmatch(self.table.strip()):
            raise Unusable("table: it is missing, or no name of a table; for example orders, or sales.orders")
        return self.table.strip() + (f" ({', '.join(map(quoted, self.columns))})" if self.columns else "")

    def options(self) -> str:
        """What stands after WITH."""
        return f"({', '.join(self.settings())})"

    def settings(self) -> Iterator[str]:
        """One after the other."""
        yield f"FORMAT {self.format.lower()}"
        for name in ("delimiter", "null_string", "quote", "escape", "encoding"):
            if (value := getattr(self, name)) is not None:
                yield f"{'NULL' if name == 'null_string' else name.upper()} {_text(value)}"
        if self.header is not None:
            yield f"HEADER {str(self.header).lower()}"


def listed(name: str, columns: Sequence[str] | None) -> Iterator[str]:
    """An option that names columns."""
    if columns:
        yield f"{name} ({', '.join(map(quoted, columns))})"


def _text(value: str) -> str:
    if "\\" in value:
        return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + value.replace("'", "''") + "'"
