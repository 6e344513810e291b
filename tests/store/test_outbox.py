"""The outbox of statuses: what is wanted, in which order, and what the forge has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from tests.support.cost import steps
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
    assert (statuses.unsent(session, 49.0), statuses.next_tries(session)) == ((), {ONE.repository_id: 50.0})
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


def test_a_crowd_of_one_repository_hides_no_other(session: Session):
    for number in range(20):
        want(session, repository_id="crowd", context=f"{number}", updated_at=1.0)
    want(session, repository_id="one", updated_at=2.0)
    want(session, repository_id="later", updated_at=2.0)
    (later,) = statuses.unsent(session, 9.0, repository="later")
    statuses.put_off(session, later, 50.0, "503")
    assert statuses.next_tries(session) == {"crowd": 0.0, "one": 0.0, "later": 50.0}
    assert [len(statuses.unsent(session, 9.0, 5, name)) for name in ("crowd", "one", "later")] == [5, 1, 0]


def test_what_failed_comes_after_what_was_not_tried(session: Session):
    for number, context in enumerate("abc"):
        want(session, context=context, updated_at=float(number))
    for context in "aab":
        failed = next(one for one in statuses.of(session, ONE.repository_id, ONE.sha) if one.context == context)
        statuses.put_off(session, failed, 5.0, "502")
    assert [one.context for one in statuses.unsent(session, 9.0)] == ["c", "b", "a"]


def test_one_repository_is_held_as_a_whole_and_nobody_else(session: Session):
    for repository, context, until in (("held", "a", 0.0), ("held", "b", 90.0), ("held", "sent", 0.0), ("free", "a", 0.0)):
        want(session, repository_id=repository, context=context)
        (one,) = [one for one in statuses.unsent(session, 0.0, repository=repository) if one.context == context]
        if until:
            statuses.put_off(session, one, until, "its own")
        if context == "sent":
            statuses.sent(session, one)
    statuses.hold(session, "held", 50.0, "429")
    assert statuses.next_tries(session) == {"held": 50.0, "free": 0.0}
    assert [(one.context, one.error) for one in statuses.of(session, "held", ONE.sha)] == [("a", "429"), ("b", "its own"), ("sent", None)]


@pytest.mark.parametrize(
    "query", [statuses.next_tries, lambda session: statuses.unsent(session, 9.0, 5, "a"), lambda session: statuses.unsent(session, 9.0, 5, "nobody")]
)
def test_a_look_costs_what_waits_and_not_what_was(station: Station, query: Callable[[Session], object]):
    def more(count: int, context: str, *, sent: bool) -> None:
        def action(session: Session) -> None:
            for number in range(count):
                status = replace(ONE, repository_id="a", sha=f"{number:040x}", context=context)
                statuses.want(session, status)
                if sent:
                    statuses.sent(session, status)

        station.database.write(action)

    more(20, "waits", sent=False)
    before = steps(station.database, query)
    more(1000, "sent", sent=True)
    assert steps(station.database, query) <= before * 1.1


def test_what_waits_is_read_no_further_than_it_is_sent(station: Station):
    def more(count: int, repository: str) -> None:
        def action(session: Session) -> None:
            for number in range(count):
                statuses.want(session, replace(ONE, repository_id=repository, sha=f"{number:040x}", updated_at=float(number)))

        station.database.write(action)

    more(20, "a")
    before = steps(station.database, lambda session: statuses.unsent(session, 9.0, 5, "a"))
    more(1000, "a")
    more(1000, "b")
    assert steps(station.database, lambda session: statuses.unsent(session, 9.0, 5, "a")) <= before * 1.1


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
