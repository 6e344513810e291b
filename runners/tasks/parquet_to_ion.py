"""Parquet to rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from runners.protocol import Unusable
from runners.serdes import ToIon, lacking
from runners.task import Work

_BATCH = 1_000  #: rows that are held


class ParquetToIon(ToIon):
    """Reads a Parquet file."""

    TYPE = "io.kestra.plugin.serdes.parquet.ParquetToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.parquet.ParquetReader",)

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Batch by batch."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise lacking("parquet") from None
        number = 0
        try:
            with pyarrow.parquet.ParquetFile(source) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    table = _readable(pyarrow, batch)
                    for row in table.to_pylist(maps_as_pydicts="lossy"):
                        number += 1
                        yield row
        except (pyarrow.ArrowException, OSError, ValueError) as wrong:
            said = " ".join(str(wrong).split())[:200]
            raise Unusable(f"the file can't be read as Parquet behind row {number:,}: {said or type(wrong).__name__}") from None


def _readable(library: Any, batch: Any) -> Any:
    """With times to a millionth of a second, and lengths of time as numbers: rows have nothing finer, and nothing of that kind."""
    for index, field in enumerate(batch.schema):
        if library.types.is_timestamp(field.type) and field.type.unit == "ns":
            wanted = library.timestamp("us", field.type.tz)
        elif library.types.is_time64(field.type):
            wanted = library.time64("us")
        elif library.types.is_duration(field.type):
            wanted = library.int64()
        else:
            continue
        batch = batch.set_column(index, field.name, batch.column(index).cast(wanted, safe=False))
    return batch
