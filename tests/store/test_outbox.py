"""The outbox of statuses: what is wanted, in which order, and what the forge has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from service.store import statuses
from service.store import tables as _tables  # noqa: F401 - registers the tables
from service.store.database import Session
from service.store.hub import Topic
from service.store.statuses import Status
from tests.support.station import Station

ONE = Status("repo", "a" * 40, "headgate/flows", 1, "pending", "reading", "http://here/1", 1.0)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A transaction of its own, never committed."""
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    SQLModel.metadata.create_all(engine)
    with engine.connect() as session:
        session.info["topics"] = []
        yield session
    engine.dispose()


def want(session: Session, **changes) -> bool:
    return statuses.want(session, replace(ONE, **changes))


def stored(session: Session) -> Status:
    (found,) = statuses.of(session, ONE.repository_id, ONE.sha)
    return found


def test_the_newest_state_is_wanted(session: Session):
    assert want(session)
    assert want(session, state="success", description="done", updated_at=2.0)
    assert stored(session) == replace(ONE, state="success", description="done", updated_at=2.0, version=2)


def test_wanting_the_same_again_changes_nothing(session: Session):
    want(session)
    statuses.sent(session, stored(session))
    assert not want(session, updated_at=99.0)
    assert (stored(session).version, statuses.unsent(session, 100.0)) == (1, ())


@pytest.mark.parametrize("final", ["success", "failure", "error"])
def test_a_final_state_is_never_pending_again_in_its_generation(session: Session, final: str):
    want(session, state=final)
    assert not want(session, state="pending", description="late news")
    assert stored(session).state == final


def test_an_older_generation_says_nothing_any_more(session: Session):
    want(session, generation=2, state="pending")
    assert not want(session, generation=1, state="failure")
    assert (stored(session).generation, stored(session).state) == (2, "pending")


def test_a_new_generation_begins_anew(session: Session):
    want(session, state="success")
    statuses.sent(session, stored(session))
    assert want(session, generation=2, state="pending")
    (again,) = statuses.unsent(session, 0.0)
    # Nothing of this generation has reached the forge.
    assert (again.generation, again.state, again.announced) == (2, "pending", False)


def test_what_was_sent_late_does_not_close_what_is_wanted_now(session: Session):
    want(session)
    (sending,) = statuses.unsent(session, 0.0)
    want(session, state="success")
    statuses.sent(session, sending)
    (left,) = statuses.unsent(session, 0.0)
    assert (left.state, left.version) == ("success", 2)


def test_giving_up_a_version_does_not_give_up_the_next(session: Session):
    want(session)
    (sending,) = statuses.unsent(session, 0.0)
    want(session, state="success")
    statuses.give_up(session, sending, "404")
    assert [one.state for one in statuses.unsent(session, 0.0)] == ["success"]


def test_what_was_put_off_waits_and_new_states_do_not(session: Session):
    want(session)
    statuses.put_off(session, stored(session), 50.0, "503")
    assert (statuses.unsent(session, 49.0), statuses.next_try(session)) == ((), 50.0)
    assert [one.attempts for one in statuses.unsent(session, 50.0)] == [1]
    want(session, state="success")
    assert [(one.attempts, one.error) for one in statuses.unsent(session, 0.0)] == [(0, None)]


def test_what_was_given_up_is_open_again_with_the_next_news(session: Session):
    want(session)
    statuses.give_up(session, stored(session), "bad token")
    assert (statuses.unsent(session, 9.0), stored(session).error) == ((), "bad token")
    want(session, state="success")
    assert [one.state for one in statuses.unsent(session, 9.0)] == ["success"]


def test_the_longest_waiting_comes_first(session: Session):
    for number, context in enumerate(["c", "a", "b"]):
        want(session, context=context, updated_at=float(number))
    assert [one.context for one in statuses.unsent(session, 9.0)] == ["c", "a", "b"]


_SAID = st.tuples(st.integers(1, 3), st.sampled_from(["pending", "success", "failure", "error"]), st.sampled_from("xy"))


@given(st.lists(_SAID, max_size=12))
def test_a_context_never_goes_back_whoever_reports_in_whatever_order(said):
    engine = create_engine("sqlite://")
    SQLModel.metadata.tables["status"].create(engine)
    with engine.connect() as session:
        session.info["topics"] = []
        best = (0, False)
        for generation, state, description in said:
            want(session, generation=generation, state=state, description=description)
            now = stored(session)
            reached = (now.generation, now.state != "pending")
            assert reached >= best
            if (generation, state != "pending") >= best:
                assert (now.generation, now.state, now.description) == (generation, state, description)
            best = reached
    engine.dispose()


def test_news_wake_whoever_shows_the_commit(station: Station):
    heard: list[Topic] = []
    for topic in (("statuses", ""), ("commit", ONE.sha)):
        station.database.hub.listen(topic, heard.append)
    station.database.write(lambda session: statuses.want(session, ONE))
    station.database.write(lambda session: statuses.want(session, ONE))
    assert heard == [("statuses", ""), ("commit", ONE.sha)]
