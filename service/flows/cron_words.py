"""A cron expression in English words, which say exactly when it fires.

The words are made of the numbers that it stands for (`service.cron`), not of how it is spelt: `0,30 * * * *` and `*/30 * * * *` are both "every 30
minutes". What does not come round evenly is said with its first and last time: `*/7` is "every 7 minutes from minute 0 to 56 of every hour".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.cron import LAST, normalized

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
#: So many times of a day are named one by one.
_MOST_TIMES = 6


@dataclass(frozen=True, slots=True)
class _Fields:
    """What each field allows, in order; `dates` and `weekdays` are None where the field leaves the days to the other one."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    dates: tuple[int, ...] | None
    months: tuple[int, ...]
    weekdays: tuple[int, ...] | None


def in_words(cron: str, with_seconds: bool = False) -> str:
    """When the expression fires, without its time zone. Raises PydanticCustomError for what is no cron expression."""
    fields = _read(normalized(cron, with_seconds))
    times = _times(fields)
    if times.startswith("at ") and fields.dates is not None and fields.weekdays is None:
        return f"{_days(fields)} {times}"
    days = _days(fields)
    if not days:
        days = "" if _round_the_clock(fields) else "every day"
    return " ".join(part for part in (times, days, _in_months(fields)) if part)


def _read(expression: str) -> _Fields:
    seconds, minutes, hours, dates, months, weekdays = expression.split()
    on_dates = None if dates == "*" else _numbers(dates, 1, 31)
    on_weekdays = None if weekdays == "*" else tuple(sorted((number - 1) % 7 for number in _numbers(weekdays, 0, 6)))
    if len(on_dates or ()) == 31 or len(on_weekdays or ()) == 7:
        on_dates = on_weekdays = None  # either is enough, so these are all days
    return _Fields(_numbers(seconds, 0, 59), _numbers(minutes, 0, 59), _numbers(hours, 0, 23), on_dates, _numbers(months, 1, 12), on_weekdays)


def _numbers(field: str, low: int, high: int) -> tuple[int, ...]:
    if field == "*":
        return tuple(range(low, high + 1))
    return tuple(sorted(LAST if number == "L" else int(number) for number in field.split(",")))


# times of the day


def _times(fields: _Fields) -> str:
    if len(fields.seconds) > 1:
        return _with_seconds(fields)
    second = fields.seconds[0]
    named = _named_times(fields, second)
    if named:
        return named
    words = _even(fields) or _of_hours(fields)
    if second == 0:
        return words
    return f"at second {second} of every minute" if words == "every minute" else f"{words}, each time at second {second}"


def _named_times(fields: _Fields, second: int) -> str | None:
    """The times one by one, where they are few."""
    if len(fields.minutes) * len(fields.hours) > _MOST_TIMES or (_evenly(fields.hours, 24) and len(fields.hours) > 2):
        return None
    tail = f":{second:02}" if second else ""
    return f"at {_listed([f'{hour:02}:{minute:02}{tail}' for hour in fields.hours for minute in fields.minutes])}"


def _even(fields: _Fields) -> str | None:
    """What comes round evenly, through the day or from a first time to a last one."""
    minutes, hours = fields.minutes, fields.hours
    span = f"from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[-1]:02}"
    if len(minutes) == 1:
        return _every_hours(minutes[0], hours, span)
    step = _evenly(minutes, 60)
    if step is None or (len(hours) > 1 and _step(hours) != 1):
        return None
    every = "every minute" if step == 1 else f"every {step} minutes"
    if len(hours) < 24:
        return f"{every} {span}"
    return f"{every}, from minute {minutes[0]} of the hour" if minutes[0] else every


def _every_hours(minute: int, hours: tuple[int, ...], span: str) -> str | None:
    step = _step(hours)
    if step is None or (len(hours) == 24 and minute):
        return None
    every = "every hour" if step == 1 else f"every {step} hours"
    return every if _evenly(hours, 24) and minute == hours[0] == 0 else f"{every} {span}"


def _of_hours(fields: _Fields) -> str:
    return f"{_stepped('minute', fields.minutes)} of {'every hour' if len(fields.hours) == 24 else _some(fields.hours, 'hour')}"


