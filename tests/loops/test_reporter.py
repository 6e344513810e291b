"""Desired states become calls to the forge: in order, newest wins, patience where the forge asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pygit2
import pytest

from service.forges import Answer, Later, Refused
from service.forges.memory import MemorySender
from service.git.helper import Helper
from service.loops.reporter import Reporter
from service.store import statuses
from service.store.codec import now
from service.store.statuses import Status
from tests.support.station import Station, station_at

SHA = "a" * 40


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
    with station_at(tmp_path / "data", helper) as station:
        desk = Desk(station)
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
