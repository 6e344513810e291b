"""Executions are prepared before they are stored: the writer renders nothing and asks Git nothing, and what it stores is made from what still is.

That the writer waits for no template, blob or secret is watched in every test that has a station (see `tests.support.outside`); here are the ways in which
executions begin, all with templates, and what happens when the world moves on between preparing and storing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.actions import schedules, sync
from service.errors import Conflict
from service.loops.scheduler import Scheduler
from service.store import flows, triggers
from service.store.repositories import MAIN as ENVIRONMENT
from tests.support.commits import MAIN
from tests.support.station import Station

PUSH = "{id: push, type: headgate.git.Push, inputs: {who: '{{ trigger.author }}'}, labels: {by: '{{ trigger.branch }}'}}"
CLOCK = (
    "{id: clock, type: io.kestra.plugin.core.trigger.Schedule, cron: '*/5 * * * *', inputs: {who: '{{ trigger.date }}'}, labels: {by: '{{ trigger.date }}'}}"
)


def text(*triggers: str, note: str = "x") -> str:
    inputs = "inputs: [{id: who, type: STRING, defaults: '{{ flow.id }}'}]\n"
    task = "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: '{{ inputs.who }}'}]\n"
    return f"id: f\nnamespace: t\ndescription: {note}\n{inputs}{task}triggers: [{', '.join(triggers)}]\n"


class Meddling:
    """Git, where somebody else is quick: something happens the first time that a commit is to be kept."""

    def __init__(self, station: Station, deed: Callable[[], object]) -> None:
        self._git, self._deeds = station.git, [deed]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._git, name)

    def keep(self, name: str, sha: str) -> None:
        self._git.keep(name, sha)
        while self._deeds:
            self._deeds.pop()()


def clock(station: Station) -> triggers.Trigger:
    with station.database.read() as session:
        return triggers.of_flow(session, ENVIRONMENT, ("t", "f"))["clock"]


def disable(station: Station) -> None:
    row = station.live()["t", "f"]
    station.database.write(lambda session: flows.disable(session, row.id, disabled=True))


@pytest.mark.parametrize("begin", ["push", "tag", "schedule", "api", "by force"])
def test_an_execution_is_rendered_before_the_writer_has_it(station: Station, begin: str) -> None:
    tag = PUSH.replace("headgate.git.Push", "headgate.git.Push, tags: ['v*']").replace("branch", "tag").replace("push,", "tag,", 1)
    sha = station.push({".flows/f.yml": text({"push": PUSH, "by force": PUSH, "tag": tag, "schedule": CLOCK, "api": ""}[begin])})
    if begin == "by force":
        station.push({"a": "1"}, onto=sha)
    elif begin == "tag":
        station.push({}, ref="refs/tags/v1", onto=sha)
    elif begin == "schedule":
        Scheduler(station.kit).tick(station.clock.forward(hours=1))
    elif begin == "api":
        station.start("t", "f")
    station.tick()
    assert {row.execution.state.value for row in station.every()} == {"SUCCESS"}
    assert len(station.every()) == {"schedule": 12, "by force": 2}.get(begin, 1)
    assert station.trespasses == []


INPUTS = """\
inputs:
  - {id: a, type: STRING, defaults: x}
  - {id: b, type: STRING, defaults: "{{ inputs.a }}-{{ flow.id }}"}
  - {id: c, type: SELECT, expression: "{{ [inputs.b, 'z'] }}", defaults: x-f}
  - {id: d, type: BOOL, defaults: false}
  - {id: e, type: STRING, dependsOn: {inputs: [a], condition: "{{ inputs.a == 'x' }}"}, defaults: "{{ inputs.d }}"}
  - {id: g, type: STRING, dependsOn: {inputs: [d], condition: "{{ inputs.d }}"}, defaults: gone}
