"""What holds for the plan of any two sets of flows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from service.flows.flow import Flow
from service.flows.plan import plan
from service.flows.plan_lines import line_change
from service.flows.plan_properties import same
from service.flows.plan_values import FlowChange, Identity, Kind, Side
from tests.flows.generated import documents, made, sets, sides
from tests.flows.world import flow

NOW = datetime(2026, 3, 27, tzinfo=UTC)
few = settings(max_examples=60)


def specs(found: Flow) -> dict[str, object]:
    return {node.id: node.spec for node in found.tree.walk() if node is not found.tree}


def task_ids(change: FlowChange, *kinds: Kind) -> set[str]:
    return {(task.after or task.before).id for task in change.tasks if set(kinds) & set(task.kinds)}


@few
@given(sets())
def test_a_set_does_not_differ_from_itself(pair):
    before, _ = sides(pair)
    again = Side({identity: flow(found.source) for identity, found in before.flows.items()})
    assert plan(before, again, NOW).changes == ()


@few
@given(sets())
def test_a_plan_names_exactly_the_flows_that_differ(pair):
    before, after = sides(pair)
    every = before.flows.keys() | after.flows.keys()
    texts = {identity: [side.flows[identity].source if identity in side.flows else None for side in (before, after)] for identity in every}
    found = plan(before, after, NOW)
    named = [identity for change in found.changes for identity in (change.identity, change.was) if identity is not None]
    assert sorted(named) == sorted(identity for identity, (old, new) in texts.items() if old != new)
    assert found.unchanged == sum(old == new for old, new in texts.values())


@few
@given(sets())
def test_every_task_whose_properties_differ_is_named(pair):
    before, after = sides(pair)
    changes = {change.identity: change for change in plan(before, after, NOW).changes}
    for identity in before.flows.keys() & after.flows.keys():
        old, new = (specs(side.flows[identity]) for side in (before, after))
        expected = {name for name in old.keys() & new.keys() if not same(old[name], new[name])}
        assert expected <= (task_ids(changes[identity], Kind.CHANGED) if identity in changes else set())


@few
@given(sets())
def test_the_other_way_round_what_came_goes(pair):
    before, after = sides(pair)
    there, back = plan(before, after, NOW), plan(after, before, NOW)
    assert {change.identity for change in there.of(Kind.ADDED)} == {change.identity for change in back.of(Kind.REMOVED)}
    assert {change.identity for change in there.of(Kind.REMOVED)} == {change.identity for change in back.of(Kind.ADDED)}
    assert {(change.was, change.identity) for change in there.of(Kind.RENAMED)} == {(change.identity, change.was) for change in back.of(Kind.RENAMED)}
    again = {change.identity: change for change in back.of(Kind.CHANGED)}
    assert {change.identity for change in there.of(Kind.CHANGED)} == again.keys()
    for change in there.of(Kind.CHANGED):
        other = again[change.identity]
        assert task_ids(change, Kind.ADDED) == task_ids(other, Kind.REMOVED)
        assert {(use.use, use.before, use.after) for use in change.uses} == {(use.use, use.after, use.before) for use in other.uses}


@few
@given(documents(), documents())
def test_a_change_has_no_effect_only_where_tasks_triggers_and_the_rest_are_the_same(one, other):
    before, after = (made(("dev", "p"), document) for document in (one, other))
    found = plan(Side({("dev", "p"): before}), Side({("dev", "p"): after}), NOW).changes
    if any(change.kind is Kind.TEXT for change in found):
        assert specs(before) == specs(after)
        assert [trigger.model for trigger in before.triggers] == [trigger.model for trigger in after.triggers]
        assert before.variables == after.variables


def untouchable(number: int) -> tuple[Identity, Flow]:
    """A flow of which nothing but the text can be looked at."""
    found = flow("id: x\nnamespace: dev\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: hi}\n")
    return ("dev", f"x{number}"), replace(found, id=f"x{number}", tree=None, program=None, triggers=None, inputs=None)


def test_a_flow_with_the_same_text_is_not_looked_into():
    before, after = (Side(dict(map(untouchable, range(200)))) for _ in range(2))
    found = plan(before, after, NOW)
    assert (found.changes, found.unchanged) == ((), 200)


lines = st.lists(st.sampled_from("a b c d e f g".split()), max_size=30)


@given(lines, lines)
def test_lines_that_are_added_and_removed_add_up(before, after):
    change = line_change(before, after)
    assert len(before) - change.removed == len(after) - change.added
    assert (change.added, change.removed) == (0, 0) or before != after
    assert line_change(before, before) == line_change([], [])


def test_long_texts_without_anything_in_common_are_compared_line_by_line_once():
    before, after = ["a", "b"] * 20_000, ["b", "c", "a"] * 13_000
    change = line_change(before, after)
    assert len(before) - change.removed == len(after) - change.added
    assert len(change.excerpt) == 24
