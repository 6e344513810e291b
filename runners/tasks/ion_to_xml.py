"""Rows to XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Unusable
from runners.serdes import BadRow, Counted, FromIon
from runners.serdes.texts import charset_of
from runners.serdes.values import CHARSET, MOMENT, ZONE, Cells, Charset
from runners.task import Work

_NAME = re.compile(r"[A-Za-z_\u00c0-\uffdc][\w.\u00b7-]*")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class IonToXml(FromIon):
    """Writes XML: an `item` for each row below one root. What can't be the name of an element has `_` in place of the characters that can't be in one."""

    TYPE = "io.kestra.plugin.serdes.xml.IonToXml"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.xml.XmlWriter",)
    EXTENSION = ".xml"

    root_name: Dynamic[Text] = Field("items", description="The name of the root.")
    time_zone_id: Dynamic[Text] = ZONE
    charset: Charset = CHARSET

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Row by row."""
        root = self.root_name.strip()
        if not _NAME.fullmatch(root):
            raise Unusable(f"`rootName` is `{root[:60]}`, and that can't be the name of an element")
        cells = Cells("yyyy-MM-dd", "HH:mm:ss", MOMENT, self.time_zone_id)
        # What the charset does not have is written as a reference to the character.
        with target.open("x", encoding=charset_of(self.charset), errors="xmlcharrefreplace", newline="") as out:
            out.write(f'<?xml version="1.0" encoding="{self.charset.strip()}"?>\n<{root}>\n')
            for row in rows:
                out.write("".join(_element("item", row, cells)) + "\n")
            out.write(f"</{root}>\n")


def _element(name: str, value: Any, cells: Cells) -> Iterator[str]:
    """An element; of a list, one for each of its values."""
    if isinstance(value, list):
        for item in value:
            yield from _element(name, item, cells)
        return
    if value is None:
        yield f"<{name}/>"
        return
    yield f"<{name}>"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _element(_name(str(key)), inner, cells)
    else:
        yield _text(cells.text(value))
    yield f"</{name}>"


def _name(key: str) -> str:
    if _NAME.fullmatch(key):
        return key
    cleaned = re.sub(r"[^\w.\u00b7-]", "_", key)
    return cleaned if _NAME.fullmatch(cleaned) else f"_{cleaned}"


def _text(text: str) -> str:
    found = _NO_XML.search(text)
    if found:
        raise BadRow(f"XML has no form for the character {found[0]!r}")
    return escape(text, {"\r": "&#13;"})
