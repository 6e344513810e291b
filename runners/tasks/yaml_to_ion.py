"""YAML to rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runners.protocol import Unusable
from runners.serdes import ToIon
from runners.serdes.texts import opened
from runners.serdes.values import CHARSET, Charset
from runners.serdes.yaml_reading import documents
from runners.task import Work


class YamlToIon(ToIon):
    """Reads YAML: each document is a row, and of one that is a list each element."""

    TYPE = "io.kestra.plugin.serdes.yaml.YamlToIon"

    charset: Charset = CHARSET

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Document by document."""
        with opened(source, self.charset) as content:
            try:
                for document in documents(content):
                    yield from document if isinstance(document, list) else (document,)
            except UnicodeError:
                raise Unusable(f"the file is no {self.charset} text; `charset` says what it is written in") from None
