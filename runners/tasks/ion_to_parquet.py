"""Rows to Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Positive
from runners.protocol import Unusable
from runners.serdes import Counted, lacking
from runners.serdes.schemas import WithSchema
from runners.task import Work

_BATCH = 1_000  #: rows that are converted at once


class IonToParquet(WithSchema):
    """Writes a Parquet file."""

    TYPE = "io.kestra.plugin.serdes.parquet.IonToParquet"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.parquet.ParquetWriter",)
    EXTENSION = ".parquet"

    compression_codec: Dynamic[Literal["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"]] = Field("GZIP", description="How pages are compressed.")
    parquet_version: Dynamic[Literal["V1", "V2"]] = Field("V2", description="The version of the format.")
    page_size: Dynamic[Positive] = Field(1 << 20, description="Bytes of a page.")
    dictionary_page_size: Dynamic[Positive] = Field(1 << 20, description="Bytes of a dictionary.")
    row_group_size: Dynamic[Positive] = Field(128 << 20, description="Bytes of a group of rows, which is held in memory until it is written.")

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Group of rows by group of rows."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise lacking("parquet") from None
        schema, fitted = self.fitted(work, rows)
        columns = _Columns(pyarrow).schema(schema)
        try:
            with pyarrow.parquet.ParquetWriter(target, columns, **self._options()) as writer:
                for table in self._groups(pyarrow, columns, fitted):
                    writer.write_table(table, row_group_size=max(table.num_rows, 1))
        except pyarrow.ArrowException as wrong:
            raise Unusable(f"the rows up to {rows.number:,} can't be written as Parquet: {' '.join(str(wrong).split())[:200]}") from None

    def _options(self) -> Mapping[str, Any]:
        newer = self.parquet_version == "V2"
        return {
            "compression": "NONE" if self.compression_codec == "UNCOMPRESSED" else self.compression_codec,
            "version": "2.6" if newer else "1.0",
            "data_page_version": "2.0" if newer else "1.0",
            "data_page_size": self.page_size,
            "dictionary_pagesize_limit": self.dictionary_page_size,
        }

    def _groups(self, library: Any, columns: Any, rows: Iterator[Any]) -> Iterator[Any]:
        held: list[Any] = []
        while batch := list(islice(rows, _BATCH)):
            held.append(library.Table.from_pylist(batch, schema=columns))
            if sum(table.nbytes for table in held) >= self.row_group_size:
                yield library.concat_tables(held)
                held = []
        if held:
            yield library.concat_tables(held)


class _Columns:
    """An Avro schema as the types of columns."""

    def __init__(self, library: Any) -> None:
        pa = library
        self._library = pa
        self._plain = {
            "null": pa.null(),
            "boolean": pa.bool_(),
            "int": pa.int32(),
            "long": pa.int64(),
            "float": pa.float32(),
            "double": pa.float64(),
            "string": pa.string(),
            "bytes": pa.binary(),
            "enum": pa.string(),
            "date": pa.date32(),
            "uuid": pa.string(),
            "time-millis": pa.time32("ms"),
            "time-micros": pa.time64("us"),
            "timestamp-millis": pa.timestamp("ms", "UTC"),
            "timestamp-micros": pa.timestamp("us", "UTC"),
            "local-timestamp-millis": pa.timestamp("ms"),
            "local-timestamp-micros": pa.timestamp("us"),
        }

    def schema(self, schema: Any) -> Any:
        """The columns of a record."""
        return self._library.schema([self._field(field["name"], field["type"]) for field in schema["fields"]])

    def _field(self, name: str, schema: Any) -> Any:
        nullable = schema == "null" or (isinstance(schema, list) and "null" in schema)
        return self._library.field(name, self._type(schema), nullable=nullable)

    def _type(self, schema: Any) -> Any:
        if isinstance(schema, list):
            others = [choice for choice in schema if choice != "null"] or ["null"]
            if len(others) > 1:
                raise Unusable("`schema` has a union of several types: a column of Parquet has one, and null")
            return self._type(others[0])
        whole = {"type": schema} if isinstance(schema, str) else schema
        return self._type(whole["type"]) if isinstance(whole["type"], dict | list) else self._named(whole["type"], whole)

    def _named(self, kind: str, schema: Any) -> Any:
        pa = self._library
        if schema.get("logicalType") == "decimal":
            make = pa.decimal128 if schema.get("precision", 38) <= 38 else pa.decimal256
            return make(schema.get("precision", 38), schema.get("scale", 0))
        match kind:
            case "array":
                return pa.list_(self._field("item", schema["items"]))
            case "map":
                return pa.map_(pa.string(), self._type(schema["values"]))
            case "record":
                return pa.struct([self._field(field["name"], field["type"]) for field in schema["fields"]])
            case "fixed":
                return pa.binary(schema["size"])
        found = self._plain.get(schema.get("logicalType", kind)) or self._plain.get(kind)
        if found is None:
            raise Unusable(f"`schema` has a type `{str(kind)[:60]}`, and there is none of that name")
        return found
