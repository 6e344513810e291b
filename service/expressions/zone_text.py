"""Time zones and offsets as dates show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.expressions.locales import ENGLISH, Language
from service.expressions.moments import Moment
from service.expressions.zones import offset_text, region_of, zone_id

_UTC = frozenset("UTC Etc/UTC Etc/UCT Etc/Universal Etc/Zulu UCT Universal Zulu".split())
#: Zones that are called by their standard name alone, because they are no place.
_NO_PLACES = _UTC | frozenset("GMT Etc/GMT Etc/Greenwich Greenwich".split())
_NO_NAME = "\u2205\u2205\u2205"  #: CLDR: no letters here, although other languages have some
#: Where letters for summer time are looked for, the newest first: zones that have no more of it keep their general name.
_YEARS = range(2026, 1940, -1)


def offset(moment: Moment, width: int, letter: str) -> str:
    """`X` and `x`: one to three letters are `+02`, `+0200`, `+02:00`, four and five show seconds; `X` writes zero as `Z`."""
    seconds = int((moment.at.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and letter == "X":
        return "Z"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    colon = ":" if width in (3, 5) else ""
    text = f"{sign}{hours:02}" if width == 1 and not minutes else f"{sign}{hours:02}{colon}{minutes:02}"
    return f"{text}{colon}{rest:02}" if rest and width >= 4 else text


def z_offset(moment: Moment, width: int, language: Language) -> str:
    """`Z`: `+0200`; with four letters `GMT+02:00`, with five `+02:00` or `Z`."""
    if width <= 3:
        return offset(moment, 2, "x")
    return localized_offset(moment, 4, language) if width == 4 else offset(moment, 5, "X")


def localized_offset(moment: Moment, width: int, language: Language) -> str:
    """`O`: `GMT+2`, with four letters `GMT+02:00`."""
    length = moment.at.utcoffset() or timedelta()
    if not length:
        return language.gmt
    text = offset_text(length)
    if width == 4:
        return language.gmt + text
    text = text[0] + text[1:].removeprefix("0")
    return language.gmt + text.removesuffix(":00") if text.count(":") == 1 else language.gmt + text


def zone_name(moment: Moment, width: int, language: Language) -> str:
    """`z`: `CET` or `CEST`, with four letters `Central European Standard Time`."""
    return _name(moment, width == 4, "daylight" if _is_summer(moment.at) else "standard", language)


def generic_zone_name(moment: Moment, width: int, language: Language) -> str:
    """`v`: `PT`, with four letters `Pacific Time`."""
    return _name(moment, width == 4, "generic", language)


def _is_summer(at: datetime) -> bool:
    """Whether clocks are ahead. Where the time-zone database calls winter the exception (Ireland), it is still summer that is."""
    ahead = at.dst() or timedelta()
    if ahead or not at.tzname() or region_of(at.tzinfo) != "Europe/Dublin":
        return ahead > timedelta()
    return at.utcoffset() != timedelta()


def _name(moment: Moment, full: bool, form: str, language: Language) -> str:
    """What CLDR calls the zone, for short the letters of the time-zone database; its offset where neither knows."""
    zone = moment.at.tzinfo
    if not isinstance(zone, ZoneInfo):
        return zone_id(moment.at)
    if zone.key in _UTC and (not full or language is ENGLISH):
        return "Coordinated Universal Time" if full else "UTC"
    letters = _letters(zone).get(form, "")
    if letters and not full and language is ENGLISH:
        return letters
    names = language.zone_names("Etc/UTC" if zone.key in _UTC else zone.key)
    if full:
        name = names.get((True, "standard" if zone.key in _NO_PLACES else form)) or names[True, "generic"]
    else:
        name = names.get((False, form)) or ("" if names.get((False, "standard")) == _NO_NAME else letters)
        name = name.replace(_NO_NAME, "")
    return name or language.offset_name(offset_text(moment.at.utcoffset() or timedelta() if form == "daylight" else _usual(zone)))


@lru_cache(maxsize=1024)  # all zones there are: a template may ask for one after the other
def _letters(zone: ZoneInfo) -> Mapping[str, str]:
    """The time-zone database's abbreviations as they are now, by form; it has none where it shows an offset."""
    standard, daylight = "", ""
    for year in _YEARS:
        for at in (datetime(year, 1, 15, tzinfo=zone), datetime(year, 7, 15, tzinfo=zone)):
            if _is_summer(at):
                daylight = daylight or at.tzname() or ""
            else:
                standard = standard or at.tzname() or ""
        if standard and daylight:
            break
    if not standard.isalpha():
        return {}
    drops = standard.endswith("ST") and daylight == f"{standard[:-2]}DT"
    return {"standard": standard, "generic": f"{standard[:-2]}T" if drops else standard} | ({"daylight": daylight} if daylight.isalpha() else {})


def _usual(zone: ZoneInfo) -> timedelta:
    """The offset of a zone without summer time."""
    return min(datetime(_YEARS[0], month, 15, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7))


def zone_key(moment: Moment, _width: int, _language: Language) -> str:
    """`VV`: `Europe/Paris`, `+02:00`."""
    return zone_id(moment.at)
