"""The clock."""

from __future__ import annotations

from service.expressions.date_texts import write
from service.expressions.moments import Moment
from service.expressions.registry import function
from service.expressions.run import Run


@function("now")
def now(call: Run, format_: str | None = "iso", time_zone: str | None = None, existing_format: str | None = None, locale: str | None = None) -> str:
    """The current time as text, in the default zone or in `timeZone`. `existingFormat` has no meaning here and is accepted as in Kestra.

    {{ now() }} -> 2024-03-05T14:07:09.123456Z
    {{ now('yyyy-MM-dd HH:mm') }} -> 2024-03-05 14:07
    {{ now(format='iso_sec', timeZone='Europe/Paris') }} -> 2024-03-05T15:07:09+01:00
    {{ now('EEEE', locale='de') }} -> Dienstag
    """
    return write(call, Moment(call.ports.now()), format_, time_zone, locale)
