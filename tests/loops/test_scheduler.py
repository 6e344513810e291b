"""Schedules over time: once for each planned instant, whatever is down, doubled or changed in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.actions import schedules
from service.actions.kit import Kit
from service.errors import Unavailable
from service.loops.scheduler import Scheduler
from service.store import flows, triggers
from service.store.repositories import MAIN as ENVIRONMENT
from service.store.triggers import Trigger
from service.triggers.schedule import Schedule
from tests.support.station import Station

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def scheduled(station: Station, more: str = "", *, cron: str = "*/5 * * * *", task: str = "core.log.Log, message: hello", id: str = "f") -> str:
    trigger = f"triggers:\n  - id: clock\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '{cron}'\n{more}"
    return station.push({f".flows/{id}.yml": f"id: {id}\nnamespace: t\n{trigger}tasks: [{{id: a, type: io.kestra.plugin.{task}}}]\n"})


def look(station: Station, **later: float) -> float:
    """One tick of the scheduler, so much later; then everything that was started runs."""
    moment = station.clock.forward(**later)
    delay = Scheduler(station.kit).tick(moment)
    station.tick()
    return delay


def fired(station: Station) -> list[str]:
    """The planned times of all executions."""
    return sorted((row.execution.trigger or {})["variables"]["date"][11:16] for row in station.every())


def clock(station: Station, id: str = "f") -> Trigger:
    with station.database.read() as session:
        return triggers.of_flow(session, ENVIRONMENT, ("t", id))["clock"]


def next_at(station: Station, id: str = "f") -> str:
    found = clock(station, id).next_at
    return "never" if found is None else f"{datetime.fromtimestamp(found, UTC):%H:%M}"


def test_a_schedule_fires_at_its_time_and_not_before(station: Station):
    scheduled(station)
    assert look(station, minutes=4, seconds=59) == 1.0
    assert fired(station) == []
    assert look(station, seconds=1) == 0.0
    assert (fired(station), next_at(station)) == (["12:05"], "12:10")
    assert look(station) == 300.0
    assert fired(station) == ["12:05"]


def test_a_schedule_that_can_not_fire_now_stops_no_other_and_fires_late(station: Station, monkeypatch: pytest.MonkeyPatch):
    scheduled(station, id="bad")
    scheduled(station, id="good")
    scheduler, fire, down = Scheduler(station.kit), schedules.fire, [True]

    def failing(kit: Kit, trigger: Trigger, moment: datetime) -> None:
        if down and trigger.flow_id == "bad":
            raise Unavailable("the helper is busy")
        fire(kit, trigger, moment)

    monkeypatch.setattr(schedules, "fire", failing)
    assert scheduler.tick(station.clock.forward(minutes=5)) == 0.0
    assert (next_at(station, "good"), next_at(station, "bad"), clock(station, "bad").error) == ("12:10", "12:05", "the helper is busy")
    # It is left alone, and nobody spins over it.
    assert scheduler.tick(station.clock.now) == 15
    assert len(station.every()) == 1
    down.clear()
    scheduler.tick(station.clock.forward(seconds=15))
    fires = [row.execution.trigger["variables"]["date"][11:16] for row in station.every() if row.execution.flow == "bad" and row.execution.trigger]
    assert fires[:1] == ["12:05"]
    assert clock(station, "bad").error is None


def test_schedules_that_can_not_fire_hide_no_other_however_many(station: Station, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.loops.scheduler._AT_ONCE", 2)
    for number in range(5):
        scheduled(station, id=f"bad{number}")
    scheduled(station, id="good")
    fire, tried = schedules.fire, []

    def failing(kit: Kit, trigger: Trigger, moment: datetime) -> None:
        tried.append(trigger.flow_id)
        if trigger.flow_id != "good":
            raise Unavailable("down")
        fire(kit, trigger, moment)

    monkeypatch.setattr(schedules, "fire", failing)
    scheduler, moment = Scheduler(station.kit), station.clock.forward(minutes=5)
    while scheduler.tick(moment) == 0.0:
        pass
    assert sorted(tried) == ["bad0", "bad1", "bad2", "bad3", "bad4", "good"]


def test_an_execution_of_a_schedule_says_when_it_was_planned(station: Station):
    scheduled(station, "    timezone: Europe/Paris\n    inputs: {}\n    labels: {kind: '{{ trigger.date }}'}\n")
    look(station, minutes=5)
    (row,) = station.every()
    assert (row.execution.trigger or {}) == {
        "id": "clock",
        "type": Schedule.TYPE,
        "variables": {"date": "2026-03-02T13:05:00+01:00", "next": "2026-03-02T13:10:00+01:00", "previous": "2026-03-02T13:00:00+01:00"},
    }
    assert row.execution.labels["kind"] == "2026-03-02T13:05:00+01:00"
    assert (row.caused, row.execution.pin is not None) == (False, True)


@pytest.mark.parametrize(
    ("rule", "planned"),
    [("", ["12:05", "12:10", "12:15", "12:20"]), ("ALL", ["12:05", "12:10", "12:15", "12:20"]), ("LAST", ["12:15", "12:20"]), ("NONE", ["12:20"])],
)
def test_what_was_missed_is_made_up_for_by_the_rule(station: Station, rule: str, planned: list[str]):
    scheduled(station, f"    recoverMissedSchedules: {rule}\n" if rule else "")
    look(station, minutes=20, seconds=30)
    assert (fired(station), next_at(station)) == (planned, "12:25")


@pytest.mark.parametrize(("rule", "planned"), [("ALL", 100), ("LAST", 1), ("NONE", 0)])
def test_after_a_long_night_the_newest_instants_count(station: Station, rule: str, planned: int):
    scheduled(station, f"    recoverMissedSchedules: {rule}\n", cron="*/5 * * * *")
    look(station, hours=30, minutes=2)
    times = fired(station)
    assert len(times) == planned
    if times:
        assert max((row.execution.trigger or {})["variables"]["date"] for row in station.every()) == "2026-03-03T18:00:00Z"
    assert next_at(station) == "18:05"


def test_a_schedule_that_would_be_too_late_is_left_out(station: Station):
    scheduled(station, "    lateMaximumDelay: PT12M\n")
    look(station, minutes=21)
    assert fired(station) == ["12:10", "12:15", "12:20"]


def test_while_an_execution_of_the_schedule_runs_the_next_one_waits_for_its_turn(station: Station):
    scheduled(station, task="core.flow.Sleep, duration: PT7M")
    look(station, minutes=5)
    look(station, minutes=5)
    assert (fired(station), next_at(station)) == (["12:05"], "12:15")
    look(station, minutes=3)
    look(station, minutes=2)
    assert fired(station) == ["12:05", "12:15"]


def test_an_instant_that_was_looked_at_twice_is_fired_once(station: Station):
    scheduled(station)
    stored, moment = clock(station), station.clock.forward(minutes=5)
    for _ in range(2):
        schedules.fire(station.kit, stored, moment)
    assert fired(station) == ["12:05"]
    # A clock that was set back, by a restored backup or by hand, fires nothing a second time.
    station.database.write(lambda session: triggers.move(session, stored, stored.next_at, None))
    schedules.fire(station.kit, clock(station), moment)
    assert fired(station) == ["12:05"]


def test_a_clock_that_a_push_has_changed_meanwhile_is_left_as_the_push_set_it(station: Station):
    scheduled(station)
    stored, moment = clock(station), station.clock.forward(minutes=5)
    scheduled(station, cron="0 18 * * *")
    schedules.fire(station.kit, stored, moment)
    assert (fired(station), next_at(station)) == ([], "18:00")


def test_a_clock_goes_on_where_its_line_did_not_change(station: Station):
    scheduled(station)
    station.clock.forward(minutes=7)
    scheduled(station, task="core.log.Log, message: other words")
    assert next_at(station) == "12:05"
    station.clock.forward(minutes=1)
    scheduled(station, cron="*/7 * * * *")
    assert next_at(station) == "12:14"


def test_a_clock_that_has_stopped_is_set_again_when_its_flow_is_applied(station: Station):
    scheduled(station)
    station.database.write(lambda session: triggers.move(session, clock(station), None, None, "stopped"))
    assert (look(station, minutes=6), next_at(station)) == (60.0, "never")
    scheduled(station, task="core.log.Log, message: other words")
    assert (next_at(station), clock(station).error) == ("12:10", None)
    look(station, minutes=4)
    assert fired(station) == ["12:10"]


def test_a_flow_that_is_gone_fires_nothing(station: Station):
    scheduled(station)
    station.push({".flows/f.yml": None})
    assert look(station, minutes=5) == 60.0
    assert fired(station) == []


def test_a_disabled_flow_or_trigger_fires_nothing(station: Station):
    scheduled(station, "    disabled: true\n", id="quiet")
    scheduled(station)
    row = station.live()["t", "f"]
    station.database.write(lambda session: flows.disable(session, row.id, disabled=True))
    look(station, minutes=5)
    assert (fired(station), next_at(station)) == ([], "12:10")


def test_a_schedule_that_is_broken_stops_no_other(station: Station):
    scheduled(station, id="bad")
    scheduled(station, id="good")
    station.database.write(lambda session: session.exec_driver_sql("DELETE FROM revision WHERE path = '.flows/bad.yml'"))
    look(station, minutes=5)
    assert (fired(station), next_at(station, "good")) == (["12:05"], "12:10")
    assert (next_at(station, "bad"), "is not stored" in (clock(station, "bad").error or "")) == ("13:05", True)
    look(station, minutes=5)
    assert fired(station) == ["12:05", "12:10"]


def test_inputs_that_do_not_fit_make_an_execution_that_says_so(station: Station):
    trigger = "triggers: [{id: clock, type: io.kestra.plugin.core.trigger.Schedule, cron: '*/5 * * * *', inputs: {n: \"{{ 'x' }}\"}}]\n"
    head = "id: f\nnamespace: t\ninputs: [{id: n, type: INT}]\n"
    station.push({".flows/f.yml": f"{head}{trigger}tasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"})
    look(station, minutes=5)
    (row,) = station.every()
    assert (row.execution.state.value, "not started" in station.log(row.execution.id)[0]) == ("FAILED", True)


@pytest.mark.parametrize("cron", ["*/7 * * * *", "30 2 * * *", "15 1-3 * * *", "*/20 2 * * *"])
@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("night", ["2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04"])
def test_counting_back_finds_what_counting_on_finds_also_when_clocks_change(cron: str, zone: str, night: str):
    model = Schedule(cron=cron, timezone=zone)
    start = datetime.fromisoformat(f"{night}T12:00:00+00:00")
    end = start + timedelta(hours=24)
    forward, back = [], []
    at = model.next_after(start)
    while at is not None and at <= end:
        forward.append(at)
        at = model.next_after(at)
    at = model.before(end + timedelta(microseconds=1))
    while at is not None and at > start:
        back.append(at)
        at = model.before(at)
    assert forward == back[::-1]
