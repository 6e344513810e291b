"""Which time zone is meant by a name in a date: `CET`, `MEZ`, `Pacific Standard Time`. A name that many zones have means the place that is thought of first."""

from __future__ import annotations

from functools import lru_cache

from service.expressions.locales import Language

SPACES = str.maketrans("\u00a0\u202f", "  ")
_PLACES = {
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT", "CT"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT", "MT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT", "PT"), "America/Los_Angeles"),
    **dict.fromkeys(("CET", "CEST"), "Europe/Paris"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Bucharest"),
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("AEST", "AEDT", "AET"), "Australia/Sydney"),
    **dict.fromkeys(("ACST", "ACDT"), "Australia/Adelaide"),
    **dict.fromkeys(("NZST", "NZDT", "NZT"), "Pacific/Auckland"),
    **dict.fromkeys(("AST", "ADT", "AT"), "America/Halifax"),
    **dict.fromkeys(("NST", "NDT", "NT"), "America/St_Johns"),
    **dict.fromkeys(("AKST", "AKDT"), "America/Anchorage"),
    **{"UTC": "UTC", "GMT": "GMT", "HST": "Pacific/Honolulu", "AWST": "Australia/Perth", "SAST": "Africa/Johannesburg", "HKT": "Asia/Hong_Kong"},
    **{"BST": "Europe/London", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "MSK": "Europe/Moscow", "PKT": "Asia/Karachi"},
    **{"EAT": "Africa/Nairobi", "CAT": "Africa/Maputo", "WAT": "Africa/Lagos", "WIB": "Asia/Jakarta"},
}
_FIRST = ("UTC", "GMT", "Europe/London", *_PLACES.values(), "Asia/Shanghai", "America/Sao_Paulo")


@lru_cache(maxsize=128)
def named_zones(language: Language, full: bool) -> tuple[tuple[str, str], ...]:
    """Names with the ids of their zones, the longest first; CLDR's of the language, and for short the letters of the time-zone database."""
    found: dict[str, str] = {}
    for key in dict.fromkeys((*_FIRST, *(language.zones() if full else ()))):
        for (is_full, _), name in language.zone_names("Etc/UTC" if key == "UTC" else key).items():
            if is_full == full and name.strip("\u2205"):
                found.setdefault(name.translate(SPACES), key)
    if not full:
        found = {**_PLACES, **found}
    return tuple(sorted(found.items(), key=lambda each: -len(each[0])))
