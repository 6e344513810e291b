"""What every Sender does, run over the real one (against the tests' forge) and the one in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from service.forges import Access, Answer, Later, Refused, Sender, Sent
from service.forges.memory import MemorySender
from service.forges.sender import HttpSender
from tests.support.forge import Forge
from tests.support.forge_api import BAD_GATEWAY, RESET, Failure, limited
from tests.support.repo import Repo
from webhooks import github
from webhooks.report import Report, ReportState, Request, Target


@dataclass
class Stage:
    """A sender, and what the other side did and will do."""

    sender: Sender
    target: Target
    sha: str
    access: Access
    taken: Callable[[], list[tuple[str, Any]]]
    will: Callable[[str], None]

    def report(self, state: ReportState, context: str = "headgate/flows") -> Request:
        (request,) = github.requests_for(Report(self.sha, context, state, "told", "https://ci.example.com/x"), self.target)
        return request

    def send(self, state: ReportState, context: str = "headgate/flows"):
        return self.sender.send(self.report(state, context), self.access)


@pytest.fixture
def memory():
    sender = MemorySender()
    answers: dict[str, Answer] = {"limit": Later(7.0, "asks"), "trouble": Later(None, "trouble"), "cut": Later(None, "cut"), "refuse": Refused("no", 422)}
    yield Stage(
        sender,
        Target("https://forge.example.com", "acme/demo"),
        "b" * 40,
        Access("demo", "token"),
        lambda: [(request.json["context"], request.json["state"]) for request, _ in sender.sent],
        lambda what: sender.answer_next(answers[what]),
    )
    sender.close()


@pytest.fixture
def http(tmp_path):
    failures = {"limit": limited(7), "trouble": BAD_GATEWAY, "cut": RESET, "refuse": Failure(422, message="no")}
    with Forge(tmp_path) as forge:
        forge.create("acme/demo")
        repo = Repo(tmp_path / "tree").commit()
        forge.push(repo, "acme/demo")
        sender = HttpSender(time.time, seconds=5.0)
        yield Stage(
            sender,
            Target(forge.api_url, "acme/demo"),
            repo.head,
            Access("demo", forge.token, allow_private=True),
            lambda: [(status["context"], status["state"]) for status in forge.history(repo.head)],
            lambda what: forge.fail_next(failures[what]),
        )
        sender.close()


@pytest.fixture(params=["memory", "http"])
def stage(request) -> Stage:
    return request.getfixturevalue(request.param)


def test_what_is_sent_arrives_in_order(stage):
    assert [stage.send(state) for state in (ReportState.PENDING, ReportState.SUCCESS)] == [Sent(), Sent()]
    assert stage.taken() == [("headgate/flows", "pending"), ("headgate/flows", "success")]


def test_a_limit_says_how_long_to_wait(stage):
    stage.will("limit")
    answer = stage.send(ReportState.PENDING)
    assert isinstance(answer, Later)
    assert answer.seconds == 7.0
    assert stage.taken() == []


@pytest.mark.parametrize("what", ["trouble", "cut"])
def test_trouble_passes_and_the_next_try_arrives(stage, what):
    stage.will(what)
    answer = stage.send(ReportState.FAILURE)
    assert isinstance(answer, Later)
    assert answer.seconds is None
    assert stage.send(ReportState.FAILURE) == Sent()
    assert stage.taken() == [("headgate/flows", "failure")]


def test_a_refusal_is_for_people(stage):
    stage.will("refuse")
    answer = stage.send(ReportState.ERROR)
    assert isinstance(answer, Refused)
    assert answer.status == 422
    assert answer.reason


def test_several_threads_may_send(stage):
    contexts = [f"headgate/{number}" for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda context: stage.send(ReportState.SUCCESS, context), contexts))
    assert answers == [Sent()] * 12
    assert sorted(stage.taken()) == sorted((context, "success") for context in contexts)


def test_an_access_never_shows_its_token():
    assert "hunter2" not in repr(Access("demo", "hunter2"))