def _round_the_clock(fields: _Fields) -> bool:
    """Whether the day is said to have no first time and no last one."""
    hours = fields.hours
    return len(hours) == 24 or (hours[0] == 0 and fields.minutes == (0,) and len(fields.seconds) == 1 and len(hours) > 2 and _evenly(hours, 24) is not None)


def _with_seconds(fields: _Fields) -> str:
    step = _evenly(fields.seconds, 60)
    if step and fields.seconds[0] == 0:
        words = "every second" if step == 1 else f"every {step} seconds"
    else:
        words = f"{_stepped('second', fields.seconds)} of every minute"
    within = [_some(values, noun) for noun, values, most in (("minute", fields.minutes, 60), ("hour", fields.hours, 24)) if len(values) < most]
    return f"{words}, in {' of '.join(within)}" if within else words


# days


def _days(fields: _Fields) -> str:
    """On which days, and of pure dates in which months too; empty when on all."""
    weekdays = "" if fields.weekdays is None else _weekdays(fields.weekdays)
    if fields.dates is None:
        return f"on {weekdays}" if weekdays else ""
    if fields.weekdays is None:
        return f"on {_dates(fields.dates)} of {'the month' if len(fields.months) == 12 else _months(fields.months)}"
    return f"on {_dates(fields.dates)} of the month and on every {_listed([_DAYS[day] for day in fields.weekdays], 'and every')}"


def _in_months(fields: _Fields) -> str:
    if len(fields.months) == 12 or (fields.dates is not None and fields.weekdays is None):
        return ""
    months = _months(fields.months)
    return f"in {months}" if fields.dates is None else f"and only in {months}"


def _months(months: tuple[int, ...]) -> str:
    return _listed([_MONTHS[run[0] - 1] if len(run) == 1 else f"{_MONTHS[run[0] - 1]} to {_MONTHS[run[-1] - 1]}" for run in _runs(months)])


def _weekdays(days: tuple[int, ...]) -> str:
    return _listed([_DAYS[run[0]] if len(run) == 1 else f"{_DAYS[run[0]]} to {_DAYS[run[-1]]}" for run in _runs(days)])


def _dates(dates: tuple[int, ...]) -> str:
    ordinary = tuple(date for date in dates if date != LAST)
    last = ["the last day"] if LAST in dates else []
    step = _step(ordinary)
    if step and step > 1 and len(ordinary) > 3:
        words = [f"every {_ordinal(step)} day from the {_ordinal(ordinary[0])} to the {_ordinal(ordinary[-1])}"]
        return _listed([*words, *last])
    runs = [_ordinal(run[0]) if len(run) == 1 else f"{_ordinal(run[0])} to {_ordinal(run[-1])}" for run in _runs(ordinary)]
    return _listed([*([f"the {runs[0]}", *runs[1:]] if runs else []), *last])


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# numbers


def _stepped(noun: str, values: tuple[int, ...]) -> str:
    """`at minute 5`, `at minutes 5, 17 and 40`, `every minute from minute 10 to 20`, `every 7 minutes from minute 0 to 56`."""
    step = _step(values)
    if step is None or len(values) < 3:
        return f"at {_counted(noun, values)}"
    return f"every {noun if step == 1 else f'{step} {noun}s'} from {noun} {values[0]} to {values[-1]}"


def _counted(noun: str, values: tuple[int, ...]) -> str:
    runs = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in _runs(values)]
    return f"{noun}{'' if len(values) == 1 else 's'} {_listed(runs)}"


def _some(values: tuple[int, ...], noun: str) -> str:
    """`hours 9 and 13`, `every 2nd hour from 0 to 22`."""
    step = _step(values)
    return f"every {_ordinal(step)} {noun} from {values[0]} to {values[-1]}" if step and step > 1 and len(values) > 3 else _counted(noun, values)


def _step(values: Sequence[int]) -> int | None:
    """The distance between each value and the next, where it is the same for all of several."""
    distances = {after - before for before, after in zip(values, values[1:], strict=False)}
    return distances.pop() if len(distances) == 1 else None


def _evenly(values: Sequence[int], round: int) -> int | None:
    """The step, where it also leads from the last value to the first of the next round."""
    step = _step(values)
    return step if step and step * len(values) == round else None


def _runs(values: Sequence[int]) -> list[list[int]]:
    """Values that follow each other, three or more, together; others alone."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [part for run in runs for part in ([run] if len(run) > 2 else [[value] for value in run])]


def _listed(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
