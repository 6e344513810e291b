"""What waits for the executor, and when it comes: two questions with one answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from service.engine.events import Due
from service.store import events
from service.store.events import Waiting
from tests.support.station import Station

_MOMENTS = st.integers(0, 6)
_ROWS = st.lists(st.tuples(st.sampled_from("abc"), _MOMENTS), max_size=6)


@given(set_aside=_ROWS, timers=_ROWS, at=_MOMENTS)
def test_the_next_moment_is_the_first_at_which_something_waits(set_aside: list[tuple[str, int]], timers: list[tuple[str, int]], at: int):
    engine = create_engine("sqlite://")
    for name in ("event", "timer"):
        SQLModel.metadata.tables[name].create(engine)
    with engine.connect() as session:
        session.info["topics"] = []
        for execution, until in set_aside:
            number = events.add(session, execution, None, Due("x"))
            events.put_off(session, Waiting(number, execution, None, Due("x")), float(until))
        events.wake(session, [(execution, "run", "sleep", float(due)) for execution, due in timers])
        first = next((moment for moment in range(at, 8) if events.waiting(session, float(moment), 1)), None)
        told = events.next_due(session, float(at))
    engine.dispose()
    assert (told if told is None else max(told, at)) == first


def test_what_was_set_aside_holds_back_all_of_its_execution_and_nothing_of_others(station: Station):
    def action(session) -> None:
        for execution in ("held", "free"):
            for kind in ("first", "second"):
                events.add(session, execution, None, Due(kind))
        events.wake(session, [("held", "run", "sleep", 5.0), ("free", "run", "sleep", 5.0)])
        (first, *_) = events.waiting(session, 10.0, 1)
        events.put_off(session, first, 70.0)

    station.database.write(action)
    with station.database.read() as session:
        assert [(one.execution, one.timer) for one in events.waiting(session, 10.0, 9)] == [("free", False), ("free", False), ("free", True)]
        assert [(one.execution, one.timer) for one in events.waiting(session, 70.0, 9) if one.execution == "held"] == [("held", False)] * 2 + [("held", True)]


def test_an_execution_that_is_held_does_not_fill_the_look(station: Station):
    def action(session) -> None:
        for number in range(50):
            events.add(session, "held", None, Due(f"{number}"))
        events.wake(session, [("held", "run", "sleep", 1.0)] * 50)
        events.put_off(session, events.waiting(session, 10.0, 1)[0], 70.0)
        events.add(session, "free", None, Due("x"))
        events.wake(session, [("free", "run", "sleep", 2.0)])

    station.database.write(action)
    with station.database.read() as session:
        assert [one.execution for one in events.waiting(session, 10.0, 5)] == ["free", "free"]
