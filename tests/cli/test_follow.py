"""A log that is followed over a lost connection: every entry once, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.cli import follow
from service.cli.client import Api, Lost
from tests.support.loopback import Handler, Server

Serving = Callable[[list[tuple[int, bytes]]], str]


def entry(number: int, message: str = "") -> dict[str, Any]:
    return {
        "taskRunId": "r",
        "attemptNumber": 0,
        "timestamp": f"2026-01-01T00:00:0{number}Z",
        "level": "INFO",
        "taskId": "t",
        "message": message or str(number),
    }


def stream(*entries: dict[str, Any], end: bool = False) -> tuple[int, bytes]:
    events = [("start", {}), *(("progress", found) for found in entries), *([("end", {})] if end else [])]
    return 200, "".join(f"event: {name}\nid: {name}\ndata: {json.dumps(value)}\n\n" for name, value in events).encode()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server that gives these answers one after the other, then hangs up."""
    monkeypatch.setattr(follow, "PAUSE", 0.01)
    started: list[Server] = []

    def start(answers: list[tuple[int, bytes]]) -> str:
        left = iter(answers)

        class Scripted(Handler):
            def respond(self) -> None:
                status, content = next(left, (0, b""))
                if not status:
                    self.reset()
                    return
                self.answer(status, [("Content-Type", "text/event-stream" if status == 200 else "application/problem+json")], content)

        server = Server(Scripted)
        server.start()
        started.append(server)
        return server.url

    yield start
    for server in started:
        server.stop()


def test_a_stream_that_begins_anew_repeats_nothing(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = entry(1), entry(2), entry(3)
    url = serving([stream(one, two), (503, b'{"message": "starting"}'), stream(one), (0, b""), stream(one, two, three, end=True)])
    assert list(follow.entries(Api(url), "x")) == [one, two, three]
    # Each loss is told once, however many tries it takes.
    assert capsys.readouterr().err.count("trying again for 60 s") == 2


def test_equal_entries_are_as_many_as_they_were(serving: Serving) -> None:
    same = entry(1, "again")
    url = serving([stream(same, same), stream(same, same, same, end=True)])
    assert list(follow.entries(Api(url), "x")) == [same, same, same]


def test_a_server_that_stays_away_is_given_up(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    with pytest.raises(Lost):
        list(follow.entries(Api(serving([stream(entry(1))])), "x"))


def test_an_entry_that_is_no_entry_is_passed_over(serving: Serving) -> None:
    odd = b"event: progress\ndata: [1]\n\nevent: progress\ndata: {broken\n\n"
    status, rest = stream(entry(1), end=True)
    assert list(follow.entries(Api(serving([(status, odd + rest)])), "x")) == [entry(1)]


@pytest.mark.parametrize(("state", "code"), [("SUCCESS", 0), ("WARNING", 0), ("FAILED", 1), ("KILLED", 1), ("CANCELLED", 1), ("SKIPPED", 1)])
def test_the_exit_code_follows_the_final_state(state: str, code: int) -> None:
    assert follow.exit_code(state) == code
