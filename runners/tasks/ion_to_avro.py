"""Rows to Avro."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from runners.protocol import Unusable
from runners.serdes import Counted, lacking
from runners.serdes.schemas import WithSchema
from runners.task import Work


class IonToAvro(WithSchema):
    """Writes an Avro file."""

    TYPE = "io.kestra.plugin.serdes.avro.IonToAvro"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.avro.AvroWriter",)
    EXTENSION = ".avro"

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Block by block."""
        try:
            import fastavro
        except ImportError:
            raise lacking("avro") from None
        schema, fitted = self.fitted(work, rows)
        try:
            parsed = fastavro.parse_schema(schema)
        except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError, ValueError) as wrong:
            raise Unusable(f"the rows have no Avro schema: {wrong}" if self.schema_ is None else f"`schema` is no Avro schema: {wrong}") from None
        with target.open("xb") as out:
            fastavro.writer(out, parsed, fitted, codec="deflate")
