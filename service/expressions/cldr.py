"""Languages out of CLDR, by babel. Imported when the first language other than English is asked for, or the full name of a time zone.

Babel's data is read as it lies on the disk. `Locale` resolves references inside of it in place, in parts that languages share: what French was asked first
German then answers in French.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from babel import localedata
from babel.core import get_global

from service.expressions.locales import Language, Names, ZoneNames

_WIDTHS = {3: "abbreviated", 4: "wide", 5: "narrow"}
_FORMS = {False: "format", True: "stand-alone"}
_STYLES = ("full", "long", "medium", "short")
_MINUTE, _DAY = 60, 86_400
_MOST_KEPT = 32
#: Sunday, and the week with the first of January: where a locale names no region.
_NO_REGION = (6, 1)
#: Languages whose eras babel takes from the other usage (`unserer Zeitrechnung`), full or narrow.
_OTHER_ERAS: Mapping[int, frozenset[str]] = {3: frozenset(), 4: frozenset(["de", "gsw"]), 5: frozenset(["af", "gsw", "lt", "nb", "nn", "no", "se"])}
#: How CLDR writes the hours of an offset where it isn't `-03:00`, which babel leaves out.
_MINUS, _DOT = frozenset(["et", "fr", "lij", "lt", "se", "sv"]), frozenset(["da", "fi", "id", "si", "sl"])


def language(tag: str) -> Language | None:
    """What CLDR has of a locale; a script or region that it doesn't know is left out. None for a language that it doesn't know."""
    name = next((each for each in _shorter(tag) if localedata.exists(each)), None)
    if name is None:
        return None
    data = localedata.load(name)
    first_day, min_days = _week(name, data)
    result = Language(
        tag=name,
        months=_names(data, "months", range(1, 13)),
        days=_names(data, "days", range(7)),
        quarters=_names(data, "quarters", range(1, 5)),
        eras=_eras(data, name.partition("_")[0]),
        halves=_halves(data),
        periods={width: _periods(data, kind) for width, kind in ((3, "wide"), (4, "wide"), (5, "narrow"))},
        parts=_parts(data.get("day_period_rules") or {}),
        first_day=first_day,
        min_days=min_days,
        styles={style: _style(data, style) for style in _STYLES},
        gmt=data["zone_formats"]["gmt"].replace("%s", "").strip(" \u200e\u200f") or "GMT",
        offset_name=partial(_offset_name, data["zone_formats"]["gmt"], name.partition("_")[0]),
        zone_names=partial(_zone_names, data, name.startswith("fr") and name != "fr_CA"),
        zones=_zones,
    )
    kept: dict[str, Any] = getattr(localedata, "_cache", {})
    if len(kept) > _MOST_KEPT:
        kept.clear()  # babel would keep every locale that it has read, for ever
    return result


def _shorter(tag: str) -> list[str]:
    language, *rest = tag.split("_")
    language = get_global("language_aliases").get(language, language)
    whole = "_".join([language, *rest])
    likely = get_global("likely_subtags").get(whole, whole)  # zh_TW is zh_Hant_TW
    return [whole, likely, *("_".join([language, each]) for each in rest), language]


def _at(data: Mapping[str, Any], *path: Any) -> Any:
    """What lies there; a reference is followed inside of the same locale."""
    value: Any = data
    for key in path:
        value = _followed(data, value[key])
    return value


def _followed(data: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, localedata.Alias):
        return _at(data, *value.keys)
    if isinstance(value, tuple) and value and isinstance(value[0], localedata.Alias):
        return {**_at(data, *value[0].keys), **value[1]}
    return value


def _week(name: str, data: Mapping[str, Any]) -> tuple[int, int]:
    """When weeks begin is a matter of the region."""
    region = name.rpartition("_")[2]
    if "_" not in name or not (region.isupper() or region.isdigit()):
        return _NO_REGION
    week = _at(data, "week_data")
    return week["first_day"], week["min_days"]


def _names(data: Mapping[str, Any], kind: str, keys: range) -> Names:
    return {(width, alone): tuple(_at(data, kind, form, name, key) for key in keys) for width, name in _WIDTHS.items() for alone, form in _FORMS.items()}


def _eras(data: Mapping[str, Any], language: str) -> Names:
    kinds = {width: "abbreviated" if language in _OTHER_ERAS[width] else kind for width, kind in _WIDTHS.items()}
    return {(width, alone): tuple(_at(data, "eras", kind)[era] for era in (0, 1)) for width, kind in kinds.items() for alone in _FORMS}


def _offset_name(gmt: str, language: str, offset: str) -> str:
    """An offset where the name of a zone is asked for: `UTC−03:00` in French."""
    offset = offset.replace("-", "\u2212") if language in _MINUS else offset
    return gmt.replace("%s", offset.replace(":", ".") if language in _DOT else offset)


def _periods(data: Mapping[str, Any], width: str) -> Mapping[str, str]:
    """What parts of the day are called. Java writes the full names for short ones too; what is missing is as it is when abbreviated."""
    found = {**_at(data, "day_periods", "format", "abbreviated"), **_at(data, "day_periods", "format", width)}
    return {name: text for name, text in found.items() if name not in ("am", "pm")}


def _halves(data: Mapping[str, Any]) -> Names:
    """AM and PM: the full ones, which some locales leave to the short ones."""
    found = [_at(data, "day_periods", "format", width) for width in ("wide", "abbreviated", "narrow")]
    usual = next(each for each in found if "am" in each)
    narrow = found[2] if "am" in found[2] else usual
    return {(width, alone): (each["am"], each["pm"]) for width, each in ((3, usual), (4, usual), (5, narrow)) for alone in _FORMS}


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


def _style(data: Mapping[str, Any], style: str) -> str:
    """Date and time in one pattern of Java, which writes AM and PM where CLDR has parts of the day."""
    time, day = (_at(data, kind, style).pattern for kind in ("time_formats", "date_formats"))
    both: str = _at(data, "datetime_formats", style)
    return both.replace("{1}", day).replace("{0}", time.replace("B", "a"))


@cache
def _zones() -> tuple[str, ...]:
    aliases = get_global("zone_aliases")
    return tuple(aliases.get(key, key) for key in get_global("meta_zones"))


@cache
def _older_names() -> Mapping[str, str]:
    """The name that CLDR knows a zone by, where it isn't the newest one."""
    known = get_global("meta_zones")
    return {new: old for old, new in get_global("zone_aliases").items() if old in known}


def _zone_names(data: Mapping[str, Any], only_full: bool, key: str) -> ZoneNames:
    """What a zone is called. Java has no French letters, but those of Canada."""
    newest = get_global("zone_aliases").get(key, key)
    older = _older_names().get(newest, newest)
    metazone = next((known for each in (newest, older, key) if (known := get_global("meta_zones").get(each))), "")
    zones = data["time_zones"]
    own = zones.get(key) or zones.get(newest) or zones.get(older) or {}
    result: dict[tuple[bool, str], str] = {}
    for found in (data["meta_zones"].get(metazone) or {}, own):
        for full, width in ((True, "long"), *(() if only_full else ((False, "short"),))):
            result |= {(full, name): text for name, text in (found.get(width) or {}).items()}
    city = own.get("city") or newest.rpartition("/")[2].replace("_", " ")
    if (True, "standard") in result and not data["zone_formats"]["region"].endswith(" Time"):
        result.setdefault((True, "generic"), result[True, "standard"])  # babel has the summer form of the pattern in some languages
    result.setdefault((True, "generic"), data["zone_formats"]["region"].replace("%s", city))
    return result
