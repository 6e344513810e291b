"""`subflow()` in a file: where it may stand, what it may name, and who would wait for it."""

from __future__ import annotations

from typing import Any

import pytest

from service.flows.flow_calls import may_call
from service.flows.plan_values import Use
from service.flows.resolve import resolve_inputs
from tests.flows.plans import log, named, planned, uses
from tests.flows.test_expression_checks import said
from tests.flows.world import LOG, RETURN, SCHEDULE, flow, tasks

CALL = "{{ subflow('dev', 'cities').outputs.names }}"
TASK = f"- {{id: a, type: {LOG}, message: hi}}"
ONLY = "`subflow()` works in the inputs of a flow only: nobody waits for its end here (a task that calls a flow is `io.kestra.plugin.core.flow.Subflow`)"


def inputs(*definitions: str) -> str:
    return "inputs:\n" + "".join(f"  - {each}\n" for each in definitions)


@pytest.mark.parametrize(
    "rest",
    [
        inputs(f'{{id: a, type: STRING, defaults: "{CALL}"}}'),
        inputs(f'{{id: a, type: SELECT, expression: "{CALL}"}}'),
        inputs("{id: b, type: STRING}", f'{{id: a, type: STRING, dependsOn: {{inputs: [b], condition: "{CALL}"}}}}'),
        inputs(f'{{id: a, type: FORM, inputs: [{{id: b, type: STRING, defaults: "{CALL}"}}]}}'),
        f'variables: {{a: "{CALL}"}}\n',
    ],
)
def test_inputs_and_their_variables_call_flows(rest: str):
    assert said(tasks(TASK, rest)) == []


@pytest.mark.parametrize(
    "text",
    [
        tasks(f'- {{id: a, type: {RETURN}, format: "{CALL}"}}'),
        tasks(f'- {{id: a, type: {LOG}, message: x, runIf: "{CALL}"}}'),
        tasks(TASK, f'outputs: [{{id: a, type: STRING, value: "{CALL}"}}]\n'),
        tasks(TASK, f'checks: [{{when: "{CALL}", message: x}}]\n'),
        tasks(TASK, f'triggers: [{{id: t, type: {SCHEDULE}, cron: "@daily", inputs: {{}}, labels: {{a: "{CALL}"}}}}]\n'),
        tasks(f'- {{id: a, type: io.kestra.plugin.core.flow.Pause, onResume: [{{id: a, type: STRING, defaults: "{CALL}"}}]}}'),
    ],
)
def test_nothing_else_does(text: str):
    assert said(text) == [f"error HG-0315: {ONLY}"]


def test_where_it_may_be_passed_over_it_may_go_well():
    assert said(tasks(f"- {{id: a, type: {LOG}, message: \"{{{{ vars is defined ? 1 : subflow('a', 'b') }}}}\"}}")) == [f"warning HG-0315: {ONLY}"]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("subflow('Dev', 'y')", "error HG-0212: no flow has the namespace `Dev`: it can't be one"),
        ("subflow(namespace='dev', id='y/z')", "error HG-0210: no flow has the id `y/z`: it can't be one"),
        (
            "subflow('dev', id='x')",
            "warning HG-0255: `subflow()` calls the flow that it stands in, whose inputs are then asked for again"
            " (give it what it would ask for, or call another flow)",
        ),
        ("subflow('dev')", "error HG-0301: in this expression: `subflow(namespace, id, inputs, revision, labels, timeout)` needs the argument `id`"),
    ],
)
def test_a_flow_that_there_can_not_be_is_told_by_its_name(call: str, wanted: str):
    assert said(tasks(TASK, inputs(f'{{id: a, type: JSON, defaults: "{{{{ {call} }}}}"}}'))) == [wanted]


@pytest.mark.parametrize("call", ["subflow(flow.namespace, 'y')", "subflow('dev', vars.y ?? 'x')", "subflow('other', 'x')", "subflow('dev', 'y', {'a': 1})"])
def test_a_name_that_is_computed_or_may_be_is_let_be(call: str):
    assert said(tasks(TASK, inputs(f'{{id: a, type: JSON, defaults: "{{{{ {call} }}}}"}}'))) == []


DEFAULT, SELECT = f'{{id: a, type: STRING, defaults: "{CALL}"}}', "id: a, type: SELECT, expression: \"{{ subflow (namespace=flow.namespace, id='y') }}\""
NOBODY = "warning HG-0403: the input `a` calls a flow, and where the trigger `t` starts this one nobody waits for it"


@pytest.mark.parametrize(
    ("definition", "given", "hint"),
    [
        (DEFAULT, "{}", "add `inputs: {a: …}` to the trigger"),
        (DEFAULT, "{a: x}", None),
        (f"{{{SELECT}, required: false}}", "{}", None),
        (f"{{{SELECT}, autoSelectFirst: true, required: false}}", "{}", "add `inputs: {a: …}` to the trigger"),
        (f"{{{SELECT}, defaults: x}}", "{}", "add `inputs: {a: …}` to the trigger"),
        (f"{{{SELECT}, defaults: x, allowCustomValue: true}}", "{}", None),
        (f"{{{SELECT}}}", "{a: x}", "let the input take other values than its choices (`allowCustomValue: true`)"),
        (f"{{{SELECT}, allowCustomValue: true}}", "{a: x}", None),
    ],
)
def test_a_trigger_is_told_of_that_nobody_waits_for(definition: str, given: str, hint: str | None):
    text = tasks(TASK, inputs(definition) + f"triggers: [{{id: t, type: {SCHEDULE}, cron: '@daily', inputs: {given}}}]\n")
    assert said(text) == ([f"{NOBODY} ({hint})"] if hint else [])


def test_the_choices_of_one_that_takes_other_values_are_for_people_alone():
    def render(value: Any, _: Any) -> Any:
        raise AssertionError(f"{value} is rendered")

    declared = flow(
        tasks(TASK, inputs(f"{{{SELECT}, allowCustomValue: true}}", "{id: b, type: MULTISELECT, expression: '{{ vars }}', allowCustomValue: true}"))
    ).inputs
    assert resolve_inputs(declared, {"a": "x", "b": ["y"]}, render) == ({"a": "x", "b": ["y"]}, [], [])


def test_a_plan_names_the_flows_that_inputs_call():
    caller = named("caller", log("a")) + inputs(DEFAULT, "{id: b, type: STRING, defaults: \"{{ subflow(flow.namespace, 'computed') }}\"}")
    [change] = planned([named("caller", log("a"))], [caller]).changes
    assert uses(change, Use.SUBFLOW) == [(None, "dev.cities")]
    [gone] = planned([caller, named("cities")], [caller]).changes
    assert [other.identity for other in gone.dependents] == [("dev", "caller")]


def test_a_text_that_may_call_flows_is_found_without_being_read():
    assert may_call("{{ subflow('a', 'b') }}")
    assert may_call("{{ subflow\n('a', 'b') }}")
    assert not may_call("type: io.kestra.plugin.core.flow.Subflow # subflows(…)")