"""


def test_an_input_sees_those_before_it(station: Station) -> None:
    station.push({".flows/f.yml": f"id: f\nnamespace: t\n{INPUTS}tasks: [{{id: say, type: io.kestra.plugin.core.log.Log, message: x}}]\n"})
    station.start("t", "f")
    assert station.every()[0].execution.inputs == {"a": "x", "b": "x-f", "c": "x-f", "d": False, "e": "false"}


def test_a_label_of_a_trigger_sees_the_inputs(station: Station) -> None:
    station.push({".flows/f.yml": text(PUSH.replace("{{ trigger.branch }}", "{{ inputs.who }} on {{ trigger.branch }}"))})
    (row,) = station.every()
    assert row.execution.labels["by"] == f"{row.execution.inputs['who']} on main"


def test_the_watch_sees_what_the_writer_waits_for(station: Station) -> None:
    station.push({".flows/f.yml": text()})
    station.database.write(lambda session: station.git.refs("default"))
    assert station.trespasses == ["Git.refs"]
    station.trespasses.clear()


def test_a_schedule_runs_in_the_commit_that_is_live_when_it_is_stored(station: Station) -> None:
    station.push({".flows/f.yml": text(CLOCK), "script": "old"})
    moment = station.clock.forward(minutes=5)
    kit = replace(station.kit, git=Meddling(station, lambda: station.push({"script": "new"})))  # type: ignore[arg-type]
    schedules.fire(kit, clock(station), moment)
    assert station.every() == []
    schedules.fire(kit, clock(station), moment)
    (row,) = station.every()
    assert row.execution.pin is not None
    assert row.execution.pin.commit == station.git.refs("default")[MAIN]


def test_a_schedule_whose_file_moves_meanwhile_is_not_pinned_to_where_it_was(station: Station) -> None:
    station.push({".flows/f.yml": text(CLOCK)})
    moment = station.clock.forward(minutes=5)
    moved = {".flows/f.yml": None, ".flows/deep/g.yml": text(CLOCK)}
    kit = replace(station.kit, git=Meddling(station, lambda: station.push(moved)))  # type: ignore[arg-type]
    Scheduler(kit).tick(moment)
    Scheduler(kit).tick(moment)
    (row,) = station.every()
    assert row.execution.pin is not None
    assert (row.execution.pin.path, row.execution.pin.commit) == (".flows/deep/g.yml", station.git.refs("default")[MAIN])


def test_a_flow_that_is_disabled_meanwhile_is_not_started_by_its_schedule(station: Station) -> None:
    station.push({".flows/f.yml": text(CLOCK)})
    moment = station.clock.forward(minutes=5)
    kit = replace(station.kit, git=Meddling(station, lambda: disable(station)))  # type: ignore[arg-type]
    for _ in range(2):
        Scheduler(kit).tick(moment)
    assert (station.every(), clock(station).next_at) == ([], (moment + timedelta(minutes=5)).timestamp())


def test_a_flow_that_is_disabled_meanwhile_is_not_started_by_a_push(station: Station) -> None:
    base = station.push({".flows/f.yml": text(PUSH)})
    started = len(station.every())
    sha = station.commits().write({"a": "1"}, base)
    station.commits().move(MAIN, sha)
    with station.database.read() as session:
        planned = sync.plan(station.kit, session, station.repository(), MAIN, sha, station.clock.now, fire=True)
    assert len(planned.fired) == 1
    disable(station)
    with pytest.raises(Conflict):
        station.database.write(lambda session: sync.apply(session, station.kit, planned, station.clock.now))
    station.sync()
    assert len(station.every()) == started


def test_a_clock_that_was_set_anew_is_not_stopped_by_a_look_at_the_old_one(station: Station) -> None:
    station.push({".flows/f.yml": text(CLOCK)})
    stale = replace(clock(station), next_at=None)
    schedules.fire(station.kit, stale, station.clock.forward(minutes=5))
    assert clock(station).next_at is not None
