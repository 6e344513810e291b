"""Keeps the last row of each key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import ServerAsk, TaskFailed
from service.engine.program import RenderFailed
from service.tasks import Done, ServerTask

MOST = 2_000_000  #: keys: they are in memory while the file is read


class DeduplicateItems(ServerTask):
    """Makes a file of another's rows, and of those with the same key only the last. The file is read twice; only keys are in memory."""

    TYPE = "io.kestra.plugin.core.storage.DeduplicateItems"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.DeduplicateItems",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "The new file.",
        "numKeys": "How many keys there are.",
        "processedItemsTotal": "How many rows there were.",
        "droppedItemsTotal": "How many of them are left out.",
    }

    BY_ROW: ClassVar[frozenset[str]] = frozenset({"expr"})

    from_: Text = Field(alias="from", description="The file of rows (Ion): a URI.")
    expr: Text = Field(description="An expression that gives the key of a row; the row's fields are variables.")

    def run(self, ask: ServerAsk) -> Done:
        uri = ask.text(self.from_).strip()
        last: dict[bytes, int] = {}
        total = 0
        for total, found in enumerate(ask.each(self.expr, _maps(ask.files.rows(uri))), start=1):
            if isinstance(found, RenderFailed):
                raise TaskFailed(f"row {total:,}: {found}")
            last[blake2b(found.encode("utf-8", "replace"), digest_size=16).digest()] = total
            if len(last) > MOST:
                raise TaskFailed(f"the file has more than {MOST:,} keys: that is the limit")
        keys, kept = len(last), set(last.values())
        last.clear()
        made, size = ask.files.write("deduplicated.ion", (row for number, row in enumerate(ask.files.rows(uri), start=1) if number in kept))
        return Done({"uri": made, "numKeys": keys, "processedItemsTotal": total, "droppedItemsTotal": total - size})


def _maps(rows: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise TaskFailed(f"row {number:,} is no map: its fields are the variables of the expression")
        yield row
