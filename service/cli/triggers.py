"""`flow triggers`: what starts flows, in words, and when the clock starts them next. Offline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.cli.options import Output, OutputOption
from service.cli.screen import document, say, table
from service.cli.stop import WRONG


def triggers(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Flow files, folders, - for standard input, REV: or REV:PATH for a commit's.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Says what starts flows, and the next five times of each schedule. Exit code 0, or 2 when a file can't be read."""
    from service.cli.lint import read_text
    from service.cli.sources import texts_of

    readings = [(text, read_text(text, allow_unknown_types=True)) for text in texts_of(paths) if text.refused is None]
    found = [row for _, reading in readings if reading.flow for row in _rows(reading.flow, datetime.now(UTC))]
    if output is Output.JSON:
        document(found)
    elif found:
        table(("FLOW", "TRIGGER", "STARTS", "ZONE", "NEXT"), map(_shown, found))
    else:
        say("no triggers")
    unread = [text.path for text, reading in readings if reading.flow is None]
    for path in unread:
        say(f"{path} has errors; `headgate flow validate` shows them")
    if unread:
        raise typer.Exit(WRONG)


def _rows(flow: Any, now: datetime) -> Iterator[dict[str, Any]]:
    from service.flows.plan_triggers import timetable

    for trigger in flow.triggers:
        times = timetable(trigger, flow.disabled, now)
        yield {
            "namespace": flow.namespace,
            "flow": flow.id,
            "trigger": trigger.id,
            "type": trigger.type,
            "disabled": trigger.disabled or flow.disabled,
            "cron": times.cron if times else None,
            "words": times.words if times else None,
            "zone": times.timezone if times else None,
            "next": [moment.isoformat().replace("+00:00", "Z") for moment in times.firings] if times else [],
        }


def _shown(row: dict[str, Any]) -> tuple[Any, ...]:
    kind = row["type"].rpartition(".")[2]
    starts = f"{row['words'] or kind}{' (disabled)' if row['disabled'] else ''}"
    return f"{row['namespace']}.{row['flow']}", row["trigger"], starts, row["zone"] or "", "  ".join(moment[:16] for moment in row["next"][:2])
