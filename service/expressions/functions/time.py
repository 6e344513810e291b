"""The clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.expressions.registry import function
from service.expressions.run import Run
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import date_texts, moments
else:
    date_texts = Later("service.expressions.date_texts")
    moments = Later("service.expressions.moments")


@function("now")
def now(call: Run, format_: str | None = "iso", time_zone: str | None = None, existing_format: str | None = None, locale: str | None = None) -> str:
    """The current time as text, in the default zone or in `timeZone`. `existingFormat` has no meaning here and is accepted as in Kestra.

    {{ now() }} -> 2024-03-05T14:07:09.123456Z
    {{ now('yyyy-MM-dd HH:mm') }} -> 2024-03-05 14:07
    {{ now(format='iso_sec', timeZone='Europe/Paris') }} -> 2024-03-05T15:07:09+01:00
    {{ now('EEEE', locale='de') }} -> Dienstag
    """
    return date_texts.write(call, moments.Moment(call.ports.now()), format_, time_zone, locale)
