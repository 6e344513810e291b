"""Desired states become calls to the forge: in order, newest wins, patience where the forge asks for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pygit2
import pytest
from sqlalchemy.exc import DBAPIError

from service.forges import Access, Answer, Later, Refused
from service.forges.memory import MemorySender
from service.git.helper import Helper
from service.git.repository import Git
from service.loops.reporter import Reporter
from service.store import statuses
from service.store.codec import now
from service.store.database import Session
from service.store.statuses import Status
from tests.support.serving import until
from tests.support.station import Station, station_at
from webhooks.report import Request

SHA = "a" * 40
FLOW = "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"


@dataclass
class Desk:
    """A reporter over a station with the repository `site` on a forge."""

    station: Station
    sender: MemorySender = field(default_factory=MemorySender)

    def __post_init__(self) -> None:
        place = "http://127.0.0.1:9"
        self.site = self.station.repository("site", url=f"{place}/acme/site.git", api_url=place, forge="github", allow_private=True, token_from="env:TOKEN")
        self.reporter = Reporter(self.station.kit, self.sender)

    def want(self, state: str = "pending", context: str = "headgate/flows", *, generation: int = 1, sha: str = SHA, ago: float = 0.0) -> None:
        at = now().timestamp() - ago
        status = Status(self.site.id, sha, context, generation, state, f"it is {state}", "http://here", at)
        self.station.database.write(lambda session: statuses.want(session, status))

    def tick(self, **later: float) -> float:
        delay = self.reporter.tick(now() + timedelta(**later))
        self.reporter.rest()
        return delay

    def told(self) -> list[tuple[str, str]]:
        """What the forge has taken: context and state."""
        return [(request.json["context"], request.json["state"]) for request, _ in self.sender.sent]

    def rest(self) -> list[Status]:
        """What is still to be sent, whenever."""
        with self.station.database.read() as session:
            return list(statuses.unsent(session, now().timestamp() + 1e9))

    def stored(self) -> dict[str, Status]:
        with self.station.database.read() as session:
            return {one.context: one for one in statuses.of(session, self.site.id, SHA)}


@pytest.fixture
def desk(tmp_path: Path, helper: Helper) -> Iterator[Desk]:
    with station_at(tmp_path / "data", helper, environ={"TOKEN": "the-token"}) as station:
        desk = Desk(station)
        yield desk
        desk.reporter.close()


def test_a_state_is_sent_once_with_the_repositorys_token(desk: Desk):
    desk.want()
    desk.tick()
    assert desk.tick() == 60.0
    ((request, access),) = desk.sender.calls
    assert (request.method, request.url, access.token) == ("POST", f"http://127.0.0.1:9/repos/acme/site/statuses/{SHA}", "the-token")
    assert request.json == {"context": "headgate/flows", "state": "pending", "description": "it is pending", "target_url": "http://here"}


def test_what_ended_before_it_was_told_of_is_shown_as_begun_first(desk: Desk):
    desk.want("success")
    desk.tick()
    assert desk.told() == [("headgate/flows", "pending"), ("headgate/flows", "success")]


def test_what_was_shown_as_begun_is_not_shown_so_again(desk: Desk):
    desk.want("pending")
    desk.tick()
    desk.want("success")
    desk.tick()
    assert [state for _, state in desk.told()] == ["pending", "success"]


def test_the_newest_state_wins(desk: Desk):
    desk.sender.answer_next(Later(None, "502"))
    desk.want("pending")
    desk.tick()
    desk.want("failure")
    desk.tick(hours=1)
    assert [state for _, state in desk.told()][-1] == "failure"
    assert desk.rest() == []


def test_a_forge_that_fails_is_tried_again(desk: Desk):
    desk.sender.answer_next(Later(None, "502 Bad Gateway"), Later(None, "timeout"))
    desk.want()
    for _ in range(3):
        desk.tick(hours=1)
    assert (len(desk.sender.calls), desk.told(), desk.rest()) == (3, [("headgate/flows", "pending")], [])


def test_a_forge_that_wants_rest_gets_it_for_all_contexts(desk: Desk):
    desk.sender.answer_next(Later(120.0, "429"))
    for context in "abc":
        desk.want(context=context)
    desk.tick()
    assert len(desk.sender.calls) == 1
    desk.want(context="d")
    desk.tick(seconds=60)
    assert (len(desk.sender.calls), len(desk.rest())) == (1, 4)
    for _ in range(3):
        desk.tick(seconds=130)
    assert sorted(context for context, _ in desk.told()) == ["a", "b", "c", "d"]


def test_what_the_forge_will_never_take_is_given_up_with_its_reason(desk: Desk):
    desk.sender.answer_next(Refused("422: no such commit", 422))
    desk.want(context="a")
    desk.want(context="b")
    desk.tick()
    assert (desk.told(), desk.rest()) == ([("b", "pending")], [])
    assert desk.stored()["a"].error == "422: no such commit"


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_token_that_is_refused_may_be_mended(desk: Desk, code: int):
    desk.sender.answer_next(Refused(f"{code}: give a valid token", code))
    desk.want("success")
    desk.tick()
    assert (desk.told(), desk.stored()["headgate/flows"].error) == ([], f"{code}: give a valid token")
    desk.tick(seconds=601)
    assert [state for _, state in desk.told()] == ["pending", "success"]


def test_a_token_that_is_not_there_is_waited_for(tmp_path: Path, helper: Helper):
    environ = {"TOKEN": "the-token"}
    with station_at(tmp_path / "data", helper, environ=environ) as station:
        desk = Desk(station)
        environ.clear()  # the service was started again without it
        desk.want()
        desk.tick()
        assert desk.sender.calls == []
        assert "TOKEN, which is not set" in (desk.stored()["headgate/flows"].error or "")
        desk.reporter.close()


@pytest.mark.parametrize(
    ("state", "ago", "kept"), [("pending", 700.0, False), ("pending", 300.0, True), ("success", 700.0, True), ("success", 8 * 86_400.0, False)]
)
def test_old_news_is_not_tried_for_ever(desk: Desk, state: str, ago: float, kept: bool):
    desk.sender.answer_next(*[Later(None, "503")] * 3)
    desk.want(state, ago=ago)
    desk.tick()
    assert bool(desk.rest()) is kept


def test_a_crowd_of_contexts_is_not_shown_as_begun_first(desk: Desk):
    for number in range(30):
        desk.want("success", context=f"c{number}")
    desk.tick()
    assert [state for _, state in desk.told()] == ["success"] * 30


def test_a_new_generation_is_shown_as_begun_again(desk: Desk):
    desk.want("success")
    desk.tick()
    desk.want("success", generation=2)
    desk.tick()
    assert [state for _, state in desk.told()] == ["pending", "success"] * 2


def test_an_answer_that_crosses_newer_news_closes_nothing(desk: Desk):
    desk.want("pending")

    class Late(MemorySender):
        def send(self, request, access) -> Answer:
            if not self.calls:
                desk.want("failure")
            return super().send(request, access)

    desk.sender = Late()
    desk.reporter = Reporter(desk.station.kit, desk.sender)
    desk.tick()
    desk.tick()
    assert [state for _, state in desk.told()] == ["pending", "failure"]


# one for all, and none for the others


class Slow(MemorySender):
    """A forge that answers for one repository only when it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.asked, self.let_go = name, threading.Event(), threading.Event()

    def send(self, request: Request, access: Access) -> Answer:
        if access.repository == self.name:
            self.asked.set()
            self.let_go.wait()
        return super().send(request, access)


