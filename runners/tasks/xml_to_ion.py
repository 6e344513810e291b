"""XML to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Model, Text
from runners.serdes import ToIon
from runners.serdes.texts import charset_of, chunks
from runners.serdes.values import CHARSET, Charset
from runners.serdes.xml_reading import XmlRows, steps
from runners.task import Work

_CHUNK = 1 << 20


class ParserConfiguration(Model):
    """How elements are read."""

    force_list: Dynamic[list[Text]] = Field([], description="Names of elements that are lists even where there is one.")


class XmlToIon(ToIon):
    """Reads XML: the document is one row, or each element that `query` names is."""

    TYPE = "io.kestra.plugin.serdes.xml.XmlToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.xml.XmlReader",)

    query: Dynamic[Text] | None = Field(None, description="The path of the elements that are rows: /catalog/book.")
    parser_configuration: Dynamic[ParserConfiguration] | None = Field(None, description="How elements are read: `forceList`.")
    charset: Charset = CHARSET

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Element by element."""
        lists = frozenset(self.parser_configuration.force_list) if self.parser_configuration else frozenset()
        reader = XmlRows(steps(self.query) if self.query else (), lists)
        # What a document says of its own encoding counts, unless the task says something else.
        pieces: Iterable[bytes | str] = _bytes(source) if charset_of(self.charset) == "utf-8" else chunks(source, self.charset)
        return reader.read(pieces)


def _bytes(source: Path) -> Iterator[bytes]:
    with source.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield chunk
