"""Conditions of triggers in the first dialect: each is one gate, or several, and says the same as `when` does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.state import State
from service.expressions import references
from service.flows.conditions import AnyOf, Gate, HasAttempt, NoneOf, Within, condition_names
from tests.flows.world import LOG, SCHEDULE, flow, refusals, tasks

CORE = "io.kestra.plugin.core.condition."
OLD = "io.kestra.core.models.conditions.types."
FLOW = "io.kestra.plugin.core.trigger.Flow"


def around(*conditions: str, key: str = "conditions") -> str:
    """A flow with one trigger under these conditions."""
    listed = "".join(f"      - {condition}\n" for condition in conditions)
    trigger = f"triggers:\n  - id: t\n    type: {SCHEDULE}\n    cron: '@daily'\n    {key}:\n{listed}"
    return tasks(f"- {{id: a, type: {LOG}, message: x}}", trigger)


def gates(*conditions: str, **more: str) -> tuple[Any, ...]:
    """Its gates."""
    (found,) = flow(around(*conditions, **more)).triggers
    return found.gates


DATE = "(trigger.date)"
SAID: dict[str, list[tuple[str, Gate]]] = {
    "DateTimeBetween": [
        ("after: '2030-01-31T06:00:00Z'", f"{{{{ (({DATE} | timestampMilli) > ('2030-01-31T06:00:00Z' | timestampMilli)) }}}}"),
        (
            "after: '{{ vars.a ?? 1 }}', before: '2030-01-31T06:00:00Z'",
            f"{{{{ (({DATE} | timestampMilli) > ((vars.a ?? 1) | timestampMilli))"
            f" and (({DATE} | timestampMilli) < ('2030-01-31T06:00:00Z' | timestampMilli)) }}}}",
        ),
    ],
    "TimeBetween": [
        ("after: '06:00:00'", f"{{{{ (({DATE} | date('HH:mm:ss')) > '06:00:00') }}}}"),
        ("before: '06:00:00+02:00'", f"{{{{ (({DATE} | date('HH:mm:ss', timeZone='+02:00')) < '06:00:00') }}}}"),
        ("before: '{{ vars.b ?? 1 }}'", f"{{{{ (({DATE} | date('HH:mm:ss')) < (vars.b ?? 1)) }}}}"),
    ],
    "DayWeek": [
        ("dayOfWeek: MONDAY", f"{{{{ dayOfWeek({DATE}) == 'MONDAY' }}}}"),
        ("dayOfWeek: '{{ vars.d ?? 1 }}', date: '{{ now() }}'", "{{ dayOfWeek((now())) == (vars.d ?? 1) }}"),
    ],
    "DayWeekInMonth": [("dayOfWeek: MONDAY, dayInMonth: FIRST", f"{{{{ isDayWeekInMonth({DATE}, 'MONDAY', 'FIRST') }}}}")],
    "Weekend": [("description: x", f"{{{{ isWeekend({DATE}) }}}}"), ("date: '2030-01-31T06:00:00Z'", "{{ isWeekend('2030-01-31T06:00:00Z') }}")],
    "PublicHoliday": [
        ("description: x", f"{{{{ isPublicHoliday({DATE}, 'US') }}}}"),
        ("country: FR", f"{{{{ isPublicHoliday({DATE}, 'FR') }}}}"),
        ("country: NO", f"{{{{ isPublicHoliday({DATE}, 'NO') }}}}"),
        ("country: DE, subDivision: BY", f"{{{{ isPublicHoliday({DATE}, 'DE', 'BY') }}}}"),
        ("subDivision: NY", f"{{{{ isPublicHoliday({DATE}, 'US', 'NY') }}}}"),
    ],
    "Expression": [("expression: '{{ trigger.date }}'", "{{ trigger.date }}")],
    "ExecutionFlow": [("namespace: n, flowId: f", "{{ trigger.namespace == 'n' and trigger.flowId == 'f' }}")],
    "ExecutionNamespace": [
        ("namespace: n", "{{ trigger.namespace == 'n' }}"),
        ("namespace: n, comparison: EQUALS, prefix: true", "{{ trigger.namespace == 'n' }}"),
        ("namespace: n, comparison: PREFIX", "{{ trigger.namespace | startsWith('n') }}"),
        ("namespace: n, prefix: true", "{{ trigger.namespace | startsWith('n') }}"),
        ("namespace: n, comparison: SUFFIX", "{{ trigger.namespace | endsWith('n') }}"),
    ],
    "ExecutionStatus": [
        ("in: [FAILED, CANCELED]", "{{ (trigger.state isIn ['FAILED', 'CANCELLED']) }}"),
        ("in: [FAILED], notIn: [SUCCESS]", "{{ (trigger.state isIn ['FAILED']) and not (trigger.state isIn ['SUCCESS']) }}"),
    ],
    "ExecutionLabels": [
        ("labels: {a: b}", "{{ ((trigger.executionLabels['a'] ?? '') == 'b') }}"),
        ("labels: [{key: a, value: 1}]", "{{ ((trigger.executionLabels['a'] ?? '') == '1') }}"),
    ],
    "ExecutionOutputs": [("expression: '{{ trigger.outputs.a }}'", "{{ trigger.outputs.a }}")],
    "HasRetryAttempt": [("in: [FAILED], notIn: [KILLED]", HasAttempt((State.FAILED,), (State.KILLED,)))],
    "FlowCondition": [("namespace: n, flowId: f", "{{ flow.namespace == 'n' and flow.id == 'f' }}")],
    "FlowNamespaceCondition": [
        ("namespace: n", "{{ flow.namespace == 'n' }}"),
        ("namespace: n, prefix: true", "{{ flow.namespace | startsWith('n') }}"),
    ],
}
CASES = [(name, properties, gate) for name, rows in SAID.items() for properties, gate in rows]


@pytest.mark.parametrize(("name", "properties", "gate"), CASES)
def test_a_condition_is_one_expression(name, properties, gate):
    assert gates(f"{{type: {CORE}{name}, {properties}}}") == (gate,)


@pytest.mark.parametrize("gate", [gate for *_, gate in CASES if isinstance(gate, str)])
def test_the_expression_of_a_condition_can_be_read(gate):
    assert references(gate) is not None


@pytest.mark.parametrize(("newest", "old"), [(newest, old) for newest, names in condition_names().items() for old in names])
def test_a_condition_is_read_under_all_its_names(newest, old):
    more = {"Not": "conditions: [{type: %s}]", "Or": "conditions: [{type: %s}]", "MultipleCondition": "id: m, conditions: {a: {type: %s}}"}
    name = newest.removeprefix(CORE)
    properties = SAID[name][0][0] if name in SAID else more[name] % f"{CORE}Weekend"
    assert gates(f"{{type: {old}, {properties}}}") == gates(f"{{type: {newest}, {properties}}}")


def test_conditions_have_an_older_key_and_stand_beside_when():
    weekend = f"{{type: {CORE}Weekend}}"
    assert gates(weekend, key="scheduleConditions") == gates(weekend, key="conditions")
    text = around(weekend).replace("    conditions:", "    when: '{{ true }}'\n    conditions:")
    assert flow(text).triggers[0].gates == ("{{ true }}", f"{{{{ isWeekend({DATE}) }}}}")


def test_not_and_or_hold_others():
    inner = f"conditions: [{{type: {CORE}Weekend}}, {{type: {CORE}Or, conditions: [{{type: {CORE}PublicHoliday}}]}}]"
    weekend, holiday = f"{{{{ isWeekend({DATE}) }}}}", f"{{{{ isPublicHoliday({DATE}, 'US') }}}}"
    assert gates(f"{{type: {CORE}Not, {inner}}}") == (NoneOf((weekend, AnyOf((holiday,)))),)


def test_several_conditions_hold_within_a_window():
    one = f"conditions: {{a: {{type: {CORE}ExecutionFlow, namespace: n, flowId: f}}, b: {{type: {CORE}ExecutionStatus, in: [SUCCESS]}}}}"
    (old,) = gates(f"{{type: {CORE}MultipleCondition, id: m, window: P2D, windowAdvance: PT1H, {one}}}")
    (new,) = gates(f"{{type: {CORE}MultipleCondition, id: m, timeWindow: {{window: P2D, windowAdvance: PT1H}}, {one}}}")
    assert isinstance(old, Within)
    assert (old.id, [name for name, _ in old.gates], old.window.window, old.reset_on_success) == ("m", ["a", "b"], timedelta(days=2), True)
    assert (new.gates, new.window.window, new.window.window_advance) == (old.gates, old.window.window, old.window.window_advance)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("it's", '"it\'s"'),
        ('"', "'\"'"),
        ('it\'s "so"', "'it' ~ \"'\" ~ 's \"so\"'"),
        ("a-{{ flow.id }}", "render('a-{{ flow.id }}')"),
    ],
)
def test_any_text_can_be_compared_with(text, literal):
    written = text.replace("'", "''")
    assert gates(f"{{type: {CORE}ExecutionNamespace, namespace: '{written}'}}") == (f"{{{{ trigger.namespace == {literal} }}}}",)


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        ("weekend", "HG-0203 weekend"),
        ("{}", "HG-0202 {}"),
        ("{type: [a]}", "HG-0202 {type"),
        (f"{{type: {CORE}Weekday}}", f"HG-0220 {CORE}Weekday"),
        (f"{{type: {LOG}}}", f"HG-0220 {LOG}"),
        (f"{{type: {CORE}DayWeek}}", "HG-0202 {type"),
        (f"{{type: {CORE}DayWeek, dayOfWeek: Monday}}", "HG-0204 Monday"),
        (f"{{type: {CORE}DayWeek, dayOfWeek: MONDAY, day: x}}", "HG-0201 day"),
        (f"{{type: {CORE}DayWeekInMonth, dayOfWeek: MONDAY, dayInMonth: FIFTH}}", "HG-0204 FIFTH"),
        (f"{{type: {CORE}DateTimeBetween, after: tomorrow}}", "HG-0216 tomorrow"),
        (f"{{type: {CORE}TimeBetween, before: six}}", "HG-0216 six"),
        (f"{{type: {CORE}Expression}}", "HG-0202 {type"),
        (f"{{type: {CORE}ExecutionFlow, namespace: n}}", "HG-0202 {type"),
        (f"{{type: {CORE}ExecutionNamespace, namespace: n, comparison: LIKE}}", "HG-0204 LIKE"),
        (f"{{type: {CORE}ExecutionStatus, in: [DONE]}}", "HG-0204 DONE"),
        (f"{{type: {CORE}ExecutionStatus, in: FAILED}}", "HG-0203 FAILED"),
        (f"{{type: {CORE}ExecutionLabels, labels: [{{a: b}}]}}", "HG-0217 [{a: b}]"),
        (f"{{type: {CORE}HasRetryAttempt, in: [OFTEN]}}", "HG-0204 OFTEN"),
        (f"{{type: {CORE}Not, conditions: []}}", "HG-0204 []"),
        (f"{{type: {CORE}Or, conditions: [{{type: {CORE}DayWeek}}]}}", "HG-0202 {type"),
        (f"{{type: {CORE}MultipleCondition, conditions: {{a: {{type: {CORE}Weekend}}}}}}", "HG-0202 {type"),
        (f"{{type: {CORE}MultipleCondition, id: m, conditions: {{a: {{type: {CORE}Weeknd}}}}}}", f"HG-0220 {CORE}Weeknd"),
        (f"{{type: {CORE}MultipleCondition, id: m, timeWindow: {{type: SLIDING_WINDOW}}, conditions: {{a: {{type: {CORE}Weekend}}}}}}", "HG-0202 timeWindow"),
    ],
)
def test_a_wrong_condition_is_pointed_at(condition, refused):
    (found,) = refusals(around(condition))
    assert found.startswith(refused)
