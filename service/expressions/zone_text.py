"""Time zones and offsets as dates show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from service.expressions.locales import ENGLISH, Language
from service.expressions.moments import Moment
from service.expressions.zones import offset_text, region_of, zone_id

_UTC = frozenset("UTC Etc/UTC Etc/UCT Etc/Universal Etc/Zulu UCT Universal Zulu".split())
#: What Java calls zones for which the time-zone database has no letters.
_ABBREVIATIONS: Mapping[str, str] = {
    **{"America/Argentina/Buenos_Aires": "ART", "America/Bogota": "COT", "America/Buenos_Aires": "ART", "America/Caracas": "VET"},
    **{"America/Guayaquil": "ECT", "America/La_Paz": "BOT", "America/Lima": "PET", "America/Montevideo": "UYT", "America/Sao_Paulo": "BRT"},
    **{"Asia/Bangkok": "ICT", "Asia/Dubai": "GST", "Asia/Ho_Chi_Minh": "ICT", "Asia/Kabul": "AFT", "Asia/Kathmandu": "NPT"},
    **{"Asia/Kuala_Lumpur": "MYT", "Asia/Riyadh": "AST", "Asia/Singapore": "SGT", "Asia/Tbilisi": "GET", "Asia/Tehran": "IRST"},
    **{"Asia/Yekaterinburg": "YEKT", "Europe/Istanbul": "TRT", "Europe/Minsk": "MSK", "Europe/Samara": "SAMT"},
}


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
    return _name(moment, width == 4, "daylight" if moment.at.dst() else "standard", language)


def generic_zone_name(moment: Moment, width: int, language: Language) -> str:
    """`v`: `PT`, with four letters `Pacific Time`."""
    return _name(moment, width == 4, "generic", language)


def _name(moment: Moment, full: bool, form: str, language: Language) -> str:
    key = region_of(moment.at.tzinfo)
    if key is None:
        return zone_id(moment.at)
    if language is ENGLISH and key in _UTC:
        return "Coordinated Universal Time" if full else "UTC"
    letters = _letters(moment, key)
    if letters and not full and form != "generic" and language is ENGLISH:
        return letters
    names = language.zone_names(key)
    name = names.get((full, form)) or (names.get((full, "standard")) if form == "generic" or not moment.at.dst() else None)
    return name or (letters if not full else None) or localized_offset(moment, 4, language)


def _letters(moment: Moment, key: str) -> str | None:
    """The time-zone database's abbreviation; it has none where it shows an offset."""
    short = moment.at.tzname() or ""
    return short if short.isalpha() else _ABBREVIATIONS.get(key)


def zone_key(moment: Moment, _width: int, _language: Language) -> str:
    """`VV`: `Europe/Paris`, `+02:00`."""
    return zone_id(moment.at)
