"""Workbooks: what must be looked at before one is opened, and what a cell can hold."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

from runners.protocol import Unusable
from runners.serdes import BadRow
from runners.serdes.values import json_text

MOST_PARTS, HEAVIEST = 10_000, 4 << 30  #: files in the archive, and their bytes unpacked
SHARED = 256 << 20  #: bytes of the parts that are read as a whole: texts and styles
MOST_ROWS, LONGEST_CELL, LONGEST_TITLE = 1_048_576, 32_767, 31
_SURE_DIGITS = 10**15
_NO_TITLE = re.compile(r"[\[\]:*?/\\]")


def check(source: Path) -> None:
    """Raises Unusable for what is no workbook, and for one that unpacks to too much."""
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as wrong:
        raise Unusable(f"the file can't be read as Excel (.xlsx): {wrong}") from None
    whole = [part.file_size for part in parts if not part.filename.startswith("xl/worksheets/")]
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > HEAVIEST or sum(whole) > SHARED:
        raise Unusable(f"the workbook unpacks to more than {MOST_PARTS:,} files, {HEAVIEST:,} bytes, or {SHARED:,} bytes besides its sheets: that is the limit")


def check_title(title: str) -> str:
    """The title of a sheet. Raises Unusable for what can't be one."""
    if not title or len(title) > LONGEST_TITLE or _NO_TITLE.search(title):
        raise Unusable(f"`{title[:60]}` can't be the title of a sheet: it has 1 to {LONGEST_TITLE} characters, and none of []:*?/\\")
    return title


def storable(value: Any, zone: tzinfo) -> Any:
    """What a cell holds for a value. Raises BadRow."""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None) if value.tzinfo else value
    if not isinstance(value, bool) and isinstance(value, int | Decimal):
        # A cell counts with doubles: beyond fifteen digits it would hold another number.
        return value if -_SURE_DIGITS < value < _SURE_DIGITS else str(value)
    if value is None or isinstance(value, bool | float | date | time):
        return value
    text = value if isinstance(value, str) else json_text(value, zone).strip('"')
    if len(text) > LONGEST_CELL:
        raise BadRow(f"a value has {len(text):,} characters, and a cell holds {LONGEST_CELL:,}")
    return text


def names_of(row: Any) -> tuple[str, ...] | None:
    """The names of the columns; None where rows are lists."""
    return tuple(map(str, row)) if isinstance(row, Mapping) else None
