"""Avro to rows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from runners.protocol import Unusable
from runners.serdes import OnBadLines, ToIon, kept, lacking
from runners.task import Work

#: What a broken file makes the library raise.
_BROKEN = (ValueError, LookupError, ArithmeticError, TypeError, EOFError, OSError, ImportError, zlib.error, struct.error)


class AvroToIon(ToIon):
    """Reads an Avro file."""

    TYPE = "io.kestra.plugin.serdes.avro.AvroToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.avro.AvroReader",)

    on_bad_lines: OnBadLines = Field("ERROR", description="What becomes of a row that is wrong: the task fails (ERROR), or it is left out (WARN, SKIP).")

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Block by block."""
        try:
            import fastavro
        except ImportError:
            raise lacking("avro") from None
        with source.open("rb") as content:
            yield from kept(work, _records(fastavro, content), self.on_bad_lines)


def _records(library: Any, content: Any) -> Iterator[Callable[[], Any]]:
    number = 0
    try:
        for record in library.reader(content):
            number += 1
            yield _Row(record)
    except _BROKEN as wrong:
        raise Unusable(f"the file can't be read as Avro behind row {number:,}: {str(wrong)[:200] or type(wrong).__name__}") from None


class _Row:
    def __init__(self, record: Any) -> None:
        self._record = record

    def __call__(self) -> Any:
        return _plain(self._record)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, UUID) else value
