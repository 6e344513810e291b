"""Languages out of CLDR, by babel. Imported when the first language other than English is asked for, or the full name of a time zone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from babel import Locale, UnknownLocaleError, localedata
from babel.core import get_global

from service.expressions.locales import Language, Names, ZoneNames

_WIDTHS = {3: "abbreviated", 4: "wide", 5: "narrow"}
_FORMS = {False: "format", True: "stand-alone"}
_STYLES = ("full", "long", "medium", "short")
_MINUTE, _DAY = 60, 86_400


def language(tag: str) -> Language | None:
    """What CLDR has of a locale; a region that it doesn't know is left out. None for a language that it doesn't know."""
    locale = _locale(tag)
    if locale is None:
        return None
    data: Mapping[str, Any] = locale._data
    week = _week(locale)
    result = Language(
        tag=str(locale),
        months=_names(data["months"], range(1, 13)),
        days=_names(data["days"], range(7)),
        quarters=_names(data["quarters"], range(1, 5)),
        eras=_eras(data["eras"]),
        halves=_halves(data["day_periods"]["format"]),
        periods={width: dict(data["day_periods"]["format"].get(name, {})) for width, name in _WIDTHS.items()},
        parts=_parts(data.get("day_period_rules") or {}),
        first_day=week["first_day"],
        min_days=week["min_days"],
        styles={style: _style(locale, style) for style in _STYLES},
        gmt=data["zone_formats"]["gmt"].replace("%s", "").strip() or "GMT",
        zone_names=partial(_zone_names, data["meta_zones"], data["time_zones"]),
    )
    _forget()
    return result


def _forget() -> None:
    """Babel keeps every locale that it has read, for ever."""
    kept: dict[str, Any] = getattr(localedata, "_cache", {})
    if len(kept) > 32:
        kept.clear()


def _locale(tag: str) -> Locale | None:
    parts = tag.split("_")
    for count in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:count]))
        except (UnknownLocaleError, ValueError):
            continue
    return None


def _week(locale: Locale) -> Mapping[str, int]:
    """When weeks begin: a matter of the region, and of the likely one where none is named."""
    likely = get_global("likely_subtags").get(str(locale)) or get_global("likely_subtags").get(locale.language) or ""
    region = locale.territory or likely.rpartition("_")[2]
    there = _locale(f"{locale.language}_{region}") or locale
    week: Mapping[str, int] = there._data["week_data"]
    return week


def _names(data: Mapping[str, Any], keys: range) -> Names:
    return {(width, alone): tuple(data[form][name][key] for key in keys) for width, name in _WIDTHS.items() for alone, form in _FORMS.items()}


def _eras(data: Mapping[str, Any]) -> Names:
    return {(width, alone): (data[name][0], data[name][1]) for width, name in _WIDTHS.items() for alone in _FORMS}


def _halves(data: Mapping[str, Any]) -> Names:
    """AM and PM: `a` asks for the short ones, which some locales leave to the full ones."""
    found = next(each for name in ("abbreviated", "wide") if "am" in (each := data.get(name, {})))
    return {(width, alone): (found["am"], found["pm"]) for width in _WIDTHS for alone in _FORMS}


def _parts(rules: Mapping[Any, Any]) -> tuple[tuple[int, int, str], ...]:
    """Which part of the day lasts from when to when; a part over midnight is two."""
    points, spans = [], []
    for name, each in (rules.get(None) or {}).items():
        for rule in each:
            if "at" in rule:
                points.append((rule["at"] // _MINUTE, rule["at"] // _MINUTE, name))
                continue
            start, end = rule["from"], rule["before"]
            pieces = [(start, end)] if start < end else [(start, _DAY), (0, end)]
            spans += [(first // _MINUTE, last // _MINUTE, name) for first, last in pieces]
    return (*points, *spans)


def _style(locale: Locale, style: str) -> str:
    """Date and time in one pattern of Java, which writes AM and PM where CLDR has parts of the day."""
    time, day = str(locale.time_formats[style]).replace("B", "a"), str(locale.date_formats[style])
    return str(locale.datetime_formats[style]).replace("{1}", day).replace("{0}", time)


def _zone_names(metazones: Mapping[str, Any], zones: Mapping[str, Any], key: str) -> ZoneNames:
    key = get_global("zone_aliases").get(key, key)
    result: dict[tuple[bool, str], str] = {}
    for found in (metazones.get(get_global("meta_zones").get(key)), zones.get(key)):
        for full, width in ((True, "long"), (False, "short")):
            result |= {(full, name): text for name, text in ((found or {}).get(width) or {}).items()}
    return result
