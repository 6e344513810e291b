"""The grammar of cron: an expression, as people write it, becomes lists of numbers.

What fires by it (`triggers.schedule`) and what says it in words (`flows.cron_words`) read it here, so that both mean the same.

**Days.** A day field that holds `*` leaves the days to the other one; where both name days, either is enough, as in Kestra. A step without an end
runs to the field's last value, which of the days of the week is Saturday: Sunday comes first, as 0 or 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

NICKNAMES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
_DAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
#: Name, lowest, highest, names of values.
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_ITEM = re.compile(r"(?P<from>\*|[A-Z]+|\d{1,4})(?:-(?P<to>[A-Z]+|\d{1,4}))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
LAST = 100  #: `L` among the numbers, which are all lower
_LONGEST = 200


def wrong_cron(message: str, hint: str | None = None) -> PydanticCustomError:
    """What is wrong with an expression, and what would be right."""
    # Braces in somebody's text must not be read as the template of the message.
    return PydanticCustomError("cron", "{what}", {"what": message, **({"hint": hint} if hint else {})})


def normalized(cron: str, with_seconds: bool) -> str:
    """The expression as lists of numbers, with seconds first; raises PydanticCustomError that says which field is wrong, and how."""
    return " ".join(_field(text, *field) for text, field in zip(written(cron, with_seconds), _FIELDS, strict=True))


def written(cron: str, with_seconds: bool) -> list[str]:
    """The six fields as they were written."""
    text = cron.strip()
    if len(text) > _LONGEST:
        raise wrong_cron(f"longer than {_LONGEST} characters")
    if text.startswith("@"):
        return ["0", *_nickname(text).split()]
    fields = text.upper().split()
    wanted = 6 if with_seconds else 5
    if len(fields) != wanted:
        raise wrong_cron(f"expected {wanted} fields, got {len(fields)}", _count_hint(len(fields), with_seconds))
    return fields if with_seconds else ["0", *fields]


def _nickname(text: str) -> str:
    found = NICKNAMES.get(text.lower())
    if found is None:
        near = get_close_matches(text.lower(), NICKNAMES, n=1)
        raise wrong_cron(f"unknown schedule `{text[:40]}`", f"did you mean `{near[0]}`?" if near else f"one of {', '.join(NICKNAMES)}")
    return found


def _count_hint(count: int, with_seconds: bool) -> str:
    if with_seconds:
        return "second, minute, hour, day of month, month, day of week" if count != 5 else "`withSeconds: true` asks for a field of seconds in front"
    if count == 6:
        return "six fields begin with seconds: add `withSeconds: true`, or drop the first field"
    return "years are not part of a schedule" if count == 7 else "minute, hour, day of month, month, day of week"


def _field(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> str:
    items = text.split(",")
    found = [_item(item, name, low, high, names) for item in items]
    if any(item.startswith("*") and values.step == 1 for item, values in zip(items, found, strict=True)):
        return "*"
    numbers = {value % 7 if name == "day of week" else value for values in found for value in values}
    if LAST in numbers:
        numbers.discard(31)  # it is `L` already, and a list of 31 entries would be `*` to croniter
    return ",".join("L" if number == LAST else str(number) for number in sorted(numbers))


def _item(item: str, name: str, low: int, high: int, names: Mapping[str, int]) -> range:
    if item == "L" and name == "day of month":
        return range(LAST, LAST + 1)
    match = _ITEM.fullmatch(item)
    if match is None:
        raise wrong_cron(f"`{item[:40]}` is not a {name}", _item_hint(item, name))
    step = int(match["step"] or 1)
    if not 0 < step <= high:
        raise wrong_cron(f"the step of the {name} must be 1 to {high}, not {match['step']}")
    end = 6 if name == "day of week" else high
    if match["from"] == "*":
        if match["to"]:
            raise wrong_cron(f"`{item[:40]}` is not a {name}")
        return range(low, end + 1, step)
    first = _number(match["from"], name, low, high, names)
    if not match["to"]:
        if match["step"] is None:
            return range(first, first + 1)
        return range(0 if first > end else first, end + 1, step)
    last = _number(match["to"], name, low, high, names)
    if name == "day of week" and last == 0 and first > 0:
        last = 7  # a week that ends with Sunday
    if first > last:
        raise wrong_cron(f"the range `{item[:40]}` of the {name} ends before it begins", f"write two: `{first}-{high},{low}-{last}`")
    return range(first, last + 1, step)


def _item_hint(item: str, name: str) -> str | None:
    if item == "?":
        return "write `*`"
    if re.match(r"[HR](?:$|\W)", item):
        return "times are not drawn by hash or at random here: give a number"
    if "#" in item or "L" in item or "W" in item:
        return "only `L` alone is known, as the last day of the month"
    return "numbers or three-letter names, ranges `a-b`, lists `a,b` and steps `*/n`" if name in ("month", "day of week") else None


def _number(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text) if not text.isdigit() else int(text)
    if number is None or not low <= number <= high:
        raise wrong_cron(f"the {name} must be {low} to {high}, not `{text[:20]}`", _item_hint(text, name))
    return number
