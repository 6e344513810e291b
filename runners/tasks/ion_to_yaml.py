"""Rows to YAML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from runners.fields import Dynamic, Text
from runners.serdes import Counted, FromIon
from runners.serdes.texts import charset_of, unwritable
from runners.serdes.values import CHARSET, ZONE, Charset, zone_of
from runners.task import Work

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class IonToYaml(FromIon):
    """Writes YAML: a document for each row."""

    TYPE = "io.kestra.plugin.serdes.yaml.IonToYaml"
    EXTENSION = ".yaml"

    time_zone_id: Dynamic[Text] = ZONE
    charset: Charset = CHARSET

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Row by row."""
        zone = zone_of(self.time_zone_id)
        with target.open("x", encoding=charset_of(self.charset), newline="") as out:
            try:
                for row in rows:
                    out.write(yaml.dump(_plain(row, zone), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, explicit_start=True, width=1 << 30))
                out.flush()
            except UnicodeEncodeError as wrong:
                raise unwritable(wrong, self.charset, rows.number) from None


def _plain(value: Any, zone: tzinfo) -> Any:
    """What YAML has a form for; a decimal is a number, a date is text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item, zone) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, zone) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date | time) else value
