"""Rows to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.serdes import Counted, FromIon
from runners.serdes.texts import charset_of, unwritable
from runners.serdes.values import CHARSET, ZONE, Charset, json_text, zone_of
from runners.task import Work


class IonToJson(FromIon):
    """Writes JSON: a row on each line, or one array."""

    TYPE = "io.kestra.plugin.serdes.json.IonToJson"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.json.JsonWriter",)
    EXTENSION = ".jsonl"
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {"shouldKeepAnnotations": "annotations are passed over when Ion is read"}

    new_line: Dynamic[bool] = Field(True, description="Whether each row is a line (JSON Lines); if not, the file is one array.")
    should_keep_annotations: Dynamic[bool] = Field(False, description="Without effect.")
    time_zone_id: Dynamic[Text] = ZONE
    charset: Charset = CHARSET

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Row by row."""
        zone = zone_of(self.time_zone_id)
        first, before, after, last = ("", "", "\n", "") if self.new_line else ("[", ",", "", "]")
        with target.open("x", encoding=charset_of(self.charset), newline="") as out:
            try:
                out.write(first)
                for row in rows:
                    out.write(f"{before if rows.number > 1 else ''}{json_text(row, zone)}{after}")
                out.write(last)
                out.flush()
            except UnicodeEncodeError as wrong:
                raise unwritable(wrong, self.charset, rows.number) from None
