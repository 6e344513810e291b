"""Keeps some rows of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import tee
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.engine.program import RenderFailed
from service.expressions import truthy
from service.tasks import Done, ServerTask


class FilterItems(ServerTask):
    """Makes a file of those rows of another for which a condition holds. In the condition the fields of the row are variables."""

    TYPE = "io.kestra.plugin.core.storage.FilterItems"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.FilterItems",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "The new file.",
        "processedItemsTotal": "How many rows there were.",
        "droppedItemsTotal": "How many of them are left out.",
    }

    BY_ROW: ClassVar[frozenset[str]] = frozenset({"filterCondition"})

    from_: Text = Field(alias="from", description="The file of rows (Ion): a URI.")
    filter_condition: Text = Field(description="An expression: what it gives for a row decides.")
    filter_type: Dynamic[Text] = Field("INCLUDE", description="Rows for which the condition holds are kept (INCLUDE) or left out (EXCLUDE).")
    error_or_null_behavior: Dynamic[Text] = Field("FAIL", description="Where it gives nothing, or can't be rendered: FAIL, INCLUDE or EXCLUDE.")

    def run(self, ask: ServerAsk) -> Done:
        include = _choice(ask, "filterType", self.filter_type, ("INCLUDE", "EXCLUDE")) == "INCLUDE"
        unclear = _choice(ask, "errorOrNullBehavior", self.error_or_null_behavior, ("FAIL", "INCLUDE", "EXCLUDE"))
        total = 0

        def kept() -> Iterator[Any]:
            nonlocal total
            rows, conditions = tee(_maps(ask.files.rows(ask.text(self.from_).strip())))
            for row, found in zip(rows, ask.each(self.filter_condition, conditions), strict=True):
                total += 1
                if _holds(found, total, unclear) if _is_unclear(found) else truthy(str(found)) == include:
                    yield row

        uri, size = ask.files.write("filtered.ion", kept())
        return Done({"uri": uri, "processedItemsTotal": total, "droppedItemsTotal": total - size})


def _is_unclear(found: str | RenderFailed) -> bool:
    return isinstance(found, RenderFailed) or not found.strip()


def _holds(found: str | RenderFailed, number: int, unclear: str) -> bool:
    """What becomes of a row for which the condition gives nothing."""
    if unclear == "FAIL":
        raise TaskFailed(f"row {number:,}: {found if isinstance(found, RenderFailed) else '`filterCondition` gives nothing'}")
    return unclear == "INCLUDE"


def _maps(rows: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise TaskFailed(f"row {number:,} is no map: its fields are the variables of the condition")
        yield row


def _choice(ask: ServerAsk, name: str, written: str, choices: tuple[str, ...]) -> str:
    text = ask.text(written).strip().upper()
    if text not in choices:
        raise TaskFailed(f"`{name}` is `{text[:60]}`; it must be one of {', '.join(choices)}")
    return text