def crowd(desk: Desk, count: int = 300) -> None:
    """So many contexts of the repository `site`."""

    def action(session: Session) -> None:
        for number in range(count):
            statuses.want(session, Status(desk.site.id, f"{number:040x}", "headgate/flows", 1, "failure", "no", "http://here", now().timestamp()))

    desk.station.database.write(action)


def told_of(sender: MemorySender, name: str) -> int:
    return sum(access.repository == name for _, access in sender.sent)


def other_wants(desk: Desk, name: str = "other") -> None:
    place = "http://127.0.0.1:9"
    other = desk.station.repository(name, url=f"{place}/acme/{name}.git", api_url=place, forge="github", allow_private=True, token_from="env:TOKEN")
    desk.station.database.write(partial(statuses.want, status=Status(other.id, SHA, "c", 1, "pending", "", "http://here", now().timestamp() + 9)))


def test_a_forge_that_is_slow_holds_up_no_other_repository(desk: Desk):
    slow = Slow("site")
    reporter = Reporter(desk.station.kit, slow)
    crowd(desk)
    reporter.tick(now())
    try:
        until(slow.asked.is_set)
        other_wants(desk)
        # Who is at it wakes us: until then there is nothing to come back for.
        assert reporter.tick(now()) == 60.0
        until(lambda: told_of(slow, "other"))
        assert told_of(slow, "site") == 0
    finally:
        slow.let_go.set()
    until(lambda: reporter.tick(now()) == 60.0 and not desk.rest())
    assert told_of(slow, "site") == 300
    reporter.close()


def test_a_repository_with_much_to_say_lets_others_speak_in_between(desk: Desk):
    crowd(desk)
    other_wants(desk)
    desk.tick()
    assert (told_of(desk.sender, "other"), told_of(desk.sender, "site") < 100) == (1, True)


