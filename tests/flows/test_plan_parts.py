"""Triggers, inputs, what a flow uses and who depends on it: how they differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.flows.plan import plan
from service.flows.plan_expressions import named_in_text
from service.flows.plan_json import message
from service.flows.plan_values import Kind, Use, Weight
from tests.flows.plans import NOW, changed, log, named, planned, side, told, uses
from tests.flows.world import DOCKER, PROCESS, SCHEDULE, SHELL, flow, tasks

SUBFLOW = "io.kestra.plugin.core.flow.Subflow"

# triggers


def schedule(cron: str, more: str = "") -> str:
    return tasks(log("a"), f"triggers:\n  - {{id: s, type: {SCHEDULE}, cron: '{cron}'{more}}}\n")


def test_a_schedule_has_its_words_and_next_firings_on_both_sides():
    [trigger] = changed(schedule("0 6 * * *", ", timezone: Europe/Paris"), schedule("30 8 * * 1-5", ", timezone: Europe/Paris")).triggers
    assert (trigger.before.words, trigger.after.words) == ("at 06:00 every day", "at 08:30 on Monday to Friday")
    assert (trigger.before.timezone, trigger.after.timezone) == ("Europe/Paris", "Europe/Paris")
    assert [f"{firing:%m-%d %H:%M}" for firing in trigger.before.firings] == ["03-27 05:00", "03-28 05:00", "03-29 04:00", "03-30 04:00", "03-31 04:00"]
    assert [f"{firing:%m-%d %H:%M}" for firing in trigger.after.firings] == ["03-27 07:30", "03-30 06:30", "03-31 06:30", "04-01 06:30", "04-02 06:30"]


def test_another_time_zone_is_another_firing():
    [trigger] = changed(schedule("0 6 * * *"), schedule("0 6 * * *", ", timezone: Asia/Tokyo")).triggers
    assert [(found.path, found.before, found.after) for found in trigger.differences] == [("timezone", None, "Asia/Tokyo")]
    assert trigger.before.firings[0].hour == 6
    assert trigger.after.firings[0].hour == 21


def test_a_trigger_or_flow_that_is_turned_off_has_no_next_firings():
    for off in (schedule("0 6 * * *", ", disabled: true"), schedule("0 6 * * *") + "disabled: true\n"):
        [trigger] = changed(schedule("0 6 * * *"), off).triggers
        assert (trigger.before.off, len(trigger.before.firings), trigger.after.off, trigger.after.firings) == (False, 5, True, ())


def test_triggers_come_and_go_with_their_timetables():
    [trigger] = changed(tasks(log("a")), schedule("@hourly")).triggers
    assert (trigger.kind, trigger.before, trigger.after.words, len(trigger.after.firings)) == (Kind.ADDED, None, "every hour", 5)


def test_a_webhook_never_shows_its_key():
    def webhook(key: str) -> str:
        return tasks(log("a"), f'triggers:\n  - {{id: w, type: io.kestra.plugin.core.trigger.Webhook, key: "{key}"}}\n')

    change = changed(webhook("first-key"), webhook("other-key"))
    assert "-key" not in str(change)
    assert "danger: the key of the webhook `w` stands in the file: whoever can read it can start the flow" in told(change)
    assert told(changed(webhook("first-key"), webhook("{{ secret('HOOK') }}"))) == []


# inputs, outputs and the rest


def test_a_new_input_that_must_be_given_breaks_who_starts_the_flow():
    def with_inputs(lines: str) -> str:
        return tasks(log("a"), f"inputs:\n{lines}")

    one = "  - {id: day, type: DATE, defaults: 2026-01-01}\n"
    more = "  - {id: shop, type: STRING}\n  - {id: note, type: STRING, required: false}\n"
    change = changed(with_inputs(one), with_inputs(one + more))
    assert [(part.kind, part.id, part.breaking) for part in change.inputs] == [
        (Kind.ADDED, "shop", "it is required and has no default"),
        (Kind.ADDED, "note", None),
    ]
    assert told(change) == ["breaking: the input `shop` changes for all who start it: it is required and has no default"]


def test_an_input_that_loses_its_default_or_takes_another_type_breaks_too():
    before = tasks(log("a"), "inputs:\n  - {id: n, type: INT, defaults: 1}\n  - {id: t, type: STRING, defaults: x}\n")
    change = changed(before, tasks(log("a"), "inputs:\n  - {id: n, type: INT}\n  - {id: t, type: BOOL, defaults: true}\n"))
    assert [(part.id, part.breaking) for part in change.inputs] == [("n", "it is required and has no default"), ("t", "it takes another type of value")]


def test_callers_that_do_not_give_a_new_input_are_named():
    def caller(id: str, inputs: str) -> str:
        return named(id, f"- {{id: c, type: {SUBFLOW}, namespace: dev, flowId: called, inputs: {{{inputs}}}}}\n")

    before, after = named("called"), named("called") + "inputs:\n  - {id: shop, type: STRING}\n"
    others = [caller("good", "shop: x"), caller("bad", "")]
    [change] = planned([before, *others], [after, *others]).changes
    assert [(other.identity[1], other.how) for other in change.dependents] == [("bad", "calls"), ("good", "calls")]
    assert told(change) == ["breaking: the input `shop` changes for all who start it: it is required and has no default; `dev.bad` does not give it"]


def test_a_secret_input_hides_its_default():
    text = tasks(log("a"), "inputs:\n  - {id: k, type: SECRET, defaults: 'swordfish'}\n")
    assert "swordfish" not in str(changed(tasks(log("a")), text))


def test_outputs_labels_variables_and_policies_are_compared():
    before = tasks(log("a"), "labels: {team: data}\nconcurrency: {limit: 1}\nretry: {type: constant, interval: PT5M}\n")
    rest = "labels: {team: core}\nvariables: {shop: {city: Oslo}}\nconcurrency: {limit: 2}\nretry: {type: constant, interval: PT300S, maxAttempts: 3}\n"
    change = changed(before, tasks(log("a"), rest + "outputs:\n  - {id: o, type: STRING, value: '{{ vars.shop }}'}\n"))
    assert [(found.path, found.before, found.after) for found in change.settings] == [
        ("concurrency.limit", "1", "2"),
        ("labels.team", "data", "core"),
        ("retry.maxAttempts", None, "3"),
        ("variables.shop.city", None, "Oslo"),
    ]
    assert [(part.kind, part.id) for part in change.outputs] == [(Kind.ADDED, "o")]


# what a flow uses


def test_secrets_are_named_wherever_expressions_stand():
    before = tasks(log("a", '{{ secret("OLD") }}'))
    after = tasks(
        log("a", '{{ secret("NEW") ~ secret("DB", subkey="user") }}'), 'variables: {x: "{{ secret(inputs.which) }}"}\ninputs: [{id: which, type: STRING}]\n'
    )
    assert uses(changed(before, after), Use.SECRET) == [(None, "DB"), (None, "NEW"), (None, "secret(inputs.which)"), ("OLD", None)]


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{ secret('A') }}", ["A"]),
        ("{{ secret( key = 'A', namespace='other') }}", ["A"]),
        ("{{ render(\"{{ secret('A') }}\") }}", ["A"]),
        ("{{ secret('A' ~ inputs.x) | upper }}", ["secret('A' ~ inputs.x)"]),
        ("\n\n  {{ secret(\n inputs.x) }}", ["secret( inputs.x)"]),
        ("{{ secret(", []),
        ("secret('A')", []),
    ],
)
def test_the_name_of_a_secret_is_read_from_its_call(template, names):
    assert [name for _, name in named_in_text(template)] == names


def test_an_image_that_gets_a_digest_is_one_change():
    def shell(image: str) -> str:
        return tasks(
            f"- {{id: a, type: {SHELL}, commands: [ls], containerImage: '{image}'}}\n- {{id: b, type: {SHELL}, commands: [ls], containerImage: '{image}'}}\n"
        )

    digest = f"alpine:3.20@sha256:{'a' * 64}"
    change = changed(shell("alpine:3.20"), shell(digest))
    assert [(use.before, use.after, use.tasks) for use in change.uses] == [("alpine:3.20", digest, ("a", "b"))]


def test_the_old_form_of_an_image_is_the_same_image():
    old = tasks(f"- {{id: a, type: {SHELL}, commands: [ls], runner: DOCKER, docker: {{image: alpine}}}}\n")
    new = tasks(f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{type: {DOCKER}}}, containerImage: alpine}}\n")
    assert changed(old, new).kind is Kind.TEXT


def test_leaving_the_container_is_dangerous_and_so_is_what_reaches_past_it():
    def shell(runner: str) -> str:
        return tasks(f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{{runner}}}}}\n")

    change = changed(shell(f"type: {DOCKER}"), shell(f"type: {PROCESS}"))
    assert told(change) == ["danger: `a` no longer has to run in a container: on the runner's host, as `Process`"]
    assert uses(change, Use.RUNNER) == [("Docker", "Process")]
    change = changed(shell(f"type: {DOCKER}"), shell(f"type: {DOCKER}, privileged: true, networkMode: host"))
    assert told(change) == ["danger: `networkMode` of `a` reaches past the container", "danger: `privileged` of `a` reaches past the container"]
    assert told(changed(shell(f"type: {DOCKER}, privileged: true"), shell(f"type: {DOCKER}"))) == []


def test_flows_that_are_called_are_told_with_their_namespace():
    call = f"- {{id: c, type: {SUBFLOW}, namespace: 'NS', flowId: other}}\n"
    change = changed(named("a"), named("a", call.replace("NS", "{{ flow.namespace }}") + call.replace("id: c", "id: d").replace("NS", "prod.billing")))
    assert uses(change, Use.SUBFLOW) == [(None, "dev.other"), (None, "prod.billing.other")]
    assert uses(change, Use.NAMESPACE) == [(None, "prod.billing")]


def test_keys_that_tasks_set_are_told():
    before, after = flow(tasks(log("a"))), flow(tasks(log("a") + log("b")))
    setting = replace(after.tree.branches["tasks"][1], type="io.kestra.plugin.core.kv.Set", spec={"key": "last_run", "value": 1})
    tree = replace(after.tree, branches={"tasks": (after.tree.branches["tasks"][0], setting)})
    [change] = plan(side([before]), side([replace(after, tree=tree)]), NOW).changes
    assert uses(change, Use.KV_WRITTEN) == [(None, "last_run")]


# who depends on it


def test_a_flow_that_goes_is_missed_by_those_who_call_or_watch_it():
    watching = """\
triggers:
  - id: w
    type: io.kestra.plugin.core.trigger.Flow
    preconditions: {id: p, flows: [{namespace: dev, flowId: called}]}
"""
    older = """\
triggers:
  - id: w
    type: io.kestra.plugin.core.trigger.Flow
    conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlowCondition, namespace: dev, flowId: called}]
"""
    others = [named("caller", f"- {{id: c, type: {SUBFLOW}, namespace: dev, flowId: called}}\n"), named("w1") + watching, named("w2") + older]
    [change] = planned([named("called", log("z", "only here")), *others], others).changes
    assert [(other.identity[1], other.how) for other in change.dependents] == [("caller", "calls"), ("w1", "watches"), ("w2", "watches")]
    assert told(change) == ["breaking: it is removed, but `dev.caller`, `dev.w1`, `dev.w2` still depend on it"]


def test_what_this_version_begins_to_refuse_is_told():
    change = changed(named("a"), named("a") + "policyRefs: [a]\n")
    assert [(notice.weight, message(notice)) for notice in change.notices] == [
        (Weight.BREAKING, "no execution of it is started: `policyRefs`, at 5:1, is not run by this version")
    ]
