"""What there is to say of a schedule while it is written: in words, and when it fires next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from service.flows.catalogue import Catalogue
from service.flows.cron_words import in_words
from service.triggers import Schedulable

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
_FIRINGS = 5


def schedule_words(cron: str, zone: str | None, catalogue: Catalogue, now: datetime | None) -> str | None:
    """Markdown of a cron expression; None of a text that is none. `zone` is the trigger's time zone; without `now` no times are said."""
    with_seconds = len(cron.split()) == 6
    try:
        words = in_words(cron, with_seconds)
    except PydanticCustomError:
        return None
    times = _times(cron, with_seconds, zone, catalogue, now) if now is not None else []
    listed = "\n".join(f"- {moment.isoformat()}" for moment in times)
    return f"**{words}** {zone or 'UTC'}" + (f"\n\nnext:\n\n{listed}" if listed else "")


def _times(cron: str, with_seconds: bool, zone: str | None, catalogue: Catalogue, now: datetime) -> list[datetime]:
    info = catalogue.find(SCHEDULE)
    given: dict[str, Any] = {"cron": cron, "withSeconds": with_seconds, "timezone": zone}
    try:
        model: Any = info.cls.model_validate(given) if info is not None else None
    except ValidationError:
        return []
    found: list[datetime] = []
    moment: datetime | None = now
    while isinstance(model, Schedulable) and moment is not None and len(found) < _FIRINGS:
        moment = model.next_after(moment)
        found += [moment] if moment is not None else []
    return found
