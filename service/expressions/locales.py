"""The languages that dates are written and read in. English is built in, as it is nearly always asked for; the others come out of CLDR when they are named.

The default is that of Kestra's image, `en_US`: weeks begin on Sunday, and the week with the first of January is the first. So they do in a locale that names no
region, as in Java: `fr` counts like `en_US`, `fr_FR` from Monday. A language that CLDR doesn't know is refused, where Java would write English without a word.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.values import kind

#: Names by how many letters ask for them: 3 short, 4 full, 5 narrow; alone (`LLLL`), or in a date (`MMMM`).
Names = Mapping[tuple[int, bool], tuple[str, ...]]
#: Full (True) or short, and `standard`, `daylight` or `generic` → a name.
ZoneNames = Mapping[tuple[bool, str], str]

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{4}))?(?:[_-]([A-Za-z]{2}|\d{3}))?", re.ASCII)
_PRICE = 40_000  #: steps for a language that has to be read from the disk: ten milliseconds, and a few more when zones are looked up by name
_MOST_KEPT = 64


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Language:
    """What a locale says about dates. Days begin with Monday; `first_day` counts from there."""

    tag: str
    months: Names
    days: Names
    quarters: Names
    eras: Names
    halves: Names  #: AM and PM
    periods: Mapping[int, Mapping[str, str]]  #: names of the parts of a day, by 3, 4, 5
    parts: tuple[tuple[int, int, str], ...]  #: from and to which minute of the day which part lasts; single minutes stand first
    first_day: int
    min_days: int
    styles: Mapping[str, str]
    gmt: str
    offset_name: Callable[[str], str]  #: an offset as the name of a zone
    zone_names: Callable[[str], ZoneNames]  #: what it calls a time zone, by its id
    zones: Callable[[], tuple[str, ...]]  #: all ids that have names

    def part_of_day(self, minute: int) -> str | None:
        """The part of the day that a minute lies in."""
        return next((name for start, end, name in self.parts if start <= minute < end or minute == start == end), None)

    def lasts(self, parts: frozenset[str], minute: int) -> bool:
        """Whether one of these parts of the day holds a minute; noon is in the afternoon too."""
        return any(name in parts and (start <= minute < end or minute == start == end) for start, end, name in self.parts)


def names(short: list[str], full: list[str], narrow: list[str]) -> Names:
    """Names that are the same in a date and alone."""
    return {(width, alone): tuple(each) for width, each in ((3, short), (4, full), (5, narrow)) for alone in (False, True)}


def _initials(words: str) -> Names:
    full = words.split()
    return names([word[:3] for word in full], full, [word[0] for word in full])


def _read(tag: str) -> Language | None:
    cldr = importlib.import_module("service.expressions.cldr")  # with it comes babel, which English does without
    found: Language | None = cldr.language(tag)
    return found


@cache
def _english() -> Language:
    found = _read("en_US")
    assert found is not None
    return found


def _english_zone_names(key: str) -> ZoneNames:
    return _english().zone_names(key)


_PARTS = {"midnight": "midnight", "noon": "noon", "morning1": "in the morning", "afternoon1": "in the afternoon", "evening1": "in the evening"}
_PARTS["night1"] = "at night"

ENGLISH = Language(
    tag="en_US",
    months=_initials("January February March April May June July August September October November December"),
    days=_initials("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    quarters=names(["Q1", "Q2", "Q3", "Q4"], ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"], ["1", "2", "3", "4"]),
    eras=names(["BC", "AD"], ["Before Christ", "Anno Domini"], ["B", "A"]),
    halves=names(["AM", "PM"], ["AM", "PM"], ["a", "p"]),
    periods={3: _PARTS, 4: _PARTS, 5: {**_PARTS, "midnight": "mi", "noon": "n"}},
    parts=(
        *((0, 0, "midnight"), (720, 720, "noon"), (0, 720, "morning1"), (720, 1080, "afternoon1"), (1080, 1260, "evening1")),
        *((1260, 1440, "night1"),),
    ),
    first_day=6,
    min_days=1,
    styles={
        "full": "EEEE, MMMM d, y, h:mm:ss\u202fa zzzz",
        "long": "MMMM d, y, h:mm:ss\u202fa z",
        "medium": "MMM d, y, h:mm:ss\u202fa",
        "short": "M/d/yy, h:mm\u202fa",
    },
    gmt="GMT",
    offset_name="GMT{}".format,
    zone_names=_english_zone_names,
    zones=lambda: _english().zones(),
)


def language_of(tag: Any, budget: Budget) -> Language:
    """The language of a Java locale (`fr`, `fr-FR`, `pt_BR`); English for null. Raises Refused for one that doesn't exist."""
    if tag is None:
        return ENGLISH
    if not isinstance(tag, str):
        raise Refused(f"a locale is text such as `fr` or `pt-BR`, not {kind(tag)}")
    if tag in ("", "root"):
        return ENGLISH
    match = _TAG.fullmatch(tag)
    if match and match[1].lower() == "en" and (match[3] or "US").upper() == "US":
        return ENGLISH
    found = _foreign(match, budget) if match else None
    if found is None:
        raise Refused(f"there is no locale `{tag[:20]}`; write for example `fr`, `fr-FR` or `pt-BR`")
    return found


_kept: dict[str, Language | None] = {}


def _foreign(match: re.Match[str], budget: Budget) -> Language | None:
    language, script, region = match.groups()
    tag = "_".join([language.lower(), *([script.title()] if script else []), *([region.upper()] if region else [])])
    budget.once(("locale", tag), _PRICE, 1)
    if tag in _kept:
        return _kept[tag]
    found = _read(tag)
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()  # a template may ask for every locale there is; they are large
    _kept[tag] = found
    return found
