"""Two sets of flows, and what differs between them in meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.flows.flow import Flow
from service.flows.plan import plan
from service.flows.plan_expressions import named_in_text
from service.flows.plan_json import as_json, message
from service.flows.plan_values import FlowChange, Identity, Kind, Plan, Side, Use, Weight
from tests.flows.world import DOCKER, LOG, PROCESS, SCHEDULE, SEQUENTIAL, SHELL, flow, tasks

NOW = datetime(2026, 3, 27, tzinfo=UTC)
SUBFLOW = "io.kestra.plugin.core.flow.Subflow"


def side(flows: Iterable[Flow], paths: dict[Identity, str] | None = None, unread: dict[Identity, str] | None = None) -> Side:
    return Side({(found.namespace, found.id): found for found in flows}, paths or {}, unread or {})


def planned(before: Iterable[str], after: Iterable[str]) -> Plan:
    """The plan of flow texts."""
    return plan(side(map(flow, before)), side(map(flow, after)), NOW)


def changed(before: str, after: str) -> FlowChange:
    """The one flow that differs."""
    [change] = planned([before], [after]).changes
    return change


def log(id: str, message: str = "hi", more: str = "") -> str:
    return f"- {{id: {id}, type: {LOG}, message: '{message}'{more}}}\n"


def named(id: str, body: str = "", namespace: str = "dev") -> str:
    """A flow of another name."""
    return tasks(body or log("a")).replace("id: x", f"id: {id}", 1).replace("namespace: dev", f"namespace: {namespace}", 1)


def properties(change: FlowChange, id: str) -> list[tuple[str, str | None, str | None]]:
    """Path, before and after of each property of a task that differs."""
    [task] = [task for task in change.tasks if task.after and task.after.id == id]
    return [(found.path, found.before, found.after) for found in task.differences]


def uses(change: FlowChange, use: Use) -> list[tuple[str | None, str | None]]:
    return [(found.before, found.after) for found in change.uses if found.use is use]


def told(change: FlowChange) -> list[str]:
    return [f"{notice.weight}: {message(notice)}" for notice in change.notices]


# flows


def test_equal_sets_have_no_plan():
    found = planned([named("a"), named("b")], [named("a"), named("b")])
    assert (found.changes, found.unchanged) == ((), 2)


def test_flows_come_and_go():
    found = planned([named("a"), named("gone", log("old", "bye"))], [named("a"), named("new", log("other", "x") + log("more"))])
    assert [(change.kind, change.identity) for change in found.changes] == [(Kind.REMOVED, ("dev", "gone")), (Kind.ADDED, ("dev", "new"))]
    assert [task.after.id for task in found.of(Kind.ADDED)[0].tasks if task.after] == ["other", "more"]
    assert found.unchanged == 1


def test_a_flow_under_another_name_is_one_flow():
    found = planned([named("a", log("one") + log("two"))], [named("b", log("one") + log("two", "other"), "prod")])
    assert [(change.kind, change.was, change.identity) for change in found.changes] == [(Kind.RENAMED, ("dev", "a"), ("prod", "b"))]
    assert properties(found.changes[0], "two") == [("message", "hi", "other")]


def test_flows_that_are_not_alike_are_two():
    found = planned([named("a", log("one", "x"))], [named("b", log("one", "y"))])
    assert {change.kind for change in found.changes} == {Kind.ADDED, Kind.REMOVED}


def test_a_namespace_that_is_renamed_pairs_flows_of_one_id():
    names = [f"f{number}" for number in range(40)]
    found = planned([named(name, namespace="old") for name in names], [named(name, namespace="new") for name in names])
    assert {(change.was, change.identity) for change in found.changes} == {(("old", name), ("new", name)) for name in names}


def test_the_same_file_says_that_a_flow_was_renamed():
    one, other = flow(named("a", log("one", "x") + log("two", "y"))), flow(named("b", log("one", "x") + log("two", "z") + log("three", "y")))
    before, after = side([one]), side([other])
    assert {change.kind for change in plan(before, after, NOW).changes} == {Kind.ADDED, Kind.REMOVED}
    paths = replace(before, paths={("dev", "a"): "f.yml"}), replace(after, paths={("dev", "b"): "f.yml"})
    assert [change.kind for change in plan(*paths, NOW).changes] == [Kind.RENAMED]


def test_a_moved_file_keeps_its_flow():
    found = flow(named("a"))
    [change] = plan(side([found], {("dev", "a"): "one.yml"}), side([found], {("dev", "a"): "two/one.yml"}), NOW).changes
    assert (change.kind, change.path_before, change.path_after, change.moved) == (Kind.MOVED, "one.yml", "two/one.yml", True)


def test_comments_and_the_order_of_keys_are_text_only():
    change = changed(named("a"), "# what it does\nnamespace: dev\nid: a\n" + named("a").partition("namespace: dev\n")[2])
    assert (change.kind, change.without_effect) == (Kind.TEXT, ())


def test_what_has_no_effect_is_named():
    change = changed(named("a"), named("a") + "extend: {owner: [ops]}\n")
    assert (change.kind, change.without_effect) == (Kind.TEXT, ("extend.owner",))


def test_an_older_spelling_of_the_same_has_no_effect():
    old = named("a").replace(LOG, "io.kestra.core.tasks.log.Log")
    assert changed(old, named("a")).kind is Kind.TEXT


def test_a_file_that_is_wrong_keeps_what_was_read_last():
    known = flow(named("a"))
    found = plan(side([known]), side([], unread={("dev", "a"): "a.yml", ("dev", "b"): "b.yml"}), NOW)
    assert [(change.kind, change.identity, told(change)) for change in found.changes] == [
        (Kind.UNREAD, ("dev", "a"), ["note: its file can't be read: what was read of it last stays live"]),
        (Kind.UNREAD, ("dev", "b"), ["note: its file can't be read, so it is not live"]),
    ]


def test_a_file_that_stays_wrong_is_no_change():
    wrong = {("dev", "a"): "a.yml"}
    assert plan(side([], unread=wrong), side([], unread=wrong), NOW).changes == ()


def test_a_file_that_is_right_again_is_compared_where_its_last_good_text_is_known():
    wrong = {("dev", "a"): "a.yml"}
    assert [change.kind for change in plan(side([], unread=wrong), side([flow(named("a"))]), NOW).changes] == [Kind.REPAIRED]
    [change] = plan(side([flow(named("a"))], unread=wrong), side([flow(named("a", log("a", "other")))]), NOW).changes
    assert (change.kind, properties(change, "a")) == (Kind.CHANGED, [("message", "hi", "other")])


def test_a_wrong_file_that_is_deleted_is_removed():
    [change] = plan(side([], unread={("dev", "a"): "a.yml"}), side([]), NOW).changes
    assert (change.kind, change.path_before) == (Kind.REMOVED, "a.yml")


# tasks


def test_tasks_come_go_change_and_get_other_names():
    change = changed(tasks(log("a") + log("b", "one") + log("c", "same")), tasks(log("a", "ho") + log("d", "same") + log("e", "new")))
    found = {(task.before and task.before.id, task.after and task.after.id): [kind.value for kind in task.kinds] for task in change.tasks}
    assert found == {("a", "a"): ["changed"], ("c", "d"): ["renamed"], (None, "e"): ["added"], ("b", None): ["removed"]}


def test_a_task_that_goes_into_a_group_is_moved():
    group = f"- id: both\n  type: {SEQUENTIAL}\n  tasks:\n"
    change = changed(tasks(log("a") + log("b")), tasks(log("a") + group + "    " + log("b")))
    moved = next(task for task in change.tasks if task.before and task.after)
    assert (moved.kinds, moved.before.place, moved.after.place) == ((Kind.MOVED,), "tasks", "both.tasks")


def test_a_group_that_is_renamed_does_not_move_what_is_in_it():
    def group(id: str) -> str:
        return tasks(f"- id: {id}\n  type: {SEQUENTIAL}\n  tasks:\n    {log('a')}    {log('b')}")

    change = changed(group("one"), group("two"))
    assert [task.kinds for task in change.tasks] == [(Kind.RENAMED,)]


def test_another_order_is_told_with_the_tasks_that_stand_elsewhere():
    change = changed(tasks(log("a") + log("b") + log("c") + log("d")), tasks(log("d") + log("a") + log("b") + log("c")))
    assert [(order.place, order.tasks) for order in change.order] == [("tasks", ("d",))]
    assert change.tasks == ()


def test_common_properties_are_compared_under_the_names_that_flows_use():
    more = ', timeout: PT5M, allowFailure: true, runIf: "{{ inputs.x }}", disabled: true'
    inputs = "inputs:\n  - {id: x, type: BOOL, defaults: true}\n"
    change = changed(tasks(log("a") + log("b"), inputs), tasks(log("a", more=more) + log("b"), inputs))
    assert properties(change, "a") == [
        ("allowFailure", None, "true"),
        ("disabled", None, "true"),
        ("runIf", None, "{{ inputs.x }}"),
        ("timeout", None, "PT5M"),
    ]


def test_plugin_defaults_show_through_the_tasks_that_they_change():
    text = tasks(f"- {{id: a, type: {SHELL}, commands: [ls]}}\n")
    change = changed(text, text + f"pluginDefaults:\n  - {{type: {SHELL}, values: {{containerImage: alpine}}}}\n")
    assert properties(change, "a") == [("containerImage", None, "alpine")]
    assert uses(change, Use.IMAGE) == [(None, "alpine")]


def test_a_script_is_told_by_its_lines():
    def script(body: str) -> str:
        return tasks(f"- id: a\n  type: io.kestra.plugin.scripts.python.Script\n  script: |\n{''.join(f'    {line}{chr(10)}' for line in body.split())}")

    change = changed(script("one two three four five six seven"), script("one two 3 four five six seven eight"))
    [found] = change.tasks[0].differences
    assert (found.path, found.before, found.after) == ("script", None, None)
    assert (found.lines.added, found.lines.removed) == (2, 1)
    assert found.lines.excerpt == (" one", " two", "-three", "+3", " four", " five", " six", " seven", "+eight", " ")


def test_numbers_and_texts_are_told_apart():
    change = changed(named("a") + "variables: {n: 1, t: 'true'}\n", named("a") + "variables: {n: '1', t: true}\n")
    assert [(found.path, found.before, found.after) for found in change.settings] == [("variables.n", "1", '"1"'), ("variables.t", '"true"', "true")]


def test_values_under_names_of_secrets_are_not_shown():
    def shell(password: str, key: str) -> str:
        return tasks(f"- {{id: a, type: {SHELL}, commands: [ls], env: {{DB_PASSWORD: '{password}', API_KEY: \"{key}\"}}}}\n")

    change = changed(shell("hunter2", "{{ secret('K') }}"), shell("hunter3", "abc"))
    assert properties(change, "a") == [("env.API_KEY", "{{ secret('K') }}", "(not shown)"), ("env.DB_PASSWORD", "(not shown)", "(not shown)")]
    assert "hunter" not in str(as_json(planned([shell("hunter2", "x")], [shell("hunter3", "x")])))


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
    change = changed(named("a"), named("a") + "retry: {type: constant, interval: PT5M}\n")
    assert [(notice.weight, message(notice)) for notice in change.notices] == [
        (Weight.BREAKING, "no execution of it is started: `retry`, at 5:1, is not run by this version")
    ]
