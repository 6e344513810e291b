"""Slack's tasks, against an HTTP server on loopback that takes messages as Slack does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from runners.protocol import Egress, Facts, Result
from runners.tasks import find
from tests.runners.far import HERE
from tests.runners.playing import job, play
from tests.support.loopback import Handler, Server

WEBHOOK = "io.kestra.plugin.slack.notifications.SlackIncomingWebhook"
EXECUTION = "io.kestra.plugin.slack.notifications.SlackExecution"
FACTS = Facts(
    execution="4ZkW",
    namespace="company.team",
    flow="load",
    revision=3,
    state="FAILED",
    link="http://headgate.example/executions/4ZkW",
    started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    seconds=61.5,
    labels={"env": "prod", "team": "data"},
    failed="extract",
    reason="exit code 1 <x>",
)


@dataclass
class Slack:
    """What was posted, and what is answered."""

    url: str = ""
    posts: list[dict] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    text: bytes = b"ok"
    hang: float = 0.0

    @property
    def message(self) -> dict:
        (only,) = self.posts
        return only


@pytest.fixture
def slack() -> Iterator[Slack]:
    slack = Slack()

    class Taking(Handler):
        def respond(self) -> None:
            with self.body() as body:
                content = body.read()
            slack.heads.append(dict(self.headers))
            if slack.hang:
                self.hang(slack.hang)
                return
            slack.posts.append(json.loads(content))
            self.answer(slack.status, [("Location", f"{slack.url}/elsewhere")] if slack.status == 302 else [], slack.text)

    server = Server(Taking)
    server.start()
    slack.url = f"{server.url}/services/T000/B000/hidden-part"
    yield slack
    server.stop()
    assert server.faults == []


def sent(tmp_path, slack: Slack, type: str = WEBHOOK, egress: Egress = HERE, **spec):
    facts = FACTS if type == EXECUTION else None
    return play(tmp_path, job("one", type=type, spec={"url": slack.url, **spec}, facts=facts, egress=egress))


@pytest.mark.parametrize("type", [WEBHOOK, EXECUTION])
def test_what_the_job_may_not_reach_is_told_nothing(tmp_path, slack, type):
    own = Egress(private=True, own_port=int(slack.url.split(":")[2].split("/")[0]))
    for number, (egress, why) in enumerate(((Egress(), "an address of a private network"), (own, "is this service itself"))):
        outcome, _ = sent(tmp_path / str(number), slack, type, egress, **({"messageText": "x"} if type == WEBHOOK else {}))
        assert outcome.result is Result.FAILED
        assert why in str(outcome.message)
        assert "hidden-part" not in str(outcome.message)
    assert slack.posts == []


def test_a_text_is_the_message_whatever_is_in_it(tmp_path, slack):
    outcome, _ = sent(tmp_path, slack, messageText='Status: 500\n"quoted" <b> é')
    assert (outcome.result, outcome.outputs) == (Result.SUCCESS, {})
    assert slack.message == {"text": 'Status: 500\n"quoted" <b> é'}
    assert slack.heads[0]["Content-Type"] == "application/json; charset=UTF-8"


@pytest.mark.parametrize("payload", ['{"channel": "#a", "text": "hi", "n": 1.5}', {"channel": "#a", "text": "hi", "n": 1.5}])
def test_a_payload_is_sent_as_it_is_text_or_map(tmp_path, slack, payload):
    assert sent(tmp_path, slack, payload=payload)[0].result is Result.SUCCESS
    assert slack.message == {"channel": "#a", "text": "hi", "n": 1.5}


def test_a_text_joins_a_payload(tmp_path, slack):
    sent(tmp_path, slack, payload={"channel": "#a", "text": "old"}, messageText="new")
    assert slack.message == {"channel": "#a", "text": "new"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "there is nothing to send: set messageText or payload"),
        ({"payload": '{"text": "a "b""}'}, "payload is not JSON (line 1, column 14: Expecting ',' delimiter); a value with quotes"),
        ({"payload": "[1]"}, "payload must be a JSON object"),
        ({"messageText": "x" * 1_000_001}, "1,000,000 are the most that is sent"),
        ({"url": "hooks.slack.com/x", "messageText": "x"}, "url: not an address of the web"),
        ({"url": "file:///etc/passwd", "messageText": "x"}, "url: not an address of the web"),
        ({"url": "http://127.0.0.1:9/hidden-part", "messageText": "x"}, "127.0.0.1 can't be reached: "),
        ({"messageText": "x", "options": {"defaultCharset": "none"}}, "there is no encoding 'none'"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_sent(tmp_path, slack, spec, message):
    outcome, _ = sent(tmp_path, slack, **spec)
    assert outcome.result is Result.FAILED
    assert message in str(outcome.message)
    assert slack.posts == []


@pytest.mark.parametrize(("status", "text"), [(404, b"no_team"), (400, b"invalid_payload"), (302, b""), (500, b"\xff" * 100_000)])
def test_an_answer_that_is_no_success_fails_the_task_and_hides_the_address(tmp_path, slack, status, text):
    slack.status, slack.text = status, text
    outcome, lines = sent(tmp_path, slack, messageText="x")
    assert outcome.result is Result.FAILED
    assert str(outcome.message).startswith(f"127.0.0.1 answered {status}")
    assert text.decode("utf-8", "replace")[:100] in str(outcome.message)
    assert len(str(outcome.message)) < 2_100
    assert "hidden-part" not in f"{outcome.message} {lines}"
    assert len(slack.posts) == 1


def test_a_silent_server_is_not_waited_for(tmp_path, slack):
    slack.hang = 60.0
    outcome, _ = sent(tmp_path, slack, messageText="x", options={"readTimeout": "PT0.3S"})
    assert outcome.message == "127.0.0.1 can't be reached: it took too long"


def test_headers_and_the_encoding_are_the_authors(tmp_path, slack):
    sent(tmp_path, slack, messageText="x", options={"headers": {"X-Own": "1"}, "defaultCharset": "utf-8"})
    assert slack.heads[0]["X-Own"] == "1"


def test_an_execution_is_told_of_with_its_facts(tmp_path, slack):
    outcome, _ = sent(tmp_path, slack, EXECUTION, channel="#alerts", username="bot", iconEmoji=":warning:", customFields={"Owner": "Ann", "Rows": 3})
    assert outcome.result is Result.SUCCESS, outcome.message
    message = slack.message
    assert message["text"] == "<http://headgate.example/executions/4ZkW|company.team.load ended FAILED after PT61.5S>"
    assert (message["channel"], message["username"], message["icon_emoji"]) == ("#alerts", "bot", ":warning:")
    assert "icon_url" not in message
    (attachment,) = message["attachments"]
    assert (attachment["color"], attachment["title_link"]) == ("danger", FACTS.link)
    assert {one["title"]: one["value"] for one in attachment["fields"]} == {
        "Namespace": "company.team",
        "Flow": "load",
        "Execution": "4ZkW",
        "State": "FAILED",
        "Duration": "PT61.5S",
        "Started": "2026-01-02T03:04:05+00:00",
        "Failed task": "extract: exit code 1 &lt;x&gt;",
        "Labels": "env: prod, team: data",
        "Owner": "Ann",
        "Rows": "3",
    }


def test_an_own_message_and_a_payload_go_first(tmp_path, slack):
    sent(tmp_path, slack, EXECUTION, customMessage="Look here", payload='{"channel": "#b"}')
    assert (slack.message["text"], slack.message["channel"]) == ("Look here", "#b")


def test_an_execution_that_still_runs_and_has_a_failed_task_says_so(tmp_path, slack):
    spec = {"url": slack.url}
    play(tmp_path, job("one", type=EXECUTION, spec=spec, facts=replace(FACTS, state="RUNNING"), egress=HERE))
    assert slack.message["attachments"][0]["title"] == "company.team.load has a failed task after PT61.5S"
    assert slack.message["attachments"][0]["color"] == "danger"


def test_all_three_spellings_are_one_class():
    for type in (WEBHOOK, EXECUTION):
        name = type.rpartition(".")[2]
        assert set(find(type).ALIASES) == {f"io.kestra.plugin.notifications.slack.{name}", f"io.kestra.plugin.slack.{name}"}
