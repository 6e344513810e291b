"""What the conditions of the first dialect become, rendered: each is true or false, on the right dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from service.expressions import Expressions, Ports
from service.flows.condition_types import CLASSES, Condition
from tests.flows.test_language_conditions import CORE, gates

PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: key)
EXPRESSIONS = Expressions()

#: All hours of three days around Christmas, and all days of two years at 08:30 in Paris.
HOURS = [f"2024-12-{24 + hour // 24}T{hour % 24:02}:00:00Z" for hour in range(72)]
DATES = [f"{date(2023, 12, 1) + timedelta(days=day)}T08:30:00+01:00" for day in range(731)]

Truth = Callable[[str], bool]


def day(text: str) -> date:
    return date.fromisoformat(text[:10])


def nth(text: str) -> int:
    return (day(text).day - 1) // 7


def is_last(text: str) -> bool:
    return (day(text) + timedelta(days=7)).month != day(text).month


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def time_in(offset: int, text: str) -> tuple[int, int]:
    there = instant(text).astimezone(timezone(timedelta(hours=offset)))
    return there.hour, there.minute


FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
MOVED = ("2024-04-01", "2024-05-09", "2024-05-20", "2025-04-21", "2025-05-29", "2025-06-09")


def french(text: str) -> bool:
    return (day(text).month, day(text).day) in FIXED or text[:10] in MOVED


DATED: dict[str, list[tuple[str, Truth]]] = {
    "DateTimeBetween": [
        ("description: x", lambda _: True),
        ("after: '2024-12-25T00:00:00Z'", lambda text: instant(text) > instant("2024-12-25T00:00:00Z")),
        (
            "after: '2024-12-25T02:00:00+02:00', before: '{{ vars.before ?? 1 }}'",
            lambda text: instant("2024-12-25T00:00:00Z") < instant(text) < instant("2024-12-26T00:00:00Z"),
        ),
    ],
    "TimeBetween": [
        ("after: '06:00:00', before: '10:00:00'", lambda text: (6, 0) < time_in(0, text) < (10, 0)),
        ("after: '07:30:00+02:00'", lambda text: time_in(2, text) > (7, 30)),
        ("before: '{{ vars.time ?? 1 }}'", lambda text: time_in(0, text) < (9, 0)),
    ],
    "DayWeek": [("dayOfWeek: MONDAY", lambda text: day(text).weekday() == 0), ("dayOfWeek: '{{ vars.day ?? 1 }}'", lambda text: day(text).weekday() == 4)],
    "DayWeekInMonth": [
        ("dayOfWeek: MONDAY, dayInMonth: FIRST", lambda text: day(text).weekday() == 0 and nth(text) == 0),
        ("dayOfWeek: SUNDAY, dayInMonth: FOURTH", lambda text: day(text).weekday() == 6 and nth(text) == 3),
        ("dayOfWeek: '{{ vars.day ?? 1 }}', dayInMonth: '{{ vars.place ?? 1 }}'", lambda text: day(text).weekday() == 4 and is_last(text)),
    ],
    "Weekend": [("description: x", lambda text: day(text).weekday() > 4), ("date: '2030-01-26T06:00:00Z'", lambda _: True)],
    "PublicHoliday": [
        ("country: FR", french),
        ("country: '{{ vars.country ?? 1 }}'", french),
        ("description: x, date: '2024-07-04T12:00:00Z'", lambda _: True),
        ("country: DE, subDivision: BY, date: '2024-01-06T12:00:00Z'", lambda _: True),
        ("subDivision: NY, date: '2024-07-14T12:00:00Z'", lambda _: False),
    ],
}
OTHERS: dict[str, list[tuple[str, bool]]] = {
    "Expression": [("expression: '{{ trigger.state == \"FAILED\" }}'", True)],
    "ExecutionFlow": [("namespace: n.m, flowId: f", True), ("namespace: n, flowId: f", False)],
    "ExecutionNamespace": [("namespace: n.m", True), ("namespace: n, comparison: PREFIX", True), ("namespace: n, comparison: SUFFIX", False)],
    "ExecutionStatus": [("in: [FAILED]", True), ("in: [FAILED], notIn: [FAILED, WARNING]", False), ("notIn: [SUCCESS]", True)],
    "ExecutionLabels": [("labels: {a: b}", True), ("labels: {a: b, c: d}", False)],
    "ExecutionOutputs": [("expression: '{{ trigger.outputs.a == 1 }}'", True)],
    "FlowCondition": [("namespace: o, flowId: g", True)],
    "FlowNamespaceCondition": [("namespace: o", True), ("namespace: x, prefix: true", False)],
}
SCOPE: dict[str, Any] = {
    "vars": {"before": "2024-12-26T00:00:00Z", "time": "09:00:00", "day": "FRIDAY", "place": "LAST", "country": "fr"},
    "flow": {"namespace": "o", "id": "g"},
    "trigger": {"namespace": "n.m", "flowId": "f", "state": "FAILED", "executionLabels": {"a": "b"}, "outputs": {"a": 1}},
}


def holds(gate: str, moment: str) -> bool:
    """Whether it renders to true; anything but true and false is a failure."""
    answer = EXPRESSIONS.text(gate, {**SCOPE, "trigger": {**SCOPE["trigger"], "date": moment}}, PORTS)
    return {"true": True, "false": False}[answer]


def gate_of(name: str, properties: str) -> str:
    (gate,) = gates(f"{{type: {CORE}{name}, {properties}}}")
    assert isinstance(gate, str)
    return gate


@pytest.mark.parametrize(("name", "properties", "truth"), [(name, *row) for name, rows in DATED.items() for row in rows])
def test_a_condition_about_dates_holds_on_the_right_ones(name: str, properties: str, truth: Truth) -> None:
    gate = gate_of(name, properties)
    for moment in [*HOURS, *DATES]:
        assert holds(gate, moment) is truth(moment), moment


@pytest.mark.parametrize(("name", "properties", "truth"), [(name, *row) for name, rows in OTHERS.items() for row in rows])
def test_a_condition_about_an_execution_holds_or_not(name: str, properties: str, truth: bool) -> None:
    assert holds(gate_of(name, properties), DATES[0]) is truth


def test_every_condition_that_is_a_template_is_in_the_tables() -> None:
    templates = {cls.NAME for cls in CLASSES if cls.gate is not Condition.gate} - {"HasRetryAttempt"}
    assert templates == {name.removesuffix("Condition") for name in (*DATED, *OTHERS)}
