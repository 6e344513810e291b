"""Cron in words: exact, and never missing."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from service.cron import NICKNAMES, normalized
from service.flows.cron_words import in_words
from service.triggers.schedule import Schedule

WORDS = """
*/30 * * * *               | every 30 minutes
0 6 * * *                  | at 06:00 every day
30 8 * * 1-5               | at 08:30 on Monday to Friday
0 0 L * *                  | on the last day of the month at 00:00
* * * * *                  | every minute
*/7 * * * *                | every 7 minutes from minute 0 to 56 of every hour
0 * * * *                  | every hour
5 * * * *                  | at minute 5 of every hour
5,35 * * * *               | every 30 minutes, from minute 5 of the hour
5/15 * * * *               | every 15 minutes, from minute 5 of the hour
10-20 * * * *              | every minute from minute 10 to 20 of every hour
1,5,17 * * * *             | at minutes 1, 5 and 17 of every hour
0 */2 * * *                | every 2 hours
15 */2 * * *               | every 2 hours from 00:15 to 22:15 every day
0 */5 * * *                | at 00:00, 05:00, 10:00, 15:00 and 20:00 every day
0 9-17 * * *               | every hour from 09:00 to 17:00 every day
15 9-17 * * 1-5            | every hour from 09:15 to 17:15 on Monday to Friday
*/30 9-17 * * MON-FRI      | every 30 minutes from 09:00 to 17:30 on Monday to Friday
* 9-17 * * *               | every minute from 09:00 to 17:59 every day
* 9 * * *                  | every minute from 09:00 to 09:59 every day
*/15 9 * * *               | at 09:00, 09:15, 09:30 and 09:45 every day
0 6,18 * * *               | at 06:00 and 18:00 every day
0,30 6,18 * * *            | at 06:00, 06:30, 18:00 and 18:30 every day
5,17 9-17 * * *            | at minutes 5 and 17 of hours 9 to 17 every day
*/7 9,13 * * *             | every 7 minutes from minute 0 to 56 of hours 9 and 13 every day
0 0 1 * *                  | on the 1st of the month at 00:00
0 0 1,15 * *               | on the 1st and 15th of the month at 00:00
0 0 1-7 * *                | on the 1st to 7th of the month at 00:00
0 0 */2 * *                | on every 2nd day from the 1st to the 31st of the month at 00:00
0 0 1 1 *                  | on the 1st of January at 00:00
0 0 1 1,4,7,10 *           | on the 1st of January, April, July and October at 00:00
0 0 1 */3 *                | on the 1st of January, April, July and October at 00:00
0 0 * 1 *                  | at 00:00 every day in January
0 0 * JAN-MAR MON          | at 00:00 on Monday in January to March
0 0 13 * FRI               | at 00:00 on the 13th of the month and on every Friday
0 0 13 * FRI,SAT           | at 00:00 on the 13th of the month and on every Friday and every Saturday
0 0 13 1 FRI               | at 00:00 on the 13th of the month and on every Friday and only in January
0 0 15,L * *               | on the 15th and the last day of the month at 00:00
0 0 * * 0                  | at 00:00 on Sunday
0 0 * * 6,0                | at 00:00 on Saturday and Sunday
0 0 * * 5-7                | at 00:00 on Friday to Sunday
0 0 * * */2                | at 00:00 on Tuesday, Thursday, Saturday and Sunday
@daily                     | at 00:00 every day
@hourly                    | every hour
@weekly                    | at 00:00 on Sunday
@monthly                   | on the 1st of the month at 00:00
@yearly                    | on the 1st of January at 00:00
@midnight                  | at 00:00 every day
@annually                  | on the 1st of January at 00:00
0 0 1-31 * 1               | at 00:00 every day
0 0 * * 0-6                | at 00:00 every day
0 0 1-30,L * 1             | at 00:00 every day
*/30 * 1 * *               | every 30 minutes on the 1st of the month
* * * 6 *                  | every minute in June
0 0 29 2 *                 | on the 29th of February at 00:00
0 0,6,12,18 * * *          | every 6 hours
0 1-23/2 * * *             | every 2 hours from 01:00 to 23:00 every day
0 8,9,10,11,12,13,14,20 * * * | at minute 0 of hours 8 to 14 and 20 every day
59 23 31 12 *              | on the 31st of December at 23:59
0 0 1-5,10,L 6 *           | on the 1st to 5th, 10th and the last day of June at 00:00
*/30 * * * 1               | every 30 minutes on Monday
1 2,3,4,5,6,7,8 * * *      | every hour from 02:01 to 08:01 every day
*/20 */2 * * *             | every 20 minutes from minute 0 to 40 of every 2nd hour from 0 to 22 every day
*/30 0-22/2 * * *          | at minutes 0 and 30 of every 2nd hour from 0 to 22 every day
0 12 * * 1-5               | at 12:00 on Monday to Friday
"""

SECONDS = """
* * * * * *                | every second
*/10 * * * * *             | every 10 seconds
0 */5 * * * *              | every 5 minutes
30 0 6 * * *               | at 06:00:30 every day
30 * * * * *               | at second 30 of every minute
5,20 * * * * *             | at seconds 5 and 20 of every minute
*/10 * 9-17 * * *          | every 10 seconds, in hours 9 to 17 every day
*/10 0-5 9-17 * * 1-5      | every 10 seconds, in minutes 0 to 5 of hours 9 to 17 on Monday to Friday
30 */5 * * * *             | every 5 minutes, each time at second 30
15 0 */2 * * *             | every 2 hours, each time at second 15
7/20 1 2 * * *             | every 20 seconds from second 7 to 47 of every minute, in minute 1 of hour 2 every day
10-20 * * * * *            | every second from second 10 to 20 of every minute
*/7 * * * * *              | every 7 seconds from second 0 to 56 of every minute
"""


def table(text: str) -> list[tuple[str, str]]:
    """Lines of `cron | words`."""
    return [(cron.strip(), words.strip()) for cron, _, words in (line.partition("|") for line in text.strip().splitlines())]


@pytest.mark.parametrize(("cron", "words"), table(WORDS))
def test_five_fields_are_said_in_words(cron, words):
    assert in_words(cron) == words


@pytest.mark.parametrize(("cron", "words"), table(SECONDS))
def test_six_fields_begin_with_seconds(cron, words):
    assert in_words(cron, with_seconds=True) == words


def test_small_letters_and_spaces_change_nothing():
    assert in_words("  30  8 * jan mon-fri ") == in_words("30 8 * 1 1-5") == "at 08:30 on Monday to Friday in January"


@pytest.mark.parametrize("cron", ["", "* * * *", "60 * * * *", "@never", "0 0 5-1 * *", "* * * * * *"])
def test_what_is_no_cron_has_no_words(cron):
    with pytest.raises(PydanticCustomError):
        in_words(cron)


def item(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.integers(1, high)
    span = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    plain = st.one_of(st.just("*"), number.map(str), span)
    return st.one_of(plain, st.builds("{}/{}".format, plain, step))


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    one = st.one_of(item(low, high), st.sampled_from(more)) if more else item(low, high)
    return st.lists(one, min_size=1, max_size=4).map(",".join)


FIELDS = (field(0, 59), field(0, 59), field(0, 23), field(1, 31, "L"), field(1, 12, "JAN", "JUN-AUG"), field(0, 7, "MON", "FRI", "MON-SUN"))
CRONS = st.one_of(
    st.tuples(*FIELDS[1:]).map(lambda fields: (" ".join(fields), False)),
    st.tuples(*FIELDS).map(lambda fields: (" ".join(fields), True)),
    st.sampled_from(sorted(NICKNAMES)).map(lambda name: (name, False)),
)


@given(CRONS)
def test_whatever_a_schedule_takes_has_words(given_cron):
    cron, with_seconds = given_cron
    try:
        Schedule(cron=cron, with_seconds=with_seconds)
    except ValueError:
        return  # longer than a schedule may be, or a day that never comes
    words = in_words(cron, with_seconds)
    assert words == words.strip()
    assert words.isprintable()
    assert len(words) > 5


MINUTES = "* 0 5 */30 5/30 */15 5/15 */7 1/7 3-50/7 0-10 0-59 10-59 0-50/10 0,1 0,2 5,17 0,20 5,6,7,9 0,59 29,59".split()
HOURS = "* 0 9 23 9-17 0-12 12-23 */2 1/2 0-20/2 */3 1/3 */5 */6 1/6 */8 */12 6/12 9,13 0,1 8-14,20 1,2,4,8,16".split()
DAYS = "* 1 1,15 L 1,L 1-7 1-5,10 1-30 1-31 */2 2/2 */5 1,2 31".split()
MONTHS = "* 1 1,2 1-3 */3 2/3 12".split()
WEEKDAYS = "* 0 1 1-5 6,0 0-6 */2 1,3 5-7".split()


def meaning(cron: str, with_seconds: bool) -> tuple[object, ...]:
    """What an expression stands for; all days are all days, however they are written."""
    seconds, minutes, hours, dates, months, weekdays = normalized(cron, with_seconds).split()
    if len(dates.split(",")) == 31 or len(weekdays.split(",")) == 7:
        dates = weekdays = "*"
    spans = ((seconds, 60), (minutes, 60), (hours, 24), (dates, 31), (months, 12), (weekdays, 7))
    return tuple("*" if len(span.split(",")) == most else span for span, most in spans)


@pytest.mark.parametrize(
    ("crons", "with_seconds"),
    [
        ([f"{minute} {hour} * * *" for minute, hour in product(MINUTES, HOURS)], False),
        ([f"{time} {day} {month} {weekday}" for time, day, month, weekday in product(("0 6", "*/30 *", "0 9-17"), DAYS, MONTHS, WEEKDAYS)], False),
        ([f"{second} {minute} {hour} * * *" for second, minute, hour in product(MINUTES, MINUTES, HOURS)], True),
    ],
    ids=["times", "days", "seconds"],
)
def test_the_same_words_are_never_said_of_two_things(crons, with_seconds):
    said: dict[str, tuple[object, ...]] = {}
    for cron in crons:
        stands_for = meaning(cron, with_seconds)
        assert said.setdefault(in_words(cron, with_seconds), stands_for) == stands_for, cron
