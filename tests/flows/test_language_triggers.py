"""What the language has for triggers: each spelling, each default, and what is refused where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.flows.flow import TriggerDef
from tests.flows.world import CATALOGUE, LOG, SCHEDULE, flow, lines, refusals, tasks

CORE = "io.kestra.plugin.core.trigger."
OLD = "io.kestra.core.models.triggers.types."
CRON = "cron: '@daily'"


def around(type: str, properties: str) -> str:
    """A flow with one trigger of this type."""
    return tasks(f"- {{id: a, type: {LOG}, message: x}}", f"triggers:\n  - {{id: t, type: {type if '.' in type else CORE + type}, {properties}}}\n")


def trigger(type: str, properties: str) -> TriggerDef:
    """That trigger."""
    (found,) = flow(around(type, properties)).triggers
    return found


def said(type: str, properties: str) -> Any:
    """What it says, under the names of YAML."""
    return trigger(type, properties).model.model_dump(by_alias=True, exclude_unset=True)


SPELT = {
    "Schedule": [
        ("Schedule", f"{CRON}, timezone: UTC, labels: {{a: b}}, scheduleConditions: []"),
        ("Schedule", f"{CRON}, timezone: UTC, labels: [{{key: a, value: b}}], conditions: []"),
        (f"{OLD}Schedule", f"{CRON}, timezone: UTC, labels: {{a: b}}"),
    ],
    "Webhook": [("Webhook", "key: '42', inputs: {a: 1}"), (f"{OLD}Webhook", "key: 42, inputs: {a: 1}")],
    "Flow": [
        ("Flow", "states: [CANCELLED, FAILED], preconditions: {id: p, flows: [{flowId: f, states: [CANCELLED], labels: {a: b}}]}"),
        (f"{OLD}Flow", "states: [CANCELED, FAILED], preconditions: {id: p, flows: [{flowId: f, states: [CANCELED], labels: [{key: a, value: b}]}]}"),
    ],
}


@pytest.mark.parametrize(("name", "spellings"), SPELT.items(), ids=SPELT)
def test_all_spellings_of_a_trigger_are_read_to_the_same(name, spellings):
    assert {trigger(*spelling).type for spelling in spellings} == {CORE + name}
    assert all(said(*spelling) == said(*spellings[0]) for spelling in spellings)


def test_every_old_name_of_a_trigger_is_in_that_table():
    old = {spelling for name in CATALOGUE.names("trigger") for spelling in CATALOGUE.spellings(name)[1:]}
    assert old == {type for spellings in SPELT.values() for type, _ in spellings if type.startswith(OLD)}


@pytest.mark.parametrize(
    ("properties", "name", "value"),
    [
        ("description: x", "description", "x"),
        ("when: '{{ true }}'", "when", "{{ true }}"),
        ("stopAfter: [FAILED, CANCELED]", "stop_after", ["FAILED", "CANCELLED"]),
        ("allowConcurrent: true", "allow_concurrent", True),
        ("failOnTriggerError: true", "fail_on_trigger_error", True),
        ("logLevel: WARN", "log_level", "WARN"),
        ("minLogLevel: WARN", "log_level", "WARN"),
        ("logToFile: true", "log_to_file", True),
        ("pluginDefaultsRef: fast", "plugin_defaults_ref", "fast"),
        ("policyRefs: [a]", "policy_refs", ["a"]),
    ],
)
def test_a_property_of_every_trigger_is_read(properties, name, value):
    assert getattr(trigger("Schedule", f"{CRON}, {properties}").common, name) == value


def test_what_a_trigger_does_not_say_has_its_default():
    found = trigger("Schedule", CRON)
    common = found.common
    assert (common.when, common.conditions, common.stop_after, common.log_level, common.worker_group, common.worker_selector) == (None,) * 6
    assert (common.allow_concurrent, common.fail_on_trigger_error, common.log_to_file, found.disabled, found.gates) == (False, False, False, False, ())
    assert (found.model.inputs, found.model.labels, found.model.timezone, found.model.late_maximum_delay) == (None,) * 4
    assert (found.model.recover_missed_schedules, found.model.with_seconds) == ("ALL", False)


@pytest.mark.parametrize(
    ("type", "properties", "defaults"),
    [
        ("ScheduleOnDates", "dates: []", {"timezone": None, "recover_missed_schedules": "ALL"}),
        ("Webhook", "key: x", {"wait": False, "return_outputs": False, "response_content_type": None, "response_code": None}),
        ("Flow", "description: x", {"states": None, "preconditions": None, "depends_on": None, "window": None, "mode": "ALL", "min_satisfied": None}),
        ("McpToolTrigger", "toolName: x", {"mcp_server": "default", "title": None, "tool_description": None, "annotations": None}),
    ],
)
def test_each_type_has_its_defaults(type, properties, defaults):
    model = trigger(type, properties).model
    assert {name: getattr(model, name) for name in defaults} == defaults


def test_defaults_of_preconditions():
    found = trigger("Flow", "preconditions: {id: p, timeWindow: {}, where: [{id: w, filters: [{field: STATE, type: IS_NULL}]}]}").model.preconditions
    assert (found.reset_on_success, found.time_window.type, found.time_window.window, found.where[0].operand) == (True, "DURATION_WINDOW", None, "AND")


@pytest.mark.parametrize(
    "window",
    [
        "{type: DURATION_WINDOW, window: P2D, windowAdvance: PT6H}",
        "{type: SLIDING_WINDOW, window: PT1H}",
        "{type: DAILY_TIME_DEADLINE, deadline: '06:00:00'}",
        "{type: DAILY_TIME_DEADLINE, deadline: '06:00:00+01:00'}",
        "{type: DAILY_TIME_WINDOW, startTime: '06:00:00', endTime: '09:00:00Z'}",
    ],
)
def test_time_windows_of_the_first_dialect_are_read(window):
    assert trigger("Flow", f"preconditions: {{id: p, timeWindow: {window}}}").model.preconditions.time_window.type in window


@pytest.mark.parametrize(
    "window",
    ["{deadline: '06:00:00'}", "{from: '06:00:00', to: '09:00:00'}", "{every: PT1H}", "{every: PT1H, offset: PT5M}", "{lookback: PT1H, fireOnce: true}"],
)
def test_windows_of_the_second_dialect_are_read(window):
    assert trigger("Flow", f"dependsOn: [{{flowId: f}}], window: {window}").model.window.fire_once is ("fireOnce" in window)


def test_dependencies_of_the_second_dialect_are_read():
    properties = "dependsOn: [{namespace: n, flowId: f, states: [SUCCESS], labels: {a: 1}, when: '{{ true }}'}, {flowId: g}], mode: AT_LEAST, minSatisfied: 1"
    found = trigger("Flow", f"{properties}, window: {{every: P1D}}, onMiss: {{labels: {{late: true}}}}").model
    first = found.depends_on[0]
    assert (first.namespace, first.flow_id, first.states, first.labels, first.when) == ("n", "f", ["SUCCESS"], {"a": "1"}, "{{ true }}")
    assert (found.mode, found.min_satisfied, found.window.every) == ("AT_LEAST", 1, timedelta(days=1))
    assert (found.on_miss.behavior, found.on_miss.labels) == ("FAIL", {"late": "true"})


@pytest.mark.parametrize(
    "condition",
    [
        "{field: NAMESPACE, type: IN, values: [a, b]}",
        "{field: FLOW_ID, type: REGEX, value: a.*}",
        "{field: EXPRESSION, type: IS_TRUE, value: '{{ true }}'}",
        "{field: STATE, type: IS_NOT_NULL}",
    ],
)
def test_filters_are_read(condition):
    assert trigger("Flow", f"preconditions: {{id: p, where: [{{id: w, operand: OR, filters: [{condition}]}}]}}").id == "t"


def test_dynamic_properties_of_triggers_take_expressions():
    assert trigger("ScheduleOnDates", "dates: '{{ vars.dates ?? [] }}'").model.dates == "{{ vars.dates ?? [] }}"
    assert trigger("ScheduleOnDates", "dates: ['{{ vars.date ?? 1 }}', '2030-01-31T06:00:00']").model.dates[1] == "2030-01-31T06:00:00"
    assert trigger("Webhook", "key: \"{{ secret('K') }}\", responseCode: '{{ 201 }}'").model.response_code == "{{ 201 }}"


@pytest.mark.parametrize(
    ("type", "properties", "refused"),
    [
        ("Schedule", "disabled: false", "HG-0202 {id: t"),
        ("Schedule", "cron: 0 6 * *", "HG-0401 0 6 * *"),
        ("Schedule", f"{CRON}, withSeconds: maybe", "HG-0203 maybe"),
        ("Schedule", f"{CRON}, timezone: Paris", "HG-0402 Paris"),
        ("Schedule", f"{CRON}, recoverMissedSchedules: SOME", "HG-0204 SOME"),
        ("Schedule", f"{CRON}, lateMaximumDelay: 5m", "HG-0205 5m"),
        ("Schedule", f"{CRON}, stopAfter: [BROKEN]", "HG-0204 BROKEN"),
        ("Schedule", f"{CRON}, stopAfter: FAILED", "HG-0203 FAILED"),
        ("Schedule", f"{CRON}, logLevel: LOUD", "HG-0204 LOUD"),
        ("Schedule", f"{CRON}, minLogLevel: WARN, logLevel: WARN", "HG-0104 minLogLevel"),
        ("Schedule", f"{CRON}, conditions: [], scheduleConditions: []", "HG-0104 scheduleConditions"),
        ("Schedule", f"{CRON}, labels: [a]", "HG-0217 [a]"),
        ("Schedule", f"{CRON}, inputs: [a]", "HG-0203 [a]"),
        ("Schedule", f"{CRON}, runIf: x", "HG-0201 runIf"),
        ("Schedule", f"{CRON}, interval: PT1M", "HG-0201 interval"),
        ("ScheduleOnDates", "timezone: UTC", "HG-0202 {id: t"),
        ("ScheduleOnDates", "dates: [tomorrow]", "HG-0216 tomorrow"),
        ("ScheduleOnDates", "dates: 2030-01-31", "HG-0203 2030-01-31"),
        ("Webhook", "wait: true", "HG-0202 {id: t"),
        ("Webhook", "key: ''", "HG-0204 ''"),
        ("Webhook", f"key: {'x' * 257}", "HG-0204 xxx"),
        ("Webhook", "key: x, responseContentType: text/html", "HG-0204 text/html"),
        ("Webhook", "key: x, responseCode: 42", "HG-0204 42"),
        ("Webhook", "key: x, responseCode: true", "HG-0203 true"),
        ("Flow", "states: [DONE]", "HG-0204 DONE"),
        ("Flow", "preconditions: {flows: []}", "HG-0202 preconditions"),
        ("Flow", "preconditions: {id: p, timeWindow: {type: SLIDING_WINDOW}}", "HG-0202 timeWindow"),
        ("Flow", "preconditions: {id: p, timeWindow: {type: DAILY_TIME_DEADLINE}}", "HG-0202 timeWindow"),
        ("Flow", "preconditions: {id: p, timeWindow: {type: DAILY_TIME_WINDOW, startTime: '06:00:00'}}", "HG-0202 timeWindow"),
        ("Flow", "preconditions: {id: p, timeWindow: {deadline: six}}", "HG-0216 six"),
        ("Flow", "preconditions: {id: p, timeWindow: {type: WEEKLY}}", "HG-0204 WEEKLY"),
        ("Flow", "preconditions: {id: p, where: [{id: w, filters: []}]}", "HG-0204 []"),
        ("Flow", "preconditions: {id: p, where: [{id: w, filters: [{field: STATE, type: IN}]}]}", "HG-0202 {field"),
        ("Flow", "preconditions: {id: p, where: [{id: w, filters: [{field: STATE, type: REGEX, values: [a]}]}]}", "HG-0202 {field"),
        ("Flow", "preconditions: {id: p, where: [{id: w, filters: [{field: EXPRESSION, type: IS_TRUE}]}]}", "HG-0202 {field"),
        ("Flow", "preconditions: {id: p, where: [{id: w, filters: [{field: STATES, type: IS_NULL}]}]}", "HG-0204 STATES"),
        ("Flow", "dependsOn: []", "HG-0204 []"),
        ("Flow", "dependsOn: [{flowId: f, state: [SUCCESS]}]", "HG-0201 state"),
        ("Flow", "dependsOn: [{flowId: f}], mode: SOME", "HG-0204 SOME"),
        ("Flow", "dependsOn: [{flowId: f}], mode: AT_LEAST", "HG-0202 {id: t"),
        ("Flow", "dependsOn: [{flowId: f}], minSatisfied: 1", "HG-0201 minSatisfied"),
        ("Flow", "dependsOn: [{flowId: f}], mode: AT_LEAST, minSatisfied: 2", "HG-0204 minSatisfied"),
        ("Flow", "dependsOn: [{flowId: f}], window: {}", "HG-0204 {}"),
        ("Flow", "dependsOn: [{flowId: f}], window: {from: '06:00:00'}", "HG-0202 window"),
        ("Flow", "dependsOn: [{flowId: f}], window: {offset: PT1M, lookback: PT1H}", "HG-0202 window"),
        ("Flow", "dependsOn: [{flowId: f}], window: {every: PT1H, lookback: PT1H}", "HG-0204 lookback"),
        ("Flow", "dependsOn: [{flowId: f}], onMiss: {behavior: CANCEL}", "HG-0204 CANCEL"),
        ("McpToolTrigger", "title: x", "HG-0202 {id: t"),
        ("McpToolTrigger", "toolName: a b", "HG-0204 a b"),
        ("McpToolTrigger", f"toolName: {'x' * 65}", "HG-0204 xxx"),
        ("McpToolTrigger", "toolName: x, annotations: {readonly: true}", "HG-0201 readonly"),
    ],
)
def test_a_wrong_trigger_is_pointed_at(type, properties, refused):
    found = refusals(around(type, properties))
    assert found
    assert found[0].startswith(refused)


def test_ids_of_triggers_are_unique_and_may_be_those_of_tasks():
    text = tasks(f"- {{id: a, type: {LOG}, message: x}}", f"triggers:\n  - {{id: a, type: {SCHEDULE}, {CRON}}}\n  - {{id: a, type: {SCHEDULE}, {CRON}}}\n")
    assert refusals(text) == ["HG-0213 a"]


def test_older_names_of_properties_of_triggers_are_said():
    found = [line for line in lines(around("Schedule", f"{CRON}, minLogLevel: WARN, scheduleConditions: []")) if "HG-0208" in line]
    assert [line.split("`")[1::2][:2] for line in found] == [["minLogLevel", "logLevel"], ["scheduleConditions", "conditions"]]


def test_who_calls_a_tool_gives_the_inputs():
    asking = around("McpToolTrigger", "toolName: add") + "inputs: [{id: a, type: INT}]\n"
    assert refusals(asking) == []
    assert refusals(asking.replace("McpToolTrigger, toolName: add", f"Schedule, {CRON}")) == [f"HG-0403 {{id: t, type: {SCHEDULE}, {CRON}}}"]
