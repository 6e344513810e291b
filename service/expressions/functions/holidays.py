"""Public holidays. As the package `holidays` knows them."""

from __future__ import annotations

import datetime
import importlib
import warnings
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from service.expressions.arguments import is_empty, text_of
from service.expressions.errors import Refused, did_you_mean
from service.expressions.registry import function
from service.expressions.run import Run
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import days
else:
    days = Later("service.expressions.days")

#: What a year of a country costs, in steps; it is counted once in a render.
_YEAR = 4_000


@function("isPublicHoliday")
def is_public_holiday(call: Run, date: Any, country: Any = None, sub_division: Any = None, country_code: Any = None) -> bool:
    """Whether it is a public holiday in a country, by its ISO 3166 code of two or three letters, and in a part of it: `BY` or `DE-BY`.

    `countryCode` is another name of `country`. Years whose holidays nobody knows are refused.

    {{ isPublicHoliday('2024-12-25', 'FR') }} -> true
    {{ isPublicHoliday('2024-07-14T08:00:00+02:00', 'FRA') }} -> true
    {{ isPublicHoliday('2024-01-06', 'DE') }} -> false
    {{ isPublicHoliday('2024-01-06', 'DE', 'DE-BY') }} -> true
    """
    given = country_code if country is None else country
    if given is None:
        raise Refused("`isPublicHoliday` needs a country: isPublicHoliday(date, 'FR')")
    code = _country(text_of("isPublicHoliday", given))
    part = _part(code, text_of("isPublicHoliday", sub_division)) if not is_empty(sub_division) else None
    day = days.local(date, call.ports.zone).date()
    call.budget.once(("holidays", code, part, day.year), _YEAR, 10)
    return day in _days(code, part, day.year)


def _package() -> Any:
    # Imported on first use: it takes longer than all the rest of the expressions, and few flows ask for it.
    return importlib.import_module("holidays")


@cache
def _countries() -> tuple[dict[str, str], dict[str, str]]:
    """Codes of two letters, by all codes and by names."""
    found = importlib.import_module("holidays.registry").COUNTRIES.items()
    codes = {code: short for _, (_, short, *longer) in found for code in (short, *longer) if len(code) <= len("USA")}
    return codes, {name.replace("_", " ").upper(): short for name, (_, short, *_) in found}


def _country(written: str) -> str:
    codes, names = _countries()
    code = written.strip().upper()
    if code not in codes:
        meant = f"; did you mean `{names[code]}`?" if code in names else did_you_mean(code, [*codes, *names])
        raise Refused(f"there is no country `{written[:40]}` whose holidays are known{meant}")
    return codes[code]


@lru_cache(maxsize=256)
def _parts(country: str) -> dict[str, str]:
    """Parts of a country by their codes and names in capitals."""
    calendar = _package().country_holidays(country)
    names = {**calendar.subdivisions_aliases, **{part: part for part in calendar.subdivisions}}
    return {name.upper(): part for name, part in names.items()}


def _part(country: str, written: str) -> str:
    parts, name = _parts(country), written.strip().upper()
    found = parts.get(name) or parts.get(name.removeprefix(f"{country}-"))
    if found is None:
        raise Refused(f"`{country}` has no part `{written[:40]}` with holidays of its own{did_you_mean(name.removeprefix(f'{country}-'), parts)}")
    return found


@lru_cache(maxsize=1024)
def _days(country: str, part: str | None, year: int) -> frozenset[datetime.date]:
    calendar = _package().country_holidays(country, subdiv=part)
    if not calendar.start_year <= year <= calendar.end_year:
        raise Refused(f"the holidays of `{country}` are known from {calendar.start_year} to {calendar.end_year}, not in {year}")
    with warnings.catch_warnings():
        # Some festivals are known in fewer years than the rest; the others still are right.
        warnings.filterwarnings("ignore", message="Requested Holidays")
        return frozenset(_package().country_holidays(country, subdiv=part, years=year))