def test_a_forge_that_wants_rest_holds_up_no_other_repository(desk: Desk):
    crowd(desk)
    desk.sender.answer_next(Later(30.0, "429"))
    desk.tick()
    other_wants(desk)
    delay = desk.tick()
    assert (told_of(desk.sender, "other"), told_of(desk.sender, "site"), len(desk.sender.calls)) == (1, 0, 2)
    assert 0 < delay <= 30.0
    assert {one.error for one in desk.rest() if one.repository_id == desk.site.id} == {"429"}


class Picky(MemorySender):
    """A forge that never takes the statuses of one commit."""

    def __init__(self, sha: str, answer: Answer | Exception) -> None:
        super().__init__()
        self.sha, self.answer = sha, answer

    def send(self, request: Request, access: Access) -> Answer:
        if self.sha in request.url:
            if isinstance(self.answer, Exception):
                raise self.answer
            self.answer_next(self.answer)
        return super().send(request, access)


@pytest.mark.parametrize("answer", [Later(None, "502"), Later(60.0, "503"), Refused("no such commit", 404), ValueError("a fault of ours")])
def test_a_status_that_always_fails_holds_up_no_other(desk: Desk, answer: Answer | Exception, caplog: pytest.LogCaptureFixture):
    desk.sender = Picky(SHA, answer)
    desk.reporter = Reporter(desk.station.kit, desk.sender)
    desk.want("failure")
    for number in range(5):
        desk.want("success", context=f"c{number}", sha="b" * 40)
    with caplog.at_level(logging.CRITICAL):
        for hour in range(1, 4):
            desk.tick(hours=hour)
    assert sorted({context for context, _ in desk.told()}) == [f"c{number}" for number in range(5)]
    assert [one.sha for one in desk.rest()] == [SHA]


def test_a_forge_that_stays_down_is_asked_ever_more_seldom_however_much_waits(desk: Desk):
    crowd(desk, 30)
    desk.sender.answer_next(*[Later(None, "502")] * 8)
    for hour in range(1, 9):
        desk.tick(hours=hour)
    assert len(desk.sender.calls) == 8
    # The eighth time it is left alone for two minutes at the least.
    assert desk.tick() == 60.0
    assert len(desk.sender.calls) == 8


def test_a_forge_is_not_told_over_and_over_what_can_not_be_stored(desk: Desk, caplog: pytest.LogCaptureFixture):
    desk.want()
    # As with a full disk.
    refusing = "CREATE TRIGGER refusing BEFORE UPDATE ON status BEGIN SELECT RAISE(ABORT, 'refused'); END"
    desk.station.database.write(lambda session: session.exec_driver_sql(refusing))
    with caplog.at_level(logging.CRITICAL):
        desk.tick()
        for _ in range(3):
            with pytest.raises(DBAPIError, match="refused"):
                desk.tick()
    assert len(desk.sender.calls) == 1
    desk.station.database.write(lambda session: session.exec_driver_sql("DROP TRIGGER refusing"))
    desk.tick(minutes=1)
    assert desk.rest() == []


# the embedded host


def test_the_final_statuses_of_an_embedded_commit_become_one_note(station: Station):
    reporter = Reporter(station.kit, MemorySender())
    flow = "id: f\nnamespace: t\ntriggers: [{id: p, type: headgate.git.Push}]\ntasks: [{id: a, type: io.kestra.plugin.core.flow.Sleep, duration: PT1M}]\n"
    sha = station.push({".flows/f.yml": flow})
    station.tick()
    reporter.tick(now())
    reporter.rest()
    repository = pygit2.Repository(str(station.git.path("default")))
    assert "refs/notes/headgate" not in repository.references
    station.clock.forward(minutes=2)
    station.tick()
    reporter.tick(now())
    reporter.rest()
    note = repository.lookup_note(sha, "refs/notes/headgate").message
    assert [line.split("\t")[:2] for line in note.splitlines()] == [["headgate/flows", "success"], ["headgate/runs", "success"], ["headgate/t.f", "success"]]
    assert reporter.tick(now()) == 60.0
    reporter.close()


def test_a_commit_whose_note_can_not_be_written_holds_up_no_other(station: Station, caplog: pytest.LogCaptureFixture):
    shas = [station.push({".flows/f.yml": FLOW.replace("x", message)}) for message in ("one", "two", "three")]

    class Faulty(Git):
        def note(self, name: str, sha: str, text: str) -> None:
            if sha == shas[0]:
                raise RuntimeError("a fault of ours")
            super().note(name, sha, text)

    reporter = Reporter(replace(station.kit, git=Faulty(station.folder / "git", station.helper)), MemorySender())
    with caplog.at_level(logging.CRITICAL):
        reporter.tick(now())
        reporter.rest()
    repository = pygit2.Repository(str(station.git.path("default")))
    for sha in shas[1:]:
        assert "headgate/flows" in repository.lookup_note(sha, "refs/notes/headgate").message
    reporter.close()
