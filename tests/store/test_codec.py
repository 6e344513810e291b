"""Values go into columns and come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from service.engine.events import Began, Claimed, Due, Ended, Event, Killed, Lost
from service.engine.execution import Attempt, Execution, Pin, TaskRun
from service.engine.state import Stamp, State
from service.store import codec, events, executions, results, task_runs
from service.store.events import Waiting
from tests.support.station import Station

_DATES = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]))  # noqa: DTZ001 - zones are drawn
_TEXTS = st.text()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_STAMPS = st.lists(st.builds(Stamp, st.sampled_from(State), _DATES), min_size=1, max_size=5).map(tuple)


@given(_VALUES)
def test_json_comes_back(value):
    assert codec.from_json(codec.to_json(value)) == value


@given(_DATES)
def test_dates_come_back_to_the_microsecond(moment):
    assert codec.from_iso(codec.iso(moment)) == moment
    assert codec.iso(moment).endswith("Z")


@given(_STAMPS)
def test_histories_come_back(history):
    assert codec.history_from(codec.from_json(codec.history_to_json(history))) == history


@given(st.lists(st.builds(Attempt, st.integers(1, 9), _STAMPS, st.none() | _TEXTS, st.none() | _TEXTS, st.booleans()), max_size=3).map(tuple))
def test_attempts_come_back(attempts):
    assert codec.attempts_from(codec.attempts_to_json(attempts)) == attempts


def test_what_json_lacks_becomes_its_nearest_value():
    values = {"date": datetime(2026, 1, 2, tzinfo=UTC), "set": {1}, "tuple": (1, 2), "path": PurePosixPath("/a"), "state": State.FAILED}
    assert codec.from_json(codec.to_json(values)) == {"date": "2026-01-02T00:00:00.000000Z", "set": [1], "tuple": [1, 2], "path": "/a", "state": "FAILED"}


def test_what_no_json_reader_takes_is_never_written():
    found = codec.from_json(codec.to_json({"nan": float("nan"), "inf": [float("inf"), -float("inf")], "half": "a\ud800b", "\udfff": 1}))
    assert found == {"nan": None, "inf": [None, None], "half": "a?b", "?": 1}


def test_ids_are_unique_and_grow_with_time():
    ids = [codec.new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert ids == sorted(ids)
    assert all(len(id) == 22 and id.isalnum() and id.isascii() for id in ids)
    early = codec.new_id()
    while codec.now().timestamp() * 1000 % 1000 == 0:
        pass
    assert min(ids[1999], early)[:6] == max(ids[0], early)[:6]


def test_executions_and_task_runs_come_back(station: Station):
    moment = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
    stamps = (Stamp(State.CREATED, moment), Stamp(State.RUNNING, moment + timedelta(microseconds=1)))
    pin = Pin("repo", "c" * 40, "refs/heads/main", ".flows/ü.yml", "b" * 40)
    execution = Execution(
        "e1", "main", "t", "f", 3, stamps, {"n": 1, "x": None}, {"a.b": "c"}, {"v": [1]}, {"id": "p", "variables": {}}, pin, {"at": 2}, generation=4
    )
    parent = TaskRun("r1", "e1", "group", None, stamps, (Attempt(1, stamps),), memory={"branch": "tasks"})
    child = TaskRun("r2", "e1", "task", "r1", stamps, (Attempt(1, stamps, "runner", "no", lost=True),), "v", 7, {}, {"o": {"deep": ["é"]}})
    assert station.database.write(lambda session: executions.add(session, execution, "flow1", caused=True, once="o1"))
    station.database.write(lambda session: task_runs.save(session, [(0, parent), (1, child)], []))
    with station.database.read() as session:
        row = executions.get(session, "e1")
        assert row is not None
        assert (row.execution, row.flow, row.caused) == (execution, "flow1", True)
        assert task_runs.runs(session, "e1") == (parent.__class__(*[getattr(parent, name) for name in TaskRun.__slots__]), child)
        assert [run.id for run in task_runs.path(session, row, "r2").runs] == ["r1", "r2"]
        assert [run.outputs for run in results.of_task(session, "e1", "task")] == [{"o": {"deep": ["é"]}}]
        assert task_runs.last_position(session, "e1") == 1


_REASONS = ("push", "push", None, None)


def test_of_two_executions_with_one_reason_one_is_stored(station: Station):
    pin = Pin("repo", "c" * 40, "", "a.yml", "b" * 40)
    moment = codec.now()
    made = [Execution(id, "main", "t", "f", 1, (Stamp(State.CREATED, moment),), pin=pin) for id in ("e1", "e2", "e3", "e4")]
    stored = [station.database.write(partial(executions.add, execution=one, flow="f", caused=False, once=why)) for one, why in zip(made, _REASONS, strict=True)]
    assert stored == [True, False, True, True]


def test_events_come_back_in_order_and_timers_when_they_are_due(station: Station):
    said: list[Event] = [Began(), Claimed(1, "runner"), Ended(2, State.FAILED, {"x": [1]}, "no"), Lost(3, "gone"), Due("inline"), Killed("ann")]

    def action(session) -> None:
        for event in said:
            events.add(session, "e1", "r1", event)
        events.wake(session, [("e1", "r1", "sleep", 50.0), ("e1", "r2", "sleep", 40.0)])

    station.database.write(action)
    with station.database.read() as session:
        waiting = events.waiting(session, 10.0, 100)
        assert [one.event for one in waiting] == said
        assert events.waiting(session, 10.0, 2) == waiting[:2]
        assert [(one.task_run, one.timer) for one in events.waiting(session, 50.0, 100)[6:]] == [("r2", True), ("r1", True)]
    station.database.write(lambda session: events.remove(session, waiting))
    station.database.write(lambda session: events.put_off(session, Waiting(1, "e2", "r1", Due("sleep"), timer=True), 90.0))
    with station.database.read() as session:
        assert (events.waiting(session, 39.0, 9), events.next_due(session, 39.0)) == ((), 40.0)
