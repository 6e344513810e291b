"""Executions that wait as the executor stores them: pauses, what they ask for, and loops between two passes."""

from __future__ import annotations

from functools import partial

import pytest

from service.actions import pausing
from service.errors import Conflict, Invalid, NotFound
from tests.loops.test_constructs import shown, tasks
from tests.loops.test_executor import ran, value
from tests.support.station import Station, station_at

PAUSED = tasks("""
- id: p
  type: flow.Pause
  onResume:
    - {id: reason, type: STRING}
    - {id: amount, type: INT, defaults: "{{ inputs.n }}"}
- {id: z, type: debug.Return, format: "{{ outputs.p.onResume.reason }} {{ outputs.p.onResume.amount + 1 }} {{ outputs.p.resumed.by }}"}
""")
HEAD = "inputs: [{id: n, type: INT, defaults: 7}]\n"


def resume(station: Station, id: str, task_run: str | None = None, **given: object) -> None:
    with station.database.read() as session:
        prepared = pausing.prepare(session, station.kit, station.execution(id), given, task_run)
    station.database.write(lambda session: pausing.resume(session, prepared, "ann"))
    station.tick()


def test_a_pause_takes_what_it_asks_for(station: Station):
    id = ran(station, PAUSED, head=HEAD)
    assert (station.state(id), shown(station, id)) == ("PAUSED", {"p": "PAUSED"})
    for wrong in ({}, {"reason": "x", "amount": "many"}):
        with pytest.raises(Invalid):
            resume(station, id, **wrong)
    with pytest.raises(NotFound, match="`p` waits"):
        resume(station, id, "nobody")
    resume(station, id, reason="because", amount="3", other=1)
    assert (station.state(id), value(station, id, "z")) == ("SUCCESS", "because 4 ann")
    assert station.log(id, "WARN") == ["input `other` is not one that `p` asks for and is ignored"]
    with pytest.raises(Conflict, match="is SUCCESS"):
        resume(station, id, reason="again")


def test_defaults_of_a_pause_are_rendered_where_it_stands(station: Station):
    id = ran(station, PAUSED, head=HEAD)
    resume(station, id, reason="because")
    assert value(station, id, "z") == "because 8 ann"


def test_two_who_resume_at_once_resume_once(station: Station):
    id = ran(station, PAUSED, head=HEAD)
    with station.database.read() as session:
        both = [pausing.prepare(session, station.kit, station.execution(id), {"reason": name}) for name in ("one", "two")]
    for each in both:
        station.database.write(partial(pausing.resume, prepared=each, by="ann"))
    station.tick()
    assert value(station, id, "z") == "one 8 ann"


def test_a_pause_ends_when_its_time_is_over(station: Station):
    id = ran(station, tasks("\n- {id: p, type: flow.Pause, pauseDuration: PT1H, behavior: WARN}\n"))
    assert station.executor.tick(station.clock.now) == pytest.approx(3600)
    station.clock.forward(hours=1)
    station.tick()
    assert station.state(id) == "WARNING"


def test_a_loop_waits_between_its_passes(station: Station):
    id = ran(
        station,
        tasks("""
- id: l
  type: flow.LoopUntil
  condition: "{{ outputs.a.value == '3' }}"
  checkFrequency: {interval: PT10S, maxIterations: 5}
  tasks:
    - {id: a, type: debug.Return, format: "{{ outputs.l.iterationCount }}"}
"""),
    )
    for count in (2, 3):
        assert (station.state(id), shown(station, id)) == ("PAUSED", {"l": "PAUSED", "a": "SUCCESS"})
        assert station.runs(id)["l"].outputs == {"iterationCount": count}
        station.clock.forward(seconds=10)
        station.tick()
    assert (station.state(id), shown(station, id), value(station, id)) == ("SUCCESS", {"l": "SUCCESS", "a": "SUCCESS"}, "3")


def test_what_can_not_be_read_any_more_waits_for_nobody(station: Station):
    id = ran(station, PAUSED, head=HEAD)
    station.database.write(lambda session: session.exec_driver_sql("UPDATE revision SET source = 'tasks: []', blob = 'other'"))
    station.close()
    with station_at(station.folder, station.helper) as newer, pytest.raises(Conflict, match="waits for nobody"):
        resume(newer, id, reason="because")


def test_the_timer_of_a_pause_that_is_forgotten_does_nothing(station: Station):
    id = ran(
        station,
        tasks("""
- id: l
  type: flow.LoopUntil
  condition: "{{ outputs.l.iterationCount == 3 }}"
  checkFrequency: {interval: PT10S}
  tasks:
    - {id: p, type: flow.Pause, pauseDuration: PT1M}
"""),
    )
    for _ in range(2):
        first = station.runs(id)["p"].id
        resume(station, id)
        station.clock.forward(seconds=10)
        station.tick()
        assert station.runs(id)["p"].id != first
    # The timers of the first two passes come while the third one pauses.
    station.clock.forward(seconds=59)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("PAUSED", {"l": "RUNNING", "p": "PAUSED"})
    station.clock.forward(seconds=1)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("SUCCESS", {"l": "SUCCESS", "p": "SUCCESS"})
