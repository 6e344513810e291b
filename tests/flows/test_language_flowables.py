"""What the language has for groups of tasks: each spelling, each default, and what is refused where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.program import Node
from tests.flows.world import CATALOGUE, LOG, flow, lines, refusals, tasks

CORE = "io.kestra.plugin.core.flow."
OLD = "io.kestra.core.tasks.flows."
INNER = f"tasks: [{{id: b, type: {LOG}, message: x}}]"
THEN = f"then: [{{id: b, type: {LOG}, message: x}}]"
GRAPH = f"tasks: [{{task: {{id: b, type: {LOG}, message: x}}}}]"
SUB = "namespace: n, flowId: f"


def around(type: str, properties: str) -> str:
    """A flow with one task of this type."""
    return tasks(f"- {{id: a, type: {type if '.' in type else CORE + type}, {properties}}}")


def node(type: str, properties: str) -> Node:
    """The node of that task."""
    (found,) = flow(around(type, properties)).tree.branches["tasks"]
    return found


def said(type: str, properties: str) -> Any:
    """What it says beside its tasks, under the names of YAML."""
    return node(type, properties).model.model_dump(by_alias=True, exclude_unset=True)


SPELT = {
    "Sequential": [("Sequential", INNER), (f"{OLD}Sequential", INNER)],
    "Parallel": [("Parallel", f"concurrent: 2, {INNER}"), (f"{OLD}Parallel", f"concurrent: '2', {INNER}")],
    "Dag": [("Dag", f"concurrent: 2, {GRAPH}"), (f"{OLD}Dag", f"concurrent: 2, {GRAPH}")],
    "AllowFailure": [("AllowFailure", INNER), (f"{OLD}AllowFailure", INNER)],
    "If": [
        ("If", f"condition: true, {THEN}"),
        (f"{OLD}If", f"condition: 'true', {THEN}"),
    ],
    "Switch": [("Switch", "value: 1, cases: {p: []}"), (f"{OLD}Switch", "value: '1', cases: {p: []}")],
    "ForEach": [
        ("ForEach", f"values: [a, 1], concurrencyLimit: 1, {INNER}"),
        ("ForEach", f"values: '[\"a\", 1]', concurrencyLimit: '1', {INNER}"),
        ("EachSequential", f"value: [a, 1], {INNER}"),
        ("EachSequential", f"values: [a, 1], {INNER}"),
        (f"{OLD}EachSequential", f"value: '[\"a\", 1]', {INNER}"),
    ],
    "EachParallel": [("EachParallel", f"value: [a], concurrent: 2, {INNER}"), (f"{OLD}EachParallel", f"value: '[\"a\"]', concurrent: 2, {INNER}")],
    "ForEachItem": [
        ("ForEachItem", f"items: '{{{{ inputs.f ?? 1 }}}}', {SUB}, batch: {{rows: 2}}, labels: {{a: b}}"),
        (f"{OLD}ForEachItem", f"items: '{{{{ inputs.f ?? 1 }}}}', {SUB}, batch: {{rows: '2'}}, labels: [{{key: a, value: b}}]"),
    ],
    "LoopUntil": [
        ("LoopUntil", f"condition: 'x', checkFrequency: {{interval: PT1M, maxIterations: 3}}, {INNER}"),
        ("WaitFor", f"condition: x, checkFrequency: {{interval: PT60S, maxIterations: 3}}, {INNER}"),
        (f"{OLD}WaitFor", f"condition: x, checkFrequency: {{interval: PT60S, maxIterations: 3}}, {INNER}"),
    ],
    "Pause": [("Pause", "pauseDuration: PT1M, behavior: FAIL"), ("Pause", "delay: PT60S, behavior: FAIL"), (f"{OLD}Pause", "delay: PT1M, behavior: FAIL")],
    "Subflow": [
        ("Subflow", f"{SUB}, revision: 2, inputs: {{a: 1}}, labels: {{a: '1'}}"),
        ("Flow", f"{SUB}, revision: '2', inputs: '{{\"a\": 1}}', labels: [{{key: a, value: 1}}]"),
        (f"{OLD}Subflow", f'{SUB}, revision: 2, inputs: {{a: 1}}, labels: \'[{{"key": "a", "value": 1}}]\''),
        (f"{OLD}Flow", f"{SUB}, revision: 2, inputs: {{a: 1}}, labels: {{a: 1}}"),
    ],
    "Template": [("Template", "namespace: n, templateId: t, args: {a: 1}"), (f"{OLD}Template", "namespace: n, templateId: t, args: '{\"a\": 1}'")],
    "WorkingDirectory": [
        ("WorkingDirectory", f"inputFiles: {{a: b}}, outputFiles: [c], {INNER}"),
        (f"{OLD}WorkingDirectory", f'inputFiles: \'{{"a": "b"}}\', outputFiles: \'["c"]\', {INNER}'),
        (f"{OLD}Worker", f"inputFiles: {{a: b}}, outputFiles: [c], {INNER}"),
    ],
}


@pytest.mark.parametrize(("name", "spellings"), SPELT.items(), ids=SPELT)
def test_all_spellings_of_a_group_are_read_to_the_same(name, spellings):
    read = [(node(*spelling), said(*spelling)) for spelling in spellings]
    assert {found.type for found, _ in read} == {CORE + name}
    assert all((properties, list(found.branches)) == (read[0][1], list(read[0][0].branches)) for found, properties in read)


def test_every_old_name_of_a_group_is_in_that_table():
    old = {spelling for name in CATALOGUE.names("task") for spelling in CATALOGUE.spellings(name)[1:] if name.startswith(CORE) and "Sleep" not in name}
    assert old == {type if "." in type else CORE + type for spellings in SPELT.values() for type, _ in spellings} & old


@pytest.mark.parametrize(
    ("type", "properties", "defaults"),
    [
        ("Parallel", INNER, {"concurrent": 0}),
        ("Dag", GRAPH, {"concurrent": 0}),
        ("ForEach", f"values: [], {INNER}", {"concurrency_limit": 1}),
        ("EachParallel", f"value: [], {INNER}", {"concurrent": 0}),
        ("Loop", f"values: [], {INNER}", {"concurrency_limit": 0, "transmit_failed": True, "fetch_type": "AUTO", "outputs": None, "break_when": None}),
        ("LoopUntil", f"condition: x, {INNER}", {"fail_on_max_reached": False}),
        ("Pause", "description: x", {"pause_duration": None, "behavior": "RESUME", "on_resume": None}),
        ("Approval", "description: x", {"approve_behavior": "CONTINUE", "deny_behavior": "CANCEL", "expire_behavior": "CANCEL", "comment_required": False}),
        (
            "Subflow",
            SUB,
            {"wait": True, "transmit_failed": True, "inherit_labels": False, "revision": None, "restart_behavior": "RETRY_FAILED", "schedule_date": None},
        ),
        ("ForEachItem", f"items: x, {SUB}", {"wait": True, "transmit_failed": True, "inherit_labels": False, "restart_behavior": "RETRY_FAILED"}),
        ("WorkingDirectory", INNER, {"namespace_files": None, "cache": None}),
    ],
)
def test_what_a_group_does_not_say_has_its_default(type, properties, defaults):
    model = node(type, properties).model
    assert {name: getattr(model, name) for name in defaults} == defaults


def test_defaults_of_parts():
    often = node("LoopUntil", f"condition: x, {INNER}").model.check_frequency
    assert (often.interval, often.max_iterations, often.max_duration) == (timedelta(minutes=1), None, None)
    batch = node("ForEachItem", f"items: x, {SUB}").model.batch
    assert (batch.rows, batch.bytes, batch.partitions, batch.separator, batch.regex_pattern) == (None, None, None, "\n", None)
    files = node("WorkingDirectory", f"namespaceFiles: {{include: [a]}}, {INNER}").model.namespace_files
    assert (files.enabled, files.include, files.if_exists, files.folder_per_namespace) == (True, ["a"], "OVERWRITE", False)


@pytest.mark.parametrize(
    ("type", "properties"),
    [
        ("Parallel", f"concurrent: '{{{{ 1 + 1 }}}}', {INNER}"),
        ("ForEach", f"values: '{{{{ [1, 2] }}}}', concurrencyLimit: '{{{{ 2 }}}}', {INNER}"),
        ("EachSequential", f"value: '{{{{ [1, 2] }}}}', {INNER}"),
        ("EachParallel", f"value: '{{{{ [1, 2] }}}}', concurrent: '{{{{ 2 }}}}', {INNER}"),
        ("Loop", f"values: '{{{{ [1, 2] }}}}', concurrencyLimit: '{{{{ 2 }}}}', transmitFailed: '{{{{ true }}}}', fetchType: '{{{{ labels.x }}}}', {INNER}"),
        ("Loop", f"values: {{a: 1}}, {INNER}"),
        ("Loop", f"values: '{{\"a\": 1}}', {INNER}"),
        ("Loop", f"values: kestra:///a/b.ion, {INNER}"),
        ("LoopUntil", f"condition: '{{{{ true }}}}', checkFrequency: {{interval: '{{{{ labels.x }}}}', maxIterations: '{{{{ 3 }}}}'}}, {INNER}"),
        ("Pause", "pauseDuration: '{{ labels.x }}', behavior: '{{ labels.x }}', timeout: PT1H"),
        ("Approval", "due: PT1H, commentRequired: '{{ labels.x }}', autoApprove: true"),
        ("Approval", "due: '2030-01-31T06:00:00Z'"),
        ("Approval", "expiry: '{{ labels.x }}', inputs: [{id: a, type: BOOL}], decisions: {approve: y}"),
        (
            "Subflow",
            f"{SUB}, revision: '{{{{ 1 }}}}', inputs: '{{{{ envs }}}}', labels: '{{{{ envs }}}}', wait: '{{{{ envs }}}}', scheduleDate: '{{{{ vars }}}}'",
        ),
        ("Subflow", f"{SUB}, scheduleDate: '2030-01-31T06:00:00+01:00', outputs: {{a: b}}"),
        ("ForEachItem", f"items: x, {SUB}, batch: {{bytes: 10MB}}"),
        ("WorkingDirectory", f"namespaceFiles: true, cache: {{patterns: [a], ttl: '{{{{ labels.x }}}}'}}, {INNER}"),
        ("Template", f"namespace: n, templateId: t, errors: [{{id: e, type: {LOG}, message: x}}]"),
    ],
)
def test_dynamic_properties_take_literals_and_expressions(type, properties):
    assert node(type, properties).id == "a"


def test_branches_keep_their_names_in_the_order_of_the_class():
    one = f"{{id: %s, type: {LOG}, message: x}}"
    listed = {name: f"{name}: [{one % name}]" for name in ("then", "else", "errors", "finally", "defaults", "onWait", "onApprove", "onDeny")}
    assert list(node("If", f"condition: x, {listed['finally']}, {listed['else']}, {listed['then']}, {listed['errors']}").branches) == [
        *("then", "else", "errors", "finally")
    ]
    cases = f"cases: {{p: [{one % 'c1'}], q: [{one % 'c2'}]}}"
    assert list(node("Switch", f"value: x, {listed['defaults']}, {cases}").branches) == ["cases.p", "cases.q", "defaults"]
    assert list(node("Approval", f"{listed['onDeny']}, {listed['onApprove']}, {listed['onWait']}").branches) == ["onWait", "onApprove", "onDeny"]
    assert list(node("Pause", f"onPause: {one % 'p'}, tasks: [{one % 't'}]").branches) == ["onPause", "tasks"]
    (first, second) = node("Dag", f"tasks: [{{task: {one % 'd1'}}}, {{task: {one % 'd2'}, dependsOn: [d1]}}]").branches["tasks"]
    assert (first.depends_on, second.depends_on) == ((), ("d1",))


def test_inputs_that_a_task_asks_for_are_those_of_flows():
    asked = node("Pause", "onResume: [{name: why, type: ENUM, values: [a]}, {id: f, type: FORM, inputs: [{id: n, type: INT, defaults: 3}]}]").model.on_resume
    assert [(found.id, found.type) for found in asked] == [("why", "ENUM"), ("f.n", "INT")]
    assert asked[1].parse("4") == 4
    assert [found.id for found in node("Approval", "inputs: [{id: a, type: DATE}]").model.inputs] == ["a"]


def test_outputs_of_iterations_are_those_of_flows():
    (found,) = node("Loop", f"values: [], outputs: [{{id: o, type: INT, value: '{{{{ 1 }}}}'}}], {INNER}").model.outputs
    assert (found.id, found.type, found.required) == ("o", "INT", True)


@pytest.mark.parametrize(
    ("type", "properties", "refused"),
    [
        ("Sequential", f"concurrent: 2, {INNER}", "HG-0201 concurrent"),
        ("Parallel", f"concurrent: -1, {INNER}", "HG-0204 -1"),
        ("Parallel", f"concurrent: many, {INNER}", "HG-0203 many"),
        ("Parallel", f"concurrent: true, {INNER}", "HG-0203 true"),
        ("Dag", INNER, "HG-0202 {id: b"),
        ("Dag", f"tasks: [{{task: {{id: b, type: {LOG}, message: x}}, dependsOn: c}}]", "HG-0203 c"),
        ("Dag", f"tasks: [{{task: {{id: b, type: {LOG}, message: x}}, dependson: [c]}}]", "HG-0201 dependson"),
        ("If", THEN, "HG-0202 {id: a"),
        ("If", "condition: x", "HG-0202 {id: a"),
        ("If", "condition: x, then: []", "HG-0204 then"),
        ("If", f"condition: x, then: {{id: b, type: {LOG}, message: x}}", "HG-0203 {id: b"),
        ("Switch", "cases: {}", "HG-0202 {id: a"),
        ("Switch", "value: x, cases: [a]", "HG-0203 [a]"),
        ("Switch", "value: x, cases: {p: []}, default: []", "HG-0201 default"),
        ("ForEach", INNER, "HG-0202 {id: a"),
        ("ForEach", f"values: a b, {INNER}", "HG-0203 a b"),
        ("ForEach", f"values: {{a: 1}}, {INNER}", "HG-0203 {a: 1}"),
        ("ForEach", f"values: '{{\"a\": 1}}', {INNER}", "HG-0203 '{"),
        ("ForEach", f"value: [a], {INNER}", "HG-0201 value"),
        ("EachSequential", f"value: [a], concurrencyLimit: 3, {INNER}", "HG-0201 concurrencyLimit"),
        ("EachParallel", f"values: [a], {INNER}", "HG-0201 values"),
        ("ForEachItem", f"{SUB}", "HG-0202 {id: a"),
        ("ForEachItem", f"items: x, {SUB}, batch: {{rows: 0}}", "HG-0204 0"),
        ("ForEachItem", f"items: x, {SUB}, restartBehavior: AGAIN", "HG-0204 AGAIN"),
        ("Loop", f"values: a b, {INNER}", "HG-0203 a b"),
        ("Loop", f"values: [], outputs: [{{id: o, type: STRNG, value: x}}], {INNER}", "HG-0220 STRNG"),
        ("Loop", f"values: [], outputs: [{{id: o, type: STRING}}], {INNER}", "HG-0202 {id: o"),
        ("Loop", f"values: [], fetchType: SAVE, {INNER}", "HG-0204 SAVE"),
        ("LoopUntil", INNER, "HG-0202 {id: a"),
        ("LoopUntil", f"condition: x, checkFrequency: {{maxIterations: 0}}, {INNER}", "HG-0204 0"),
        ("LoopUntil", f"condition: x, checkFrequency: {{interval: 1m}}, {INNER}", "HG-0205 1m"),
        ("Pause", "pauseDuration: PT1M, delay: PT1M", "HG-0104 delay"),
        ("Pause", "behavior: STOP", "HG-0204 STOP"),
        ("Pause", "onResume: [{id: a, type: TEXT}]", "HG-0220 TEXT"),
        ("Pause", "onResume: [{type: INT}]", "HG-0202 {type: INT}"),
        ("Pause", "onResume: [{id: a, type: INT, defaults: x}]", "HG-0410 x"),
        ("Pause", "onResume: {a: b}", "HG-0203 {a: b}"),
        ("Pause", f"onPause: [{{id: b, type: {LOG}, message: x}}]", "HG-0203 [{id: b"),
        ("Approval", "inputs: [{id: a, type: INT}, {id: a, type: INT}]", "HG-0213 a"),
        ("Approval", "due: tomorrow", "HG-0216 tomorrow"),
        ("Approval", "due: P1M", "HG-0205 P1M"),
        ("Approval", "denyBehavior: IGNORE", "HG-0204 IGNORE"),
        ("Approval", "decisions: {aprove: x}", "HG-0201 aprove"),
        ("Subflow", "flowId: f", "HG-0202 {id: a"),
        ("Subflow", f"{SUB}, errors: []", "HG-0201 errors"),
        ("Subflow", f"{SUB}, revision: 0", "HG-0204 0"),
        ("Subflow", f"{SUB}, inputs: [a]", "HG-0203 [a]"),
        ("Subflow", f"{SUB}, labels: [a]", "HG-0217 [a]"),
        ("Subflow", f"{SUB}, scheduleDate: tomorrow", "HG-0216 tomorrow"),
        ("WorkingDirectory", f"tasks: [{{id: g, type: {CORE}Sequential, {INNER}}}]", f"HG-0254 {CORE}Sequential"),
        ("WorkingDirectory", f"namespaceFiles: {{ifExists: SKIP}}, {INNER}", "HG-0204 SKIP"),
        ("WorkingDirectory", f"cache: {{ttl: PT1H}}, {INNER}", "HG-0202 cache"),
        ("Template", "namespace: n", "HG-0202 {id: a"),
    ],
)
def test_a_wrong_group_is_pointed_at(type, properties, refused):
    found = refusals(around(type, properties))
    assert found
    assert found[0].startswith(refused)


def test_an_old_type_says_which_of_its_properties_are_called_otherwise_now():
    (line,) = [line for line in lines(around("EachSequential", f"value: [a], {INNER}")) if "HG-0222" in line]
    assert line.endswith(f"is an old name of `{CORE}ForEach` (write `{CORE}ForEach`, and `values` for `value`)")


def test_expressions_over_another_flow_are_not_looked_for_in_this_one():
    assert refusals(around("Subflow", f"{SUB}, outputs: {{sum: '{{{{ outputs.add.value }}}}'}}")) == []
    assert refusals(around("Subflow", f"{SUB}, inputs: {{sum: '{{{{ outputs.add.value }}}}'}}")) == ["HG-0303 outputs.add"]


def test_what_a_task_asks_for_and_is_not_taken_yet_keeps_the_flow_from_being_started_too():
    text = tasks(f"- {{id: a, type: {CORE}Pause, disabled: true, onResume: [{{id: f, type: FILE}}]}}")
    assert "the input type `FILE`" in (flow(text).refusal() or "")
