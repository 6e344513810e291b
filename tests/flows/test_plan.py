"""Two sets of flows, and what differs between them and in their tasks."""

from __future__ import annotations

from dataclasses import replace

from service.flows.plan import plan
from service.flows.plan_json import as_json
from service.flows.plan_values import Kind, Use
from tests.flows.plans import NOW, changed, log, named, planned, properties, side, told, uses
from tests.flows.world import LOG, SEQUENTIAL, SHELL, flow, tasks

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


def test_long_values_are_shown_where_they_differ():
    change = changed(tasks(log("a", "x" * 300 + "old")), tasks(log("a", "x" * 300 + "new" + "y" * 300)))
    [(path, before, after)] = properties(change, "a")
    assert (path, before) == ("message", f"…{'x' * 30}old")
    assert after == f"…{'x' * 30}new{'y' * 167}…"
