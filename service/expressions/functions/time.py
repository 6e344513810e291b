"""The clock."""

from __future__ import annotations

from service.expressions.dates import check_locale, format_date
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.zones import zone_of


@function("now")
def now(call: Run, format_: str = "iso", time_zone: str | None = None, existing_format: str | None = None, locale: str | None = None) -> str:
    """The current time as text, in the default zone or in `timeZone`. `existingFormat` has no meaning here and is accepted as in Kestra.

    {{ now() }} -> 2024-03-05T14:07:09.123456Z
    {{ now('yyyy-MM-dd HH:mm') }} -> 2024-03-05 14:07
    {{ now(format='iso_sec', timeZone='Europe/Paris') }} -> 2024-03-05T15:07:09+01:00
    """
    check_locale(locale)
    return format_date(call.ports.now().astimezone(zone_of(time_zone or call.ports.zone)), format_)
